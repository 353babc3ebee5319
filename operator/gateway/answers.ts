/**
 * What the gateway says itself, in the shape of the caller's protocol: `{"error": "<sentence>"}`, or OpenAI's object below
 * /v1, but for `:predict`, whose clients know the first.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

export interface Refusal {
  readonly code: 400 | 404 | 405 | 408 | 413 | 429 | 500 | 502 | 503 | 504;
  readonly sentence: string;
  readonly retryAfterSeconds?: number;
}

function jsonHead(bytes: Buffer, retryAfterSeconds: number | undefined, close = false): OutgoingHttpHeaders {
  const head: OutgoingHttpHeaders = { 'content-type': 'application/json', 'content-length': String(bytes.length) };
  if (close) head.connection = 'close';
  if (retryAfterSeconds !== undefined) head['retry-after'] = String(retryAfterSeconds);
  return head;
}

/** Sends a small JSON body. */
export function answerJson(response: ServerResponse, code: number, body: unknown, retryAfterSeconds?: number): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(code, jsonHead(bytes, retryAfterSeconds));
  response.end(bytes);
}

/** Whether the request announces a body: bytes, or chunks of unknown number. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** How long the rest of a refused body is read and dropped, so that the sender gets to read the refusal. */
const lingerMs = 1000;

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

/** Refuses. A body that was not read to its end costs the connection. */
export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent || response.destroyed) return;
  const { code, sentence, retryAfterSeconds } = refusal;
  const error = isOpenAi(request.url ?? '') ? openAiError(refusal) : sentence;
  if (request.complete || !hasBody(request)) {
    answerJson(response, code, { error }, retryAfterSeconds);
    return;
  }
  const bytes = Buffer.from(JSON.stringify({ error }));
  response.writeHead(code, jsonHead(bytes, retryAfterSeconds, true));
  response.write(bytes);
  const end = setTimeout(() => response.end(), lingerMs);
  const ended = (): void => {
    clearTimeout(end);
    response.end();
  };
  request.once('end', ended).once('close', ended).resume();
}
