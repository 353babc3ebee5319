/** The hot path: POST /v2/models/{m}[/versions/{v}]/infer, from the request's bytes to one write of the answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../../process/logger.ts';
import { readBody } from './body.ts';
import type { Caller } from './batcher.ts';
import type { Engine } from './engine.ts';
import { errorResponse, Refusal, unavailable } from './protocol/errors.ts';
import { decodeRequest, encodeResult, jsonLengthOf, type Reply } from './protocol/open-inference.ts';

/** What the routes need of the process. */
export interface Face {
  readonly engine: Engine;
  readonly maxBodyBytes: number;
  readonly log: Log;
  /** True once the process is to stop: every answer then closes its connection. */
  readonly draining: () => boolean;
}

/** A model that a path names. */
export interface Target {
  readonly name: string;
  readonly version: string | undefined;
}

/** Clients that think they talk to a proxy put scheme and host before the path. */
const inferPath = /^(?:http:\/\/[^/?#]+)?\/v2\/models\/([^/?]+)(?:\/versions\/([^/?]+))?\/infer(?:\?|$)/;

function decoded(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The model of an infer path; undefined for every other path. */
export function targetOf(url: string): Target | undefined {
  const match = inferPath.exec(url);
  if (match?.[1] === undefined) return undefined;
  return { name: decoded(match[1]), version: match[2] === undefined ? undefined : decoded(match[2]) };
}

/** A response knows when its connection has closed; asking it costs no listener. */
class Connection implements Caller {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
    this.#response = response;
  }

  get aborted(): boolean {
    return this.#response.destroyed;
  }
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join() : value;
}

async function answer(
  face: Face,
  { name, version }: Target,
  [request, response]: [IncomingMessage, ServerResponse],
): Promise<Reply> {
  const model = face.engine.find(name, version);
  const { facts } = model;
  if (facts === undefined) throw unavailable(`the model is not ready: ${model.notReady?.message ?? ''}`);
  const bytes = await readBody(request, face.maxBodyBytes);
  const jsonLength = jsonLengthOf(headerOf(request, 'inference-header-content-length'), bytes.length);
  const inference = decodeRequest({ bytes, jsonLength }, facts);
  return encodeResult(model, inference, await model.infer(inference, new Connection(response)));
}

function send(face: Face, response: ServerResponse, { body, jsonLength }: Reply): void {
  const headers: Record<string, string | number> = {
    'Content-Type': jsonLength === undefined ? 'application/json' : 'application/octet-stream',
    'Content-Length': Buffer.byteLength(body),
  };
  if (jsonLength !== undefined) headers['Inference-Header-Content-Length'] = jsonLength;
  if (face.draining()) headers['Connection'] = 'close';
  response.writeHead(200, headers).end(body);
}

/** Tells the caller what went wrong. Only our own mistakes are logged: a stranger must not be able to fill the log. */
export function sendError(face: Face, response: ServerResponse, error: unknown): void {
  if (!(error instanceof Refusal)) {
    face.log.error('request failed', { error: error instanceof Error ? error.stack : String(error) });
  }
  if (response.headersSent || response.destroyed) return;
  const { status, headers, body } = errorResponse(error);
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
    ...(face.draining() && { Connection: 'close' }),
  });
  response.end(body);
}

/** Answers one inference request, whatever is wrong with it. */
export async function infer(face: Face, target: Target, exchange: [IncomingMessage, ServerResponse]): Promise<void> {
  const [request, response] = exchange;
  try {
    if (request.method !== 'POST') {
      throw new Refusal(
        { kind: 'methodNotAllowed', allow: 'POST' },
        `${request.method ?? ''} is not allowed here, POST is`,
      );
    }
    send(face, response, await answer(face, target, exchange));
  } catch (error) {
    sendError(face, response, error);
  }
}
