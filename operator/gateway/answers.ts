/**
 * What the gateway says itself, in the shape of the caller's protocol: `{"error": "<sentence>"}`, or OpenAI's object below
 * /v1, but for `:predict`, whose clients know the first.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';

export interface Refusal {
  readonly code: 400 | 404 | 405 | 408 | 413 | 429 | 500 | 502 | 503 | 504;
  readonly sentence: string;
  readonly retryAfterSeconds?: number;
}

function headOf(type: string, bytes: Buffer, retryAfterSeconds?: number): OutgoingHttpHeaders {
  const head: OutgoingHttpHeaders = { 'content-type': type, 'content-length': String(bytes.length) };
  if (retryAfterSeconds !== undefined) head['retry-after'] = String(retryAfterSeconds);
  return head;
}

/** Whether the request announces a body: bytes, or chunks of unknown number. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** After an answer the rest of a body is read and dropped until nothing more has come for so long, and no longer than that in all. */
const lingerMs = { silent: 1_000, most: 10_000 } as const;

/** Node calls `destroySoon` after the last answer on a connection; what comes thereafter is met with a reset, at which the sender loses the answer, too. */
function linger(request: IncomingMessage): void {
  const { socket } = request;
  socket.destroySoon = () => {
    const close = (): void => {
      clearTimeout(silent);
      clearTimeout(most);
      Socket.prototype.destroySoon.call(socket);
    };
    const silent = setTimeout(close, lingerMs.silent);
    const most = setTimeout(close, lingerMs.most);
    if (request.readableEnded) close();
    else
      request
        .on('data', () => silent.refresh())
        .once('end', close)
        .once('close', close)
        .resume();
  };
}

/**
 * Before the head of an answer that may come before the body is whole, whoever gives it: then it is the connection's last.
 * Nobody wants the rest of the body, and what its sender would ask after that lies behind it.
 */
export function closeUnlessWhole(response: ServerResponse): void {
  const { req: request } = response;
  if (request.complete || !hasBody(request)) return;
  response.shouldKeepAlive = false;
  linger(request);
}

/** Sends a small JSON body. */
export function answerJson(response: ServerResponse, code: number, body: unknown, retryAfterSeconds?: number): void {
  const bytes = Buffer.from(JSON.stringify(body));
  closeUnlessWhole(response);
  response.writeHead(code, headOf('application/json', bytes, retryAfterSeconds));
  response.end(bytes);
}

/** Sends a word or a sentence, as the admin port does. */
export function answerText(response: ServerResponse, code: number, text: string): void {
  const bytes = Buffer.from(text);
  closeUnlessWhole(response);
  response.writeHead(code, headOf('text/plain; charset=utf-8', bytes));
  response.end(bytes);
}

const openAiPath = /^(?:http:\/\/[^/?#]+)?(?:\/namespaces\/[^/]+\/services\/[^/]+)?\/v1(?:[/?]|$)/;

function isOpenAi(url: string): boolean {
  return openAiPath.test(url) && !/:(?:predict|explain)(?:\?|$)/.test(url);
}

/** OpenAI's words for what its clients tell apart by more than the status. */
const openAiCodes: Partial<Record<Refusal['code'], string>> = {
  404: 'not_found',
  429: 'rate_limit_exceeded',
  503: 'service_unavailable',
  504: 'deadline_exceeded',
};

function openAiError({ code, sentence }: Refusal): object {
  const type = code === 429 ? 'rate_limit_error' : code >= 500 ? 'server_error' : 'invalid_request_error';
  return { message: sentence, type, param: null, code: openAiCodes[code] ?? null };
}

/** Refuses. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const { code, sentence, retryAfterSeconds } = refusal;
  const error = isOpenAi(request.url ?? '') ? openAiError(refusal) : sentence;
  answerJson(response, code, { error }, retryAfterSeconds);
}
