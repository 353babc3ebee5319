/**
 * Requests to the API server with credentials, deadlines and manners: reads are retried when the connection broke or
 * the server named a time; writes never are, because only the work queue knows whether they still make sense.
 */
import { request, type Dispatcher } from 'undici';
import { sleep, type Clock } from '../../process/clock.ts';
import { errorOfAnswer, errorOfConnection, retryAfterMsOf } from './api-errors.ts';
import { ApiError, NotLeading, type WriteBudget } from './cluster.ts';
import type { Access, Credentials } from './credentials.ts';
import type { Deadlines } from './deadlines.ts';
import { checkedAtSending, Dispatchers, type Traffic } from './dispatchers.ts';
import type { ServerTime } from './server-time.ts';

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly contentType?: string;
  readonly body?: unknown;
  /** Plural of the kind, for metrics. */
  readonly resource: string;
  /** What is done, for metrics. */
  readonly verb: string;
  /** Of a write that is fenced; see fence.ts. */
  readonly budgetMs?: WriteBudget | undefined;
}

export interface CallCounts {
  sent(call: Call): void;
  /** The head of the answer is there; `broken` instead of a status: none comes. Once for each that was sent. */
  answered(call: Call, code: string, seconds: number): void;
  /** Bytes of a list or another answer, or of a stream as it goes. */
  received(call: Call, bytes: number): void;
  retried(call: Call): void;
}

export interface TransportOptions {
  readonly credentials: Credentials;
  readonly userAgent: string;
  readonly clock: Clock;
  readonly counts: CallCounts;
  readonly deadlines: Deadlines;
  /** Hears what the answers say of the time; absent: nobody asks. */
  readonly serverTime?: ServerTime;
}

type Answer = Dispatcher.ResponseData;

const connectionAttempts = 4;
/** As often as it names a time, within the deadline. */
const askedAttempts = 10;
const longestRetryAfterMs = 30_000;

export class Transport {
  readonly #options: TransportOptions;
  readonly #dispatchers = new Dispatchers();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Sends, and returns the parsed JSON of a success. Throws ApiError for everything else. */
  async json(traffic: 'crud' | 'lease', call: Call, signal: AbortSignal): Promise<unknown> {
    const { deadlines } = this.#options;
    const usualMs = traffic === 'lease' ? deadlines.leaseMs : deadlines.crudMs;
    const deadlineMs = Math.max(0, Math.floor(Math.min(usualMs, call.budgetMs?.() ?? Infinity)));
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.#authorized(traffic, call, bounded);
        const text = await textOf(answer);
        this.#options.counts.received(call, Buffer.byteLength(text));
        return JSON.parse(text) as unknown;
      } catch (error) {
        const failure = errorOfConnection(error);
        if (failure instanceof NotLeading) throw failure;
        const waitMs = retryWaitMs(call, failure, attempt);
        if (waitMs === undefined || bounded.aborted) throw failure;
        this.#options.counts.retried(call);
        await sleep(this.#options.clock, waitMs, bounded);
      }
    }
  }

  /** Opens a stream. It ends when the server ends it, and throws ApiError when it breaks or the server falls silent. */
  async *stream(call: Call, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#authorized('watch', call, signal).catch((error: unknown) => {
      throw errorOfConnection(error);
    });
    try {
      for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
        this.#options.counts.received(call, chunk.byteLength);
        yield chunk;
      }
    } catch (error) {
      if (isSilence(error)) throw new ApiError('silent', 'the API server fell silent', { cause: error });
      throw errorOfConnection(error);
    } finally {
      answer.body.destroy();
    }
  }

  close(): Promise<void> {
    return this.#dispatchers.close();
  }

  /** A token that has just been rotated away is answered 401: read the credentials anew, once. */
  async #authorized(traffic: Traffic, call: Call, signal: AbortSignal): Promise<Answer> {
    const { credentials } = this.#options;
    const access = await this.#inTime(traffic, signal, credentials.current());
    const first = await this.#send(traffic, call, access, signal);
    if (first.statusCode !== 401) return this.#accepted(first);
    await first.body.dump();
    const renewed = await this.#inTime(traffic, signal, credentials.renew());
    return this.#accepted(await this.#send(traffic, call, renewed, signal));
  }

  /** A program that is asked for a token may hang. The signal of a stream, which may last, knows no deadline. */
  #inTime(traffic: Traffic, signal: AbortSignal, access: Promise<Access>): Promise<Access> {
    const { crudMs } = this.#options.deadlines;
    return within(traffic === 'watch' ? AbortSignal.any([signal, AbortSignal.timeout(crudMs)]) : signal, access);
  }

  #dispatcherOf(traffic: Traffic, { budgetMs }: Call, access: Access, toldMs: number): Dispatcher {
    const agent = this.#dispatchers.for(traffic, access);
    return budgetMs === undefined ? agent : checkedAtSending(agent, () => checkBudget(budgetMs, toldMs));
  }

  async #accepted(answer: Answer): Promise<Answer> {
    if (answer.statusCode < 300) return answer;
    const header = answer.headers['retry-after'];
    const retryAfter = retryAfterMsOf(Array.isArray(header) ? header[0] : header, this.#options.clock.now());
    throw errorOfAnswer(answer.statusCode, await textOf(answer), retryAfter);
  }

  async #send(traffic: Traffic, call: Call, access: Access, signal: AbortSignal): Promise<Answer> {
    const { clock, counts, deadlines, userAgent } = this.#options;
    const startedMs = clock.monotonicMs();
    const seconds = (): number => (clock.monotonicMs() - startedMs) / 1000;
    const toldMs = toldMsOf(call);
    counts.sent(call);
    try {
      const answer = await request(urlOf(access.server, call, toldMs), {
        dispatcher: this.#dispatcherOf(traffic, call, access, toldMs),
        method: call.method,
        headers: headersOf(call, access, userAgent),
        body: call.body === undefined ? null : wireText(call.body),
        headersTimeout: deadlines.crudMs,
        bodyTimeout: traffic === 'watch' ? deadlines.watchSilenceMs : deadlines.crudMs,
        signal,
      });
      counts.answered(call, String(answer.statusCode), seconds());
      this.#hearTime(answer, seconds() * 1000);
      return answer;
    } catch (error) {
      counts.answered(call, 'broken', seconds());
      // The server's authority or our certificate was exchanged, and with it the file that we once read.
      if (isTlsTrouble(error))
        await this.#inTime(traffic, signal, this.#options.credentials.renew()).catch(() => undefined);
      throw error;
    }
  }

  /** A load balancer that answers for an API server out of reach has a clock of its own. */
  #hearTime({ statusCode, headers }: Answer, tookMs: number): void {
    const { date } = headers;
    if (statusCode < 500) this.#options.serverTime?.hear(Array.isArray(date) ? date[0] : date, tookMs);
  }
}

/** Settles as `access` does, or rejects as soon as the signal aborts. */
async function within(signal: AbortSignal, access: Promise<Access>): Promise<Access> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void =>
    reject(new ApiError('unavailable', 'the credentials could not be read in time', { cause: signal.reason }));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([access, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** Share of what is left that the API server is told; the rest may pass until the write is sent. */
const toldShare = 0.9;

/** Whole milliseconds; 0 would mean no limit at all, and the check at sending is about to refuse it. */
const toldMsOf = ({ budgetMs }: Call): number => Math.max(1, Math.floor((budgetMs?.() ?? Infinity) * toldShare));

/** What was told counts from when the API server hears of the write: told too long ago, it would outlast the lease. */
function checkBudget(budgetMs: WriteBudget, toldMs: number): void {
  const leftMs = budgetMs();
  if (leftMs <= 0 || leftMs < toldMs) throw new NotLeading();
}

/** How long to wait before trying again; undefined: do not. */
export function retryWaitMs(call: Call, failure: ApiError, attempt: number): number | undefined {
  if (call.method !== 'GET' || attempt >= askedAttempts) return undefined;
  if (failure.status === 0) return attempt < connectionAttempts ? 50 * 2 ** (attempt - 1) : undefined;
  const asked = failure.code === 'throttled' || failure.code === 'unavailable' ? failure.retryAfterMs : undefined;
  return asked === undefined || asked > longestRetryAfterMs ? undefined : asked;
}

/** The API server carries nothing out after `toldMs`, measured from when it heard of it. */
function urlOf(server: string, call: Call, toldMs: number): URL {
  const url = new URL(server);
  url.pathname = url.pathname.replace(/\/$/, '') + call.path;
  const timeout = Number.isFinite(toldMs) ? { timeout: `${String(toldMs)}ms` } : {};
  url.search = new URLSearchParams({ ...call.query, ...timeout }).toString();
  return url;
}

/** What YAML forbids, or folds, where it is not escaped. */
const unsafeInYaml = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g;
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * JSON that is also YAML, as which the API server reads an apply: the last words of a pod may hold anything, and a
 * body that cannot be read is refused for ever. Half a character becomes the sign for one that is lost.
 */
export const wireText = (body: unknown): string =>
  JSON.stringify(body, (_, member: unknown) => (typeof member === 'string' ? member.toWellFormed() : member)).replace(
    unsafeInYaml,
    escaped,
  );

function headersOf(call: Call, access: Access, userAgent: string): Record<string, string> {
  const content = call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' };
  return { ...access.headers, ...content, accept: 'application/json', 'user-agent': userAgent };
}

const textOf = (answer: Answer): Promise<string> => answer.body.text();

const isSilence = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'UND_ERR_BODY_TIMEOUT';

/** Of a handshake, or of our own files, of which one may be exchanged before the other. */
const isTlsTrouble = (error: unknown): boolean =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  /EPROTO|CERT|SIGNATURE|SSL_|_TLS_/.test(String(error.code));
