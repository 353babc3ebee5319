/**
 * What the routes of every protocol share: the process behind them, who is asking, and how an answer or an error is sent.
 * A protocol brings its own paths and its own shape of errors; nothing of a protocol is known here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../../process/logger.ts';
import type { AccessLog } from './access-log.ts';
import type { Caller } from './batcher.ts';
import { releaseAll, Share, type BodyLimits } from './body.ts';
import { codingOf, compress, isWorthwhile } from './compression.ts';
import type { Engine, ReadyModel } from './engine.ts';
import { inTime, patienceOf } from './patience.ts';
import type { CountStrings } from './protocol/binary-data.ts';
import { errorResponse, Refusal, type ErrorShape } from './protocol/errors.ts';
import { bytesOfString } from './protocol/message.ts';
import type { Reply } from './protocol/reply.ts';
import { sum } from './sum.ts';
import type { RequestTrace } from './tracing/trace.ts';
import type { Tracing } from './tracing/tracing.ts';

/** What the routes need of the process. */
export interface Face extends BodyLimits {
  readonly engine: Engine;
  readonly log: Log;
  readonly access: AccessLog;
  /** Undefined where nobody collects traces. */
  readonly tracing?: Tracing | undefined;
  /** Most tokens of an answer that a language model writes; Infinity is as many as its context has room for. */
  readonly maxOutputTokens: number;
  /** True once the process is to stop: every answer then closes its connection. */
  readonly draining: () => boolean;
}

/** A model by its name, and perhaps its version. */
export type Named = readonly [name: string, version?: string | undefined];

/** A request and the way to answer it. */
export type Exchange = readonly [request: IncomingMessage, response: ServerResponse];

/** Answers straight on node:http; never throws. */
export type Handler = (face: Face, exchange: Exchange) => void;

/** The handler of a hot path, or undefined for every path that is not its own. */
export type HotRoute = (url: string) => Handler | undefined;

/**
 * A response knows when its connection has closed; asking it costs no listener. Made when the head of its request is there: from
 * then on the caller's patience counts.
 */
export class Connection implements Caller {
  readonly trace: RequestTrace | undefined;
  readonly response: ServerResponse;
  readonly #now: () => number;
  /** Infinity for who waits for as long as it takes. */
  readonly #deadline: number;

  constructor({ tracing, access }: Face, response: ServerResponse) {
    this.trace = tracing?.of(response);
    this.response = response;
    this.#now = access.now;
    const timeout = headerOf(response.req, 'grpc-timeout');
    this.#deadline = timeout === undefined ? Infinity : access.now() + patienceOf(timeout);
  }

  get aborted(): boolean {
    return this.response.destroyed;
  }

  get patienceMs(): number | undefined {
    return this.#deadline === Infinity ? undefined : this.#deadline - this.#now();
  }
}

/** Waits for a model that has made room for others, and not longer than its caller; undefined for every other. */
export function recalled({ engine }: Face, name: string, caller: Caller): Promise<void> | undefined {
  const recall = engine.recall(name);
  return recall && inTime(recall, caller);
}

/** A model that answers; where models make room for others, not before this response is over. */
export function readyFor({ engine }: Face, response: ServerResponse, [name, version]: Named): ReadyModel {
  const ready = engine.ready(name, version);
  if (engine.budget.limited && !response.closed) response.once('close', ready.model.use());
  return ready;
}

/** Paths arrive percent-encoded; one that is not valid stands for itself and is found nowhere. */
export function decodedPart(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Refuses every method but POST. */
export function requirePost({ method }: IncomingMessage): void {
  if (method === 'POST') return;
  throw new Refusal({ kind: 'methodNotAllowed', allow: 'POST' }, `${method ?? ''} is not allowed here, POST is`);
}

/** A header that may have been sent more than once. */
export function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join() : value;
}

/** Answers, and what strings become, of up to so many bytes are not counted: most are no larger. */
const smallBytes = 64 << 10;

/**
 * Holds what strings of a request take that come as bytes, from before they are made until it is answered. Refuses with 503 where
 * there is no room. An input that is read again counts once.
 */
export function holdStrings({ bodies }: Face, response: ServerResponse): CountStrings {
  const counts = new Map<string, number>();
  let share: Share | undefined;
  return (name, count) => {
    counts.set(name, count);
    const bytes = bytesOfString * sum([...counts.values()]);
    if (bytes <= smallBytes) return;
    share ??= new Share(bodies, response, bytes);
    share.become(bytes);
  };
}

/** Holds an answer until its caller has it. Refuses with 503 where there is no room. */
export function holdAnswer({ bodies }: Face, response: ConstructorParameters<typeof Share>[1], bytes: number): void {
  if (bytes > smallBytes) new Share(bodies, response, bytes).answer(bytes);
}

/** Writes an answer in one piece, compressed where the caller asks for it and it is worth the work. */
export async function send(face: Face, [request, response]: Exchange, { body, jsonLength }: Reply): Promise<void> {
  const coding = codingOf(headerOf(request, 'accept-encoding'));
  const plainLength = Buffer.byteLength(body);
  releaseAll(response);
  holdAnswer(face, response, plainLength);
  const packed = coding !== undefined && isWorthwhile(plainLength) ? await compress(body, coding) : undefined;
  const headers: Record<string, string | number> = {
    'Content-Type': jsonLength === undefined ? 'application/json' : 'application/octet-stream',
    'Content-Length': packed?.length ?? plainLength,
  };
  // The length counts bytes before compression, as it does in requests.
  if (jsonLength !== undefined) headers['Inference-Header-Content-Length'] = jsonLength;
  if (packed !== undefined && coding !== undefined) headers['Content-Encoding'] = coding;
  if (face.draining()) headers['Connection'] = 'close';
  response.writeHead(200, headers).end(packed ?? body);
}

/** Tells the caller what went wrong, in the shape of the caller's protocol. Only our own mistakes are logged: a stranger must not be able to fill the log. */
export function sendError(face: Face, response: ServerResponse, error: unknown, shape?: ErrorShape): void {
  if (!(error instanceof Refusal)) {
    const requestId = response.getHeader('x-request-id');
    face.log.error('request failed', { requestId, error: error instanceof Error ? error.stack : String(error) });
  }
  if (response.headersSent || response.destroyed) return;
  const { status, headers, body } = errorResponse(error, shape);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
    ...(face.draining() && { Connection: 'close' }),
  });
  response.end(body);
}
