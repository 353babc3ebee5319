/** What to do when a replica gave no answer: try another, or say which fault it was. Pure. */
import { BodyError } from './body-stream.ts';
import type { Refusal } from './answers.ts';
import type { Outcome } from './proxy.ts';

export interface Tried {
  readonly method: string;
  readonly path: string;
  /** The body can be sent again from its beginning. */
  readonly repeatable: boolean;
  /** How often this request was cut off on an open connection before. */
  readonly cut: number;
}

export type Verdict =
  /** `fault`: the replica is to be avoided for a moment. */
  | { readonly kind: 'again'; readonly fault: true; readonly cut: boolean }
  | { readonly kind: 'refuse'; readonly fault: boolean; readonly refusal: Refusal };

/** A request that cuts off this many replicas is not sent to another: it may be what kills them. */
const mostCuts = 3;

const connectionLost = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ETIMEDOUT'],
  ...['UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED'],
]);

const timedOut = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

/** Paths of what is computed from the body alone: tensors, rows, texts. */
const inference = /(?:\/(?:infer|predict|explain)|:predict|\/v1\/(?:chat\/)?completions|\/v1\/embeddings)(?:$|\?)/;

/** Requests without effect on the replica: reads, and inference, which is a function of its body. */
const harmless = ({ method, path }: Tried): boolean =>
  method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || (method === 'POST' && inference.test(path));

function refusalOf(error: Error, code: string): Refusal {
  if (error instanceof BodyError)
    return error.fault === 'tooLarge'
      ? { code: 413, sentence: error.message }
      : { code: 408, sentence: `${error.message}; the request was given up` };
  if (timedOut.has(code)) return { code: 504, sentence: 'the replica did not answer in time' };
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED')
    return { code: 400, sentence: `the request cannot be passed on: ${error.message}` };
  return { code: 502, sentence: `the replica was lost before it answered: ${error.message}` };
}

/** Judges an unanswered request. */
export function verdictOf(outcome: Extract<Outcome, { kind: 'unanswered' }>, tried: Tried): Verdict {
  const code = codeOf(outcome.error);
  const lost = connectionLost.has(code) && !(outcome.error instanceof BodyError);
  const safe = !outcome.reached || (harmless(tried) && tried.cut < mostCuts);
  if (lost && tried.repeatable && safe) return { kind: 'again', fault: true, cut: outcome.reached };
  return { kind: 'refuse', fault: lost, refusal: refusalOf(outcome.error, code) };
}
