/**
 * The body of a request, read ahead up to a limit: a slow sender then costs no replica a seat, and a request that
 * loses its replica can be sent again. What is longer is streamed after what was read. All bodies together stay
 * within one budget; when that is spent, bodies stay in the sender's socket and are streamed from there.
 */
import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../process/clock.ts';
import { hasBody } from './answers.ts';

export interface BodyRules {
  /** Largest body, bytes. */
  readonly maxBytes: number;
  /** Read ahead at most this much of one body, bytes. */
  readonly aheadBytes: number;
  readonly pace: Pace;
  readonly budget: Budget;
  readonly clock: Clock;
}

/** What a sender is waited for at most. */
export interface Pace {
  /** Longest silence, and as much waiting as is not counted, ms. */
  readonly idleMs: number;
  /** On average, apart from that: one who sends a byte now and then would keep memory, and a seat, for ever. */
  readonly bytesPerSecond: number;
}

/** How long a sender was waited for, and how much came of it. Time in which nobody read does not count. */
class Patience {
  readonly #rules: BodyRules;
  #waitedMs = 0;
  #bytes = 0;

  constructor(rules: BodyRules) {
    this.#rules = rules;
  }

  /** Waits for the next bytes; `late` is called when they take too long. Returns what to call when they came, or never will. */
  wait(late: () => void): (bytes: number) => void {
    const { clock, pace } = this.#rules;
    const sinceMs = clock.monotonicMs();
    const earnedMs = pace.idleMs + (this.#bytes / pace.bytesPerSecond) * 1000;
    const cancel = clock.after(Math.max(0, Math.min(pace.idleMs, earnedMs - this.#waitedMs)), late);
    return (bytes) => {
      cancel();
      this.#waitedMs += clock.monotonicMs() - sinceMs;
      this.#bytes += bytes;
    };
  }
}

/** Bytes that may be held in memory for all requests together. */
export class Budget {
  #free: number;
  constructor(bytes: number) {
    this.#free = bytes;
  }
  get free(): number {
    return this.#free;
  }
  take(bytes: number): boolean {
    if (bytes > this.#free) return false;
    this.#free -= bytes;
    return true;
  }
  give(bytes: number): void {
    this.#free += bytes;
  }
}

export const tooSlow = 'the body stopped coming, or came too slowly';

export type BodyFault = 'tooLarge' | 'tooSlow';

/** Thrown into the stream of a body that breaks the rules on its way. */
export class BodyError extends Error {
  readonly fault: BodyFault;
  constructor(fault: BodyFault) {
    super(fault === 'tooLarge' ? 'the body is too large' : tooSlow);
    this.fault = fault;
  }
}

export const declaredBytes = ({ headers }: IncomingMessage): number => Number(headers['content-length'] ?? 0);

export class Body {
  readonly #request: IncomingMessage;
  readonly #rules: BodyRules;
  readonly #patience: Patience;
  readonly #chunks: Buffer[] = [];
  #taken = 0;
  #whole: boolean;
  #streamed = false;

  constructor(request: IncomingMessage, rules: BodyRules) {
    this.#request = request;
    this.#rules = rules;
    this.#patience = new Patience(rules);
    this.#whole = !hasBody(request);
  }

  /** True while the body can be sent again from its beginning: nothing was streamed past what was read ahead. */
  get repeatable(): boolean {
    return !this.#streamed;
  }

  /** Calls `done` once: when the body is there as far as it is read ahead, or when it broke a rule. */
  readAhead(done: (fault?: BodyFault) => void): void {
    if (this.#whole) {
      done();
      return;
    }
    if (declaredBytes(this.#request) > this.#rules.maxBytes) {
      done('tooLarge');
      return;
    }
    const request = this.#request;
    const finish = (fault?: BodyFault): void => {
      came(0);
      request.off('data', take).off('end', end).off('close', gone);
      if (!this.#whole) request.pause();
      done(fault);
    };
    const gone = (): void => came(0);
    const late = (): void => finish('tooSlow');
    let came = this.#patience.wait(late);
    const take = (chunk: Buffer): void => {
      came(chunk.length);
      came = this.#patience.wait(late);
      if (!this.#keep(chunk)) finish(this.#taken > this.#rules.maxBytes ? 'tooLarge' : undefined);
    };
    const end = (): void => {
      this.#whole = true;
      finish();
    };
    request.on('data', take).on('end', end).on('close', gone);
  }

  /** What to send: nothing, bytes, or a stream that continues where the reading ahead stopped. */
  open(): Buffer | Readable | null {
    if (!this.#whole) return Readable.from(this.#stream(), { objectMode: false });
    const [first] = this.#chunks;
    if (first === undefined) return null;
    return this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
  }

  /** Gives the memory back. */
  close(): void {
    this.#rules.budget.give(this.#taken);
    this.#taken = 0;
    this.#chunks.length = 0;
  }

  /** False: enough is read ahead. A chunk that has arrived is kept in any case. */
  #keep(chunk: Buffer): boolean {
    const { budget, aheadBytes, maxBytes } = this.#rules;
    const within = budget.take(chunk.length);
    if (!within) budget.give(-chunk.length);
    this.#taken += chunk.length;
    this.#chunks.push(chunk);
    return within && this.#taken < Math.min(aheadBytes, maxBytes + 1) && budget.free > 0;
  }

  async *#stream(): AsyncGenerator<Buffer> {
    const { maxBytes } = this.#rules;
    let sent = 0;
    const late = (): void => void this.#request.destroy(new BodyError('tooSlow'));
    for (const chunk of this.#chunks) {
      sent += chunk.length;
      yield chunk;
    }
    this.#streamed = true;
    let came = this.#patience.wait(late);
    try {
      for await (const chunk of this.#request.iterator({ destroyOnReturn: false })) {
        const bytes = chunk as Buffer;
        came(bytes.length);
        sent += bytes.length;
        if (sent > maxBytes) throw new BodyError('tooLarge');
        yield bytes;
        came = this.#patience.wait(late);
      }
    } finally {
      came(0);
    }
  }
}
