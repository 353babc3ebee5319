/**
 * The body of a request, read ahead up to a limit: a slow sender then costs no replica a seat, and a request that
 * loses its replica can be sent again. What is longer is streamed after what was read. All bodies together stay
 * within one budget; when that is spent, bodies stay in the sender's socket and are streamed from there. What has come before the
 * socket is left alone is in memory all the same, up to 64 KiB of each: where thousands come at once, those beyond a reserve are refused.
 */
import type { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../process/clock.ts';
import { keep, whole } from '../../process/pieces.ts';
import { hasBody } from './answers.ts';
import { BodyStream, type Breach } from './body-stream.ts';
import { Patience, type Pace } from './pace.ts';

export interface BodyRules {
  /** Largest body, bytes. */
  readonly maxBytes: number;
  /** Read ahead at most this much of one body, bytes. */
  readonly aheadBytes: number;
  readonly pace: Pace;
  readonly budget: Memory;
  readonly clock: Clock;
}

/** Memory for requests, as one who holds some of it sees it. */
export interface Memory {
  /** Bytes; negative where some of the reserve is taken. */
  readonly free: number;
  /** Whether the reserve is spent as well. */
  readonly exhausted: boolean;
  /** More than half is free. */
  readonly roomy: boolean;
  take(bytes: number): void;
  give(bytes: number): void;
}

/** Bytes that may be held in memory for all requests together, and half as many in reserve for what has come already. */
export class Budget implements Memory {
  /** Also what is in reserve. */
  readonly #half: number;
  #free: number;
  constructor(bytes: number) {
    this.#free = bytes;
    this.#half = bytes / 2;
  }
  /** The reserve included. */
  get left(): number {
    return this.#free + this.#half;
  }
  get exhausted(): boolean {
    return this.left <= 0;
  }
  get free(): number {
    return this.#free;
  }
  get roomy(): boolean {
    return this.#free > this.#half;
  }
  take(bytes: number): void {
    this.#free -= bytes;
  }
  give(bytes: number): void {
    this.#free += bytes;
  }
}

/** `crowded`: no rule is broken, but there is no memory for it. */
export type BodyFault = Breach | 'crowded';

/** What Node reads of a body that nobody reads, before it leaves the socket alone: the high-water mark of its streams. */
const unreadBytes = 64 * 1024;

export class Body {
  readonly #request: IncomingMessage;
  readonly #rules: BodyRules;
  readonly #patience: Patience;
  readonly #chunks: Buffer[] = [];
  #taken = 0;
  /** Of the budget: what was taken, and what lies unread. */
  #heldBytes = 0;
  #whole: boolean;
  #streamed = false;
  /** Ends the reading or streaming that is under way. */
  #stop = (): void => undefined;

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

  /** It says so itself. */
  get tooLarge(): boolean {
    return Number(this.#request.headers['content-length'] ?? 0) > this.#rules.maxBytes;
  }

  /** Calls `done` once: when the body is there as far as it is read ahead, or when it broke a rule. */
  readAhead(done: (fault?: BodyFault) => void): void {
    if (this.#whole) {
      done();
      return;
    }
    const finish = (fault?: BodyFault): void => {
      this.#stop();
      done(fault);
    };
    const late = (): void => finish('tooSlow');
    let came = this.#patience.wait(late);
    const stop = this.#read(
      (bytes) => {
        came(bytes);
        came = this.#patience.wait(late);
        if (!this.#wantsAhead) finish(this.#faultOfTaken());
      },
      () => finish(),
    );
    this.#stop = () => {
      came(0);
      stop();
    };
  }

  /**
   * Goes on reading while the request waits, as long as there is plenty of room: of a socket that nobody reads Node does not
   * hear that the sender has gone. Where there is no room, that is missed until the body is sent on.
   */
  readOn(refused: (fault: BodyFault) => void): void {
    this.#stop();
    if (this.#whole || !this.#rules.budget.roomy) return;
    const took = (): void => {
      const tooLarge = this.#taken > this.#rules.maxBytes;
      if (tooLarge || !this.#rules.budget.roomy) this.#stop();
      if (tooLarge) refused('tooLarge');
    };
    this.#stop = this.#read(took, () => this.#stop());
  }

  /** What to send: nothing, bytes, or a stream that continues where the reading ahead stopped. */
  open(): Buffer | Readable | null {
    this.#stop();
    if (!this.#whole || this.#taken > this.#rules.aheadBytes) return this.#stream();
    return this.#chunks.length === 0 ? null : whole(this.#chunks);
  }

  /** Nobody wants it any more: gives the memory back, and drops what is still to come. */
  close(): void {
    this.#stop();
    if (!this.#whole) this.#request.resume();
    this.#rules.budget.give(this.#heldBytes);
    this.#heldBytes = 0;
    this.#chunks.length = 0;
  }

  get #wantsAhead(): boolean {
    const { budget, aheadBytes, maxBytes } = this.#rules;
    return this.#taken < Math.min(aheadBytes, maxBytes + 1) && budget.free > 0;
  }

  /** Keeps what comes until the result is called; `took` hears how much that was, `ended` that there is no more. */
  #read(took: (bytes: number) => void, ended: () => void): () => void {
    const request = this.#request;
    const take = (chunk: Buffer): void => {
      this.#hold(chunk.length);
      this.#taken += chunk.length;
      keep(this.#chunks, chunk);
      took(chunk.length);
    };
    const end = (): void => {
      this.#whole = true;
      ended();
    };
    if (request.isPaused()) this.#hold(-unreadBytes);
    request.on('data', take).on('end', end).resume();
    return () => {
      this.#stop = () => undefined;
      request.off('data', take).off('end', end);
      if (this.#whole) return;
      request.pause();
      this.#hold(unreadBytes);
    };
  }

  #hold(bytes: number): void {
    this.#rules.budget.take(bytes);
    this.#heldBytes += bytes;
  }

  #faultOfTaken(): BodyFault | undefined {
    const { budget, maxBytes } = this.#rules;
    if (this.#taken > maxBytes) return 'tooLarge';
    return budget.exhausted ? 'crowded' : undefined;
  }

  #stream(): Readable {
    const stream = new BodyStream({
      ...{ ahead: this.#chunks, aheadBytes: this.#taken, request: this.#whole ? undefined : this.#request },
      ...{ patience: this.#patience, maxBytes: this.#rules.maxBytes },
      onward: () => {
        this.#streamed = true;
      },
    });
    this.#stop = () => stream.destroy();
    return stream;
  }
}
