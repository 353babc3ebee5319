/** Pure: from HTTP answers and broken connections to ApiError. */
import { keyBackoff } from './backoff.ts';
import { ApiError, NotLeading, type ApiErrorCode } from './cluster.ts';

const codes: Readonly<Record<number, ApiErrorCode>> = {
  400: 'invalid',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'notFound',
  405: 'invalid',
  409: 'conflict',
  410: 'gone',
  413: 'invalid',
  415: 'invalid',
  422: 'invalid',
  429: 'throttled',
};

/** Anything the table does not name is the server's trouble, not ours. */
export const codeOfStatus = (status: number): ApiErrorCode => codes[status] ?? 'unavailable';

/** Seconds or a date, as HTTP allows; undefined when absent or senseless. What fails waits no longer for being asked. */
export function retryAfterMsOf(header: string | undefined, now: Date): number | undefined {
  if (header === undefined || header === '') return undefined;
  const askedMs = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now.getTime();
  return Number.isNaN(askedMs) ? undefined : Math.min(keyBackoff.capMs, Math.max(0, askedMs));
}

/** `body` is usually a Status object, whose message is a sentence; a proxy's page is cut short. */
export function errorOfAnswer(status: number, body: string, retryAfterMs: number | undefined): ApiError {
  const message = statusMessage(body) ?? body.slice(0, 200);
  const detail = { status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return new ApiError(codeOfStatus(status), message === '' ? `HTTP ${String(status)}` : message, detail);
}

export function errorOfConnection(error: unknown): ApiError | NotLeading {
  if (error instanceof ApiError || error instanceof NotLeading) return error;
  const timedOut = typeof error === 'object' && error !== null && 'name' in error && error.name === 'TimeoutError';
  return new ApiError('unavailable', timedOut ? 'the API server took too long' : 'the API server cannot be reached', {
    cause: error,
  });
}

function statusMessage(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    const named = typeof parsed === 'object' && parsed !== null && 'message' in parsed ? parsed.message : undefined;
    return typeof named === 'string' ? named : undefined;
  } catch {
    return undefined;
  }
}
