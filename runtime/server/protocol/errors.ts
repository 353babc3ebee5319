/** Everything that can be wrong with a request or its moment, and what the caller is told in the protocol's shape. */

/** Why a request was not answered. */
export type Fault =
  | { readonly kind: 'invalid'; readonly parameter?: string; readonly code?: string }
  | { readonly kind: 'forbidden' }
  | { readonly kind: 'notFound' }
  | { readonly kind: 'methodNotAllowed'; readonly allow: string }
  | { readonly kind: 'tooLarge' }
  | { readonly kind: 'unsupportedEncoding' }
  | { readonly kind: 'queueFull'; readonly retryAfterSeconds: number }
  | { readonly kind: 'unavailable'; readonly retryAfterSeconds: number }
  | { readonly kind: 'expired' }
  | { readonly kind: 'hung' }
  | { readonly kind: 'abandoned' }
  | { readonly kind: 'internal' };

const statuses = {
  invalid: 400,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
  tooLarge: 413,
  unsupportedEncoding: 415,
  queueFull: 429,
  unavailable: 503,
  // The caller's own deadline passed: what proxies say of theirs.
  expired: 504,
  // As of a replica that does not answer: it is asked for no more.
  hung: 504,
  // Nobody reads it: the caller has gone. The number is nginx's, for logs.
  abandoned: 499,
  internal: 500,
} as const satisfies Record<Fault['kind'], number>;

/** A request refused for a known reason; the message is one sentence for the caller. */
export class Refusal extends Error {
  readonly fault: Fault;

  constructor(fault: Fault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** The caller's mistake: 400 with the sentence. */
export function invalid(message: string): Refusal {
  return new Refusal({ kind: 'invalid' }, message);
}

/** The caller's mistake in one parameter, for protocols that name it; with a word for programs where there is one. */
export function invalidParameter(parameter: string, message: string, code?: string): Refusal {
  return new Refusal({ kind: 'invalid', parameter, ...(code !== undefined && { code }) }, message);
}

/** Not now: 503 with the sentence and when to try again. */
export function unavailable(message: string, retryAfterSeconds = 1): Refusal {
  return new Refusal({ kind: 'unavailable', retryAfterSeconds }, message);
}

/** Nobody waits for the answer any more. */
export function abandoned(): Refusal {
  return new Refusal({ kind: 'abandoned' }, 'the caller has gone');
}

/** The caller's deadline came before its turn. */
export function expired(): Refusal {
  return new Refusal({ kind: 'expired' }, 'the request waited for as long as it was allowed to, and was not begun');
}

/** The caller's deadline came in the middle of what takes many runs of a model. */
export function unfinished(): Refusal {
  return new Refusal({ kind: 'expired' }, 'the answer was not finished in the time that it was allowed to take');
}

/**
 * Part of a run that did not end. Its caller is not asked to come again: the next worker would hang as well. Of those that were
 * joined nobody knows whose fault it was.
 */
export function hung(message: string): Refusal {
  return new Refusal({ kind: 'hung' }, message);
}

/** A fault as HTTP: status, extra headers and the protocol's error body. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

function headersOf(fault: Fault): Record<string, string> {
  if (fault.kind === 'methodNotAllowed') return { Allow: fault.allow };
  // OpenAI's SDKs ask again after every 5xx that does not say so.
  if (fault.kind === 'hung') return { 'X-Should-Retry': 'false' };
  return 'retryAfterSeconds' in fault ? { 'Retry-After': String(fault.retryAfterSeconds) } : {};
}

/** Anything that is not a Refusal is our mistake, of which no details are told. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal({ kind: 'internal' }, 'internal error');
}

/** An error's body: most protocols have a single sentence under `error`. */
export type ErrorShape = (refusal: Refusal, status: number) => object;

/** Of the Open Inference Protocol and KServe's. */
export const errorSentence: ErrorShape = ({ message }) => ({ error: message });

/** What the caller is told, in the shape of the caller's protocol. */
export function errorResponse(error: unknown, shape = errorSentence): ErrorResponse {
  const refusal = refusalOf(error);
  const status = statuses[refusal.fault.kind];
  return { status, headers: headersOf(refusal.fault), body: JSON.stringify(shape(refusal, status)) };
}
