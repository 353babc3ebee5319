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
  /** Paused; undefined where all of it was read ahead. */
  readonly request: IncomingMessage | undefined;
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
  /** Listened to. */
  #request: IncomingMessage | undefined;
  /** What to call when the next bytes came; undefined while nobody waits for them. */
  #came: ((bytes: number) => void) | undefined;

  constructor(parts: Parts) {
    super();
    this.#parts = parts;
    this.#bytes = parts.aheadBytes;
  }

  override _read(): void {
    const chunk = this.#parts.ahead[this.#at++];
    const { request } = this.#parts;
    if (chunk !== undefined) this.push(chunk);
    else if (request === undefined) this.push(null);
    else if (this.#came === undefined) this.#pull(request);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#wentOn(0);
    this.#request?.off('data', this.#take).off('end', this.#end).off('close', this.#lost).pause();
    callback(error);
  }

  /** One piece, no sooner than it is wanted. */
  #pull(request: IncomingMessage): void {
    if (this.#request === undefined) this.#join(request);
    this.#came = this.#parts.patience.wait(() => this.destroy(new BodyError('tooSlow')));
    request.resume();
  }

  #join(request: IncomingMessage): void {
    this.#request = request.on('data', this.#take).on('end', this.#end).on('close', this.#lost);
    this.#parts.onward();
  }

  #wentOn(bytes: number): void {
    this.#came?.(bytes);
    this.#came = undefined;
  }

  readonly #take = (chunk: Buffer): void => {
    this.#wentOn(chunk.length);
    this.#request?.pause();
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
    if (this.#request?.readableEnded === false) this.destroy(new Error('the client went away'));
  };
}
