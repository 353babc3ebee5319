/**
 * One request to one replica, streamed both ways: chunks pass as they come and no faster than they are taken, and
 * whoever goes away is missed at once on the other side. Says afterwards how it ended; whether to try again is the
 * caller's decision.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { closeUnlessWhole } from './answers.ts';

export type Outcome =
  /** The whole answer was passed on. */
  | { readonly kind: 'answered' }
  /** The answer began and broke off. */
  | { readonly kind: 'broken'; readonly error: Error }
  /** No byte of an answer came. `reached`: the replica may have seen the request. */
  | { readonly kind: 'unanswered'; readonly reached: boolean; readonly error: Error }
  /** The client went away. */
  | { readonly kind: 'abandoned' };

export interface Forward {
  readonly method: string;
  readonly path: string;
  /** Flat: name, value, name, value. */
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
  readonly response: ServerResponse;
  /** Headers of ours on the answer, flat. */
  readonly ownHeaders: readonly string[];
  /** The replica began to answer. */
  readonly onStart: () => void;
  readonly onEnd: (outcome: Outcome) => void;
}

/** Headers that speak of one connection, not of the message; undici and node:http write their own. */
const hopByHop = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer'],
  ...['transfer-encoding', 'upgrade', 'expect'],
]);

/** Names that a Connection header adds to those. */
function namedHops(connection: string | undefined): readonly string[] {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return [];
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

/** What the gateway says for the caller. */
export interface OwnHeaders {
  readonly requestId: string;
  /** `grpc-timeout`, where the caller has sent one: what is left of it. */
  readonly timeout: string | undefined;
}

/** The request's end-to-end headers, flat, with the address of who asks and the request's id. */
export function requestHeaders(request: IncomingMessage, { requestId, timeout }: OwnHeaders): string[] {
  const named = namedHops(request.headers.connection);
  const { rawHeaders } = request;
  const headers: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || lower === 'x-forwarded-for' || lower === 'x-request-id') continue;
    if (named.includes(lower)) continue;
    const left = lower === 'grpc-timeout' ? timeout : undefined;
    headers.push(name, left ?? rawHeaders[at + 1] ?? '');
  }
  const before = request.headers['x-forwarded-for'];
  const from = request.socket.remoteAddress ?? '';
  headers.push(
    'x-forwarded-for',
    before === undefined ? from : `${String(before)}, ${from}`,
    'x-request-id',
    requestId,
  );
  return headers;
}

type RawHeaders = Dispatcher.DispatchController['rawHeaders'];

/** The answer's end-to-end headers, flat. A name that is among our own is ours. */
function responseHeaders(raw: RawHeaders, own: readonly string[]): string[] {
  const headers = [...own];
  const flat: readonly (Buffer | string)[] = Array.isArray(raw) ? raw : [];
  const text = (at: number): string => flat[at]?.toString('latin1') ?? '';
  let named: readonly string[] | undefined;
  for (let at = 0; at + 1 < flat.length; at += 2)
    if (text(at).toLowerCase() === 'connection') named = namedHops(text(at + 1));
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = text(at);
    const lower = name.toLowerCase();
    if (!hopByHop.has(lower) && lower !== 'x-request-id' && named?.includes(lower) !== true)
      headers.push(name, text(at + 1));
  }
  return headers;
}

class Passage implements Dispatcher.DispatchHandler {
  readonly #forward: Forward;
  #controller: Dispatcher.DispatchController | undefined;
  #started = false;
  #abandoned = false;
  #over = false;

  constructor(forward: Forward) {
    this.#forward = forward;
  }

  /** The client went away. Before a connection exists there is nothing to abort yet; see onRequestStart. */
  abandon(): void {
    if (this.#over || this.#abandoned) return;
    this.#abandoned = true;
    this.#controller?.abort(new Error('the client went away'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abandoned) controller.abort(new Error('the client went away'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, code: number, _headers: unknown, message?: string): void {
    if (code < 200) return; // 100 and 103 speak to this hop
    const { response, ownHeaders, onStart } = this.#forward;
    this.#started = true;
    onStart();
    if (this.#abandoned || response.destroyed) return;
    closeUnlessWhole(response);
    const headers = responseHeaders(controller.rawHeaders, ownHeaders);
    response.writeHead(code, message ?? '', headers);
    // An answer of unknown length may be a stream whose first chunk is far away: its head goes ahead.
    if (!response.hasHeader('content-length') && !headers.some(isContentLength)) response.flushHeaders();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { response } = this.#forward;
    if (this.#abandoned || response.destroyed || response.write(chunk)) return;
    controller.pause();
    response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#forward.response.end();
    this.#end(this.#abandoned ? { kind: 'abandoned' } : { kind: 'answered' });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    // A client that vanished breaks its own body stream, sometimes before its absence is told. A response that waits for
    // its turn on the connection has no socket of its own yet.
    const { socket } = this.#forward.response.req;
    if (this.#abandoned || socket.destroyed) this.#end({ kind: 'abandoned' });
    else if (this.#started) this.#end({ kind: 'broken', error });
    else this.#end({ kind: 'unanswered', reached: this.#controller !== undefined, error });
  }

  #end(outcome: Outcome): void {
    if (this.#over) return;
    this.#over = true;
    this.#forward.onEnd(outcome);
  }
}

const isContentLength = (header: string, at: number): boolean =>
  at % 2 === 0 && header.toLowerCase() === 'content-length';

/** Sends the request; returns how to give it up. `onEnd` is called exactly once, possibly before this returns. */
export function forward(dispatcher: Dispatcher, request: Forward): () => void {
  const passage = new Passage(request);
  const { method, path, headers, body } = request;
  dispatcher.dispatch({ method, path, headers, body }, passage);
  return () => passage.abandon();
}
