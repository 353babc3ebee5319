/** Runs the cluster's shell scripts in a cache folder of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';

const folders: string[] = [];
const running = new Set<ChildProcess>();

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A new folder below the one for temporary files; gone after the last test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'limbeck-shell-'));
  folders.push(folder);
  return folder;
}

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

export interface Shell {
  readonly ended: Promise<Ended>;
  /** What it has said so far: on standard output, and on standard error. */
  readonly said: () => string;
  readonly error: () => string;
}

/** Starts a script that has sourced these parts of `cluster/`, as its own scripts do: what fails ends it. */
export function start(parts: readonly string[], script: string, cache = newFolder()): Shell {
  const sourced = parts.map((part) => `. cluster/${part}`).join('\n');
  const env = { ...process.env, LIMBECK_CACHE: cache };
  const child = spawn('bash', ['-c', `set -euo pipefail\nshopt -s inherit_errexit\n${sourced}\n${script}`], { env });
  running.add(child);
  const said = { out: '', error: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.error += chunk.toString()));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, ...said });
    });
  });
  return { ended, said: () => said.out, error: () => said.error };
}

export const run = (parts: readonly string[], script: string, cache?: string): Promise<Ended> =>
  start(parts, script, cache).ended;
