/**
 * A body on its way to a replica: what was read ahead, then what comes. It fails with a BodyError where it breaks a rule.
 * The request is never destroyed, since its socket would go with it: whatever becomes of the body, there is an answer to send.
 */
import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import type { Patience } from './pace.ts';

export const tooSlow = 'the body stopped coming, or came too slowly';

/** Rules that a body can break on its way. */
export type Breach = 'tooLarge' | 'tooSlow';

export class BodyError extends Error {
  readonly fault: Breach;
  constructor(fault: Breach) {
    super(fault === 'tooLarge' ? 'the body is too large' : tooSlow);
    this.fault = fault;
  }
}

export interface Parts {
  readonly ahead: readonly Buffer[];
  /** Paused. */
  readonly request: IncomingMessage;
  /** Bytes of `ahead`, and the most that all may be. */
  readonly aheadBytes: number;
  readonly maxBytes: number;
  readonly patience: Patience;
  /** From now on the body cannot be sent again from its beginning. */
  readonly onward: () => void;
}

export class BodyStream extends Readable {
  readonly #parts: Parts;
  #at = 0;
  #bytes: number;
  #joined = false;
  /** What to call when the next bytes came; undefined while nobody waits for them. */
  #came: ((bytes: number) => void) | undefined;

  constructor(parts: Parts) {
    super();
    this.#parts = parts;
    this.#bytes = parts.aheadBytes;
  }

  override _read(): void {
    const chunk = this.#parts.ahead[this.#at++];
    if (chunk !== undefined) this.push(chunk);
    else if (this.#came === undefined) this.#pull();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#wentOn(0);
    if (this.#joined) this.#leave();
    callback(error);
  }

  /** One piece, no sooner than it is wanted. */
  #pull(): void {
    const { request, patience } = this.#parts;
    if (!this.#joined) this.#join();
    this.#came = patience.wait(() => this.destroy(new BodyError('tooSlow')));
    request.resume();
  }

  #join(): void {
    this.#joined = true;
    this.#parts.onward();
    this.#parts.request.on('data', this.#take).on('end', this.#end).on('close', this.#lost);
  }

  #leave(): void {
    this.#parts.request.off('data', this.#take).off('end', this.#end).off('close', this.#lost).pause();
  }

  #wentOn(bytes: number): void {
    this.#came?.(bytes);
    this.#came = undefined;
  }

  readonly #take = (chunk: Buffer): void => {
    this.#wentOn(chunk.length);
    this.#parts.request.pause();
    this.#bytes += chunk.length;
    if (this.#bytes > this.#parts.maxBytes) this.destroy(new BodyError('tooLarge'));
    else this.push(chunk);
  };

  readonly #end = (): void => {
    this.#wentOn(0);
    this.push(null);
  };

  /** Before its end: its sender went away. */
  readonly #lost = (): void => {
    if (!this.#parts.request.readableEnded) this.destroy(new Error('the client went away'));
  };
}
