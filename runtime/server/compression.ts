/** Answers under gzip or deflate, for callers who ask and bodies that gain from it. */
import { promisify } from 'node:util';
import { constants, deflate, gzip } from 'node:zlib';

const encoders = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

/** A content coding that this server writes. */
export type Coding = keyof typeof encoders;

/** Below this size a head of its own and a trip to another thread cost more than the bytes saved. */
const worthwhileBytes = 1024;

function isRefused(parameters: readonly string[]): boolean {
  return parameters.some((parameter) => /^\s*q=0(?:\.0*)?\s*$/i.test(parameter));
}

/** The first coding of an Accept-Encoding that this server writes and the caller does not refuse with `q=0`. */
export function codingOf(header: string | undefined): Coding | undefined {
  if (header === undefined) return undefined;
  for (const part of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';');
    const coding = name.trim();
    if ((coding === 'gzip' || coding === 'deflate') && !isRefused(parameters)) return coding;
  }
  return undefined;
}

/** Whether a body of so many bytes is worth the work. */
export function isWorthwhile(byteLength: number): boolean {
  return byteLength >= worthwhileBytes;
}

/** Compresses in a thread of Node's pool, at the level that costs least: cores here belong to models. */
export function compress(body: string | Buffer, coding: Coding): Promise<Buffer> {
  return encoders[coding](body, { level: constants.Z_BEST_SPEED });
}
