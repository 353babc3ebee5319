/** Reads a request's body within a limit, and undoes gzip and deflate within the same limit. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createGunzip, createInflate } from 'node:zlib';
import { keep, whole } from '../../process/pieces.ts';
import { abandoned, invalid, Refusal, unavailable } from './protocol/errors.ts';
import { parseJson } from './protocol/json.ts';
import { footprintOf } from './protocol/json-footprint.ts';

type Exchange = readonly [request: IncomingMessage, response: ServerResponse];

const decoders = { gzip: createGunzip, deflate: createInflate } as const;

/** Bytes that decompression gives at a time. */
const pieceBytes = 64 << 10;

/** More than a body may have. */
export function tooLarge(limitBytes: number): Refusal {
  return new Refusal({ kind: 'tooLarge' }, `the body is larger than ${limitBytes} bytes`);
}

/** Bodies of up to so many bytes have more room, so that a few large ones that come slowly do not shut out everybody. */
const smallBytes = 64 << 10;
const reserveBytes = 4 << 20;

/** Part of an answer for which there must be room. */
const leastFree = 1 / 8;

/**
 * Bytes of bodies in memory, and of what they become there, of all requests together, each from its first byte until its request is
 * answered.
 */
export class BodyBudget {
  /** The most that one body can ever have. */
  readonly mostBytes: number;
  readonly #bytes: number;
  #freeBytes: number;

  constructor(bytes: number) {
    this.mostBytes = Math.max(bytes, reserveBytes);
    [this.#bytes, this.#freeBytes] = [bytes, bytes];
  }

  /** The most that a body of so many bytes can ever have. */
  mostOf(wholeBytes: number): number {
    return wholeBytes <= smallBytes ? this.mostBytes : this.#bytes;
  }

  /** Takes more of a body that will have `wholeBytes` as far as is known. False, and nothing taken, when that much is not free. */
  take(bytes: number, wholeBytes: number): boolean {
    const reserve = wholeBytes <= smallBytes ? reserveBytes : 0;
    if (bytes > this.#freeBytes + reserve) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  /**
   * Takes of `bytes` as many as are free, and tells how many: what is kept for small bodies stays theirs. None where too few are
   * free: else each of many that are made at the same time would find the few bytes that the last has given back.
   */
  takeFree(bytes: number): number {
    const taken = Math.min(bytes, this.#freeBytes);
    if (taken < Math.min(bytes, this.#bytes) * leastFree) return 0;
    this.#freeBytes -= taken;
    return taken;
  }

  give(bytes: number): void {
    this.#freeBytes += bytes;
  }
}

/** More than all bodies together may take, be there no other. */
export function tooMany(mostBytes: number): Refusal {
  const sentence = `the body has so many values that it takes more than ${mostBytes} bytes once it is parsed`;
  return new Refusal({ kind: 'tooLarge' }, `${sentence}; numbers that are sent as bytes take no more than they are`);
}

/** Not now: other bodies are in memory. */
export function noRoom(): Refusal {
  return unavailable('the bodies and answers of other requests fill the memory that these may take');
}

/** What bodies may take. */
export interface BodyLimits {
  /** Largest body, before and after decompression. */
  readonly maxBodyBytes: number;
  readonly bodies: BodyBudget;
}

/** A request must be whole within a minute, or the time that the largest body takes at this rate: what comes slower holds memory. */
const leastBytesPerMs = 1 << 10;

/** How long a request may take to come, in milliseconds. */
export function wholeWithinMs({ maxBodyBytes }: Pick<BodyLimits, 'maxBodyBytes'>): number {
  return Math.max(60_000, Math.ceil(maxBodyBytes / leastBytesPerMs));
}

/** Whatever answers a request. */
interface Answering {
  readonly closed: boolean;
  on(event: 'close', listener: () => void): unknown;
}

/** Of each request that is not over. */
const shares = new WeakMap<Answering, readonly Share[]>();

/** What an answer was made of is needed no more once that is there, and what it holds is there for the answer. */
export function releaseAll(response: Answering): void {
  for (const share of shares.get(response) ?? []) share.release();
}

/** What one request holds of the budget; given back when its response is over, however it ended. */
export class Share {
  readonly #budget: BodyBudget;
  readonly #announcedBytes: number;
  #heldBytes = 0;
  #over: boolean;

  constructor(budget: BodyBudget, response: Answering, announcedBytes: number) {
    this.#budget = budget;
    this.#announcedBytes = announcedBytes;
    this.#over = response.closed;
    shares.set(response, [...(shares.get(response) ?? []), this]);
    response.on('close', () => {
      this.#over = true;
      this.release();
    });
  }

  /** Gives back what it holds so far. */
  release(): void {
    this.#budget.give(this.#heldBytes);
    this.#heldBytes = 0;
  }

  /** Holds an answer until it is read. It is there already: the last that finds room may be larger than that, eight times at most. */
  answer(bytes: number): void {
    if (this.#over) throw abandoned();
    const taken = this.#budget.takeFree(bytes);
    if (taken === 0) throw noRoom();
    this.#heldBytes += taken;
  }

  /** Holds no less than `bytes` of a body that is whole. */
  become(bytes: number): void {
    if (this.#over) throw abandoned();
    const more = bytes - this.#heldBytes;
    if (more <= 0) return;
    const wholeBytes = Math.max(this.#announcedBytes, this.#heldBytes);
    const most = this.#budget.mostOf(wholeBytes);
    if (bytes > most) throw tooMany(most);
    if (!this.#budget.take(more, wholeBytes)) throw noRoom();
    this.#heldBytes += more;
  }

  /** Holds what is made of a body that is whole, beside the body. `never` tells of what would find no room be there no other. */
  make(bytes: number, never: (mostBytes: number) => Refusal): void {
    const wholeBytes = Math.max(this.#announcedBytes, this.#heldBytes + bytes);
    const most = this.#budget.mostOf(wholeBytes);
    if (this.#heldBytes + bytes > most) throw never(most);
    this.hold(bytes);
  }

  /** Refused rather than waited for: whoever waits would hold what it has already, and all could wait for each other. */
  hold(bytes: number): void {
    // Nobody would give it back: the caller may go while a body is decompressed.
    if (this.#over) throw abandoned();
    const wholeBytes = Math.max(this.#announcedBytes, this.#heldBytes + bytes);
    if (!this.#budget.take(bytes, wholeBytes)) throw noRoom();
    this.#heldBytes += bytes;
  }
}

function collect(request: IncomingMessage, limitBytes: number, share: Share): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] | undefined = [];
    let size = 0;
    // What follows is read and forgotten, so that the caller gets to read the answer.
    const refuse = (error: unknown): void => {
      chunks = undefined;
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    request.on('data', (chunk: Buffer) => {
      if (chunks === undefined) return;
      size += chunk.length;
      try {
        if (size > limitBytes) throw tooLarge(limitBytes);
        share.hold(chunk.length);
        keep(chunks, chunk);
      } catch (error) {
        refuse(error);
      }
    });
    request.on('end', () => {
      if (chunks === undefined) return;
      const all = whole(chunks);
      // The request lives on, and would have it a second time.
      chunks = undefined;
      resolve(all);
    });
    request.on('error', () => reject(abandoned()));
  });
}

/** Each piece is held as it comes: a thousandth of its bytes can ask for it, in many requests at a time. */
export async function decompress(
  bytes: Buffer,
  encoding: 'gzip' | 'deflate',
  [limitBytes, share]: readonly [number, Share],
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  const decoder = decoders[encoding]({ chunkSize: pieceBytes });
  decoder.end(bytes);
  try {
    for await (const piece of decoder as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > limitBytes) throw tooLarge(limitBytes);
      share.hold(piece.length);
      pieces.push(piece);
    }
  } catch (error) {
    throw error instanceof Refusal ? error : invalid(`the body is not ${encoding}`);
  }
  return whole(pieces);
}

/** How much of a body of some length may be JSON. */
type TextLength = (bodyLength: number) => number;

const allOfIt: TextLength = (bodyLength) => bodyLength;

/**
 * The whole body, decompressed. Refuses what exceeds the largest body, or would once it is parsed, with 413, and what other bodies
 * leave no room for with 503.
 */
export async function readBody(exchange: Exchange, limits: BodyLimits, textLength = allOfIt): Promise<Buffer> {
  const [bytes] = await heldBody(exchange, limits, textLength);
  return bytes;
}

/** The same, and what its request holds, for who makes more of a body than it is. */
export async function heldBody(
  exchange: Exchange,
  limits: BodyLimits,
  textLength = allOfIt,
): Promise<readonly [Buffer, Share]> {
  const [bytes, share] = await wholeBody(exchange, limits);
  const text = bytes.subarray(0, textLength(bytes.length));
  share.become(bytes.length - text.length + footprintOf(text, limits.bodies.mostBytes));
  return [bytes, share];
}

async function wholeBody([request, response]: Exchange, limits: BodyLimits): Promise<readonly [Buffer, Share]> {
  const limitBytes = limits.maxBodyBytes;
  const encoding = request.headers['content-encoding']?.toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip' && encoding !== 'deflate') {
    throw new Refusal(
      { kind: 'unsupportedEncoding' },
      `the Content-Encoding '${encoding.slice(0, 40)}' is none of gzip, deflate`,
    );
  }
  const announcedBytes = Number(request.headers['content-length'] ?? 0);
  if (announcedBytes > limitBytes) throw tooLarge(limitBytes);
  const share = new Share(limits.bodies, response, announcedBytes);
  const bytes = await collect(request, limitBytes, share);
  return [encoding === 'identity' ? bytes : await decompress(bytes, encoding, [limitBytes, share]), share];
}

/** A body that is one JSON value; undefined when there is none. */
export async function readJsonBody(exchange: Exchange, limits: BodyLimits): Promise<unknown> {
  const bytes = await readBody(exchange, limits);
  return bytes.length === 0 ? undefined : parseJson(bytes);
}
