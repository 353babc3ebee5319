import { resolve } from 'node:path';

/**
 * Of a process of ours that a test starts: where it finds programs, and where Node keeps what it has made of our sources.
 * That takes half of a start.
 */
export const childEnvironment = {
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE: resolve('build/node-compile'),
} as const;
