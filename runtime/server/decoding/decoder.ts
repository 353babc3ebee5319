/**
 * Tokens in, tokens out: the answers of one decoding thread, which is started anew when it dies. Bounded: what has no slot
 * waits in line, and who finds the line full is refused.
 */
import { abandoned, expired, hung, invalidParameter, Refusal, unavailable, unfinished } from '../protocol/errors.ts';
import type { Provider } from '../providers.ts';
import { Rest } from '../rest.ts';
import { limitAfterMs } from '../run-limit.ts';
import type { TokenBytes } from './grammar/vocabulary.ts';
import type { Assignment, DecodingCommand, End, Ended, StepReport, WrittenToken } from './messages.ts';
import { Outbox } from './outbox.ts';
import type { RequestTrace } from '../tracing/trace.ts';
import type { DecodingStatistics } from './statistics.ts';
import { DecodingThread, type LoadedDecoder, type ThreadOptions } from './thread.ts';

/** How a decoder runs. */
export interface DecoderOptions extends Omit<ThreadOptions, 'loadLimitMs'> {
  /** Most answers that may wait for a slot. */
  readonly queueLimit: number;
  readonly statistics: DecodingStatistics;
  readonly now: () => number;
  /** The thread died unasked, or was given up since it hung. */
  readonly onDeath: (hung: boolean) => void;
  /** How long to wait before the n-th attempt in a row to replace a dead thread, in milliseconds. */
  readonly restartDelayMs: (attempt: number) => number;
}

/** What an answer is made of, as it comes. */
export type Written =
  | { readonly kind: 'token'; readonly token: WrittenToken }
  | { readonly kind: 'end'; readonly end: End; readonly cachedTokens: number };

/** Who asked for an answer. */
export interface Asker {
  /** Goes off when the answer is wanted no longer. */
  readonly signal: AbortSignal;
  /** How many milliseconds more it waits for the whole of the answer; undefined is for as long as it takes. */
  readonly patienceMs?: number | undefined;
  /** Told of the answer when it has ended, where somebody traces it. */
  readonly trace?: RequestTrace | undefined;
}

const restarting = 'the thread of this model has died; it is being restarted';

/** One answer on its way to whoever asked. */
class Answer {
  readonly #asker: Asker;
  readonly #promptTokens: number;
  readonly #startedAt: number;
  readonly #ready: Written[] = [];
  #firstAt: number | undefined;
  #lastAt: number | undefined;
  #tokens = 0;
  #wake: (() => void) | undefined;
  #failure: Error | undefined;
  /** It has left the line. */
  begun = false;
  /** Whoever asked has all that was wanted, such as the text up to a stop. */
  satisfied = false;

  constructor(asker: Asker, promptTokens: number, startedAt: number) {
    this.#asker = asker;
    this.#promptTokens = promptTokens;
    this.#startedAt = startedAt;
  }

  put(written: Written): void {
    this.#ready.push(written);
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#failure = error;
    this.#wake?.();
  }

  /** Milliseconds since the start, or since the last token; and which. */
  tick(now: number): { readonly first: boolean; readonly ms: number } {
    const last = this.#lastAt;
    this.#firstAt ??= now;
    this.#lastAt = now;
    this.#tokens += 1;
    return { first: last === undefined, ms: now - (last ?? this.#startedAt) };
  }

  /** Tells whoever traces it that it has ended. */
  ended({ cachedTokens, waitedMs }: Ended, end: End, now: number): void {
    this.#asker.trace?.wrote({
      queuedAt: this.#startedAt,
      startedAt: waitedMs === undefined ? undefined : this.#startedAt + waitedMs,
      firstTokenAt: this.#firstAt,
      endedAt: now,
      promptTokens: this.#promptTokens,
      cachedTokens,
      writtenTokens: this.#tokens,
      end: end.kind,
    });
  }

  async next(): Promise<Written> {
    for (;;) {
      const written = this.#ready.shift();
      if (written !== undefined) return written;
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Lives from `open` to `close`. */
export class Decoder {
  readonly #options: DecoderOptions;
  readonly #answers = new Map<number, Answer>();
  readonly #rest = new Rest(() => this.#answers.size === 0);
  /** The choices of a request come in one turn, and have prompt and grammar in common. */
  readonly #outbox = new Outbox<Assignment>((assignments) => this.#thread?.send({ kind: 'write', assignments }));
  #thread: DecodingThread | undefined;
  #vocabulary: TokenBytes | undefined;
  #timer: NodeJS.Timeout | undefined;
  #reopening: Promise<void> = Promise.resolve();
  #closing = false;
  #deaths = 0;
  #ids = 0;
  #providers: readonly Provider[];
  /** Nobody knows how long a model takes to load, until it was. */
  #loadLimitMs = Infinity;

  constructor(options: DecoderOptions) {
    [this.#options, this.#providers] = [options, options.providers];
  }

  /** Whether the thread is up. */
  get alive(): boolean {
    return this.#thread !== undefined;
  }

  /** Answers being written or waiting. */
  get pending(): number {
    return this.#answers.size;
  }

  /** Starts the thread. Throws, with nothing left behind, when the model cannot be loaded. */
  async open(): Promise<LoadedDecoder> {
    const begun = this.#options.now();
    const thread: DecodingThread = new DecodingThread(
      { ...this.#options, providers: this.#providers, loadLimitMs: this.#loadLimitMs },
      {
        onBegun: (id) => this.#begin(id),
        onReport: (report) => this.#hear(report),
        onDeath: (dead, hangs) => this.#bury(dead, hangs),
      },
    );
    const loaded = await thread.load();
    this.#thread = thread;
    this.#loadLimitMs = limitAfterMs(this.#options.now() - begun);
    // Which one it is has been told: a successor is not to choose again, in a hurry and beside others.
    this.#providers = [loaded.provider];
    if (this.#vocabulary !== undefined) thread.send({ kind: 'vocabulary', vocabulary: this.#vocabulary });
    return loaded;
  }

  /** Tells the thread, and those after it, what tokens spell; once is enough, and must be before any grammar. */
  teach(vocabulary: TokenBytes): void {
    if (this.#vocabulary === vocabulary) return;
    this.#vocabulary = vocabulary;
    this.#send({ kind: 'vocabulary', vocabulary });
  }

  /** Refuses when `count` more answers have no room. */
  requireRoom(count: number): void {
    const { slots, queueLimit } = this.#options;
    if (count > slots + queueLimit)
      throw invalidParameter('n', `the request has ${count} answers; this model has room for ${slots + queueLimit}`);
    if (this.#thread === undefined) throw unavailable(restarting);
    if (this.pending + count <= slots + queueLimit) return;
    throw new Refusal({ kind: 'queueFull', retryAfterSeconds: 1 }, 'the queue of this model is full');
  }

  /** Writes an answer, token by token, to its end. Whoever stops listening, or aborts, has cancelled it. */
  async *write(assignment: Omit<Assignment, 'id'>, asker: Asker): AsyncGenerator<Written, void, undefined> {
    const { signal, patienceMs } = asker;
    this.requireRoom(1);
    this.#ids += 1;
    const id = this.#ids;
    const answer = new Answer(asker, assignment.prompt.length, this.#options.now());
    this.#answers.set(id, answer);
    if (this.pending === 1) this.#thread?.expectStep();
    this.#outbox.add({ ...assignment, id, ...(patienceMs !== undefined && { patienceMs }) });
    const abandon = (): void => answer.fail(abandoned());
    signal.addEventListener('abort', abandon, { once: true });
    try {
      if (signal.aborted) abandon();
      for (let over = false; !over;) {
        const written = await answer.next();
        over = written.kind === 'end';
        yield written;
      }
    } finally {
      signal.removeEventListener('abort', abandon);
      answer.satisfied = !signal.aborted;
      // Nothing is left of it when it has ended.
      if (this.#answers.has(id)) this.#send({ kind: 'cancel', id });
    }
  }

  /** Resolves once nothing is written and nothing waits. */
  atRest(): Promise<void> {
    return this.#rest.wait();
  }

  /** Ends all answers with a refusal, releases the session and waits for the thread's end. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    // A thread that is being opened hears nothing yet, and must not be left behind.
    await this.#reopening;
    for (const id of this.#answers.keys()) this.#send({ kind: 'cancel', id });
    const thread = this.#thread;
    this.#thread = undefined;
    this.#failAll(() => unavailable('the server is stopping'));
    await thread?.close();
  }

  /** In the order in which it was said. */
  #send(command: DecodingCommand): void {
    this.#outbox.flush();
    this.#thread?.send(command);
  }

  #begin(id: number): void {
    const answer = this.#answers.get(id);
    if (answer !== undefined) answer.begun = true;
  }

  #hear(report: StepReport): void {
    this.#deaths = 0;
    const now = this.#options.now();
    this.#options.statistics.stepped(report);
    for (const token of report.tokens) {
      const answer = this.#answers.get(token.id);
      if (answer === undefined) continue;
      this.#options.statistics.wrote(answer.tick(now));
      answer.put({ kind: 'token', token });
    }
    for (const ended of report.ended) this.#finish(ended, now);
    if (this.pending > 0) this.#thread?.expectStep();
    else this.#thread?.expectNothing();
    this.#rest.tell();
  }

  #finish(ended: Ended, now: number): void {
    const { id, end, cachedTokens, waitedMs } = ended;
    const answer = this.#answers.get(id);
    this.#answers.delete(id);
    if (answer === undefined) return;
    const isGivenUp = end.kind === 'cancelled' || end.kind === 'expired';
    const why: End = isGivenUp && answer.satisfied ? { kind: 'stop' } : end;
    this.#options.statistics.ended(why, cachedTokens);
    answer.ended(ended, why, now);
    if (end.kind === 'expired') answer.fail(waitedMs === undefined ? expired() : unfinished());
    else answer.put({ kind: 'end', end, cachedTokens });
  }

  #failAll(whyOf: (answer: Answer) => Refusal): void {
    for (const answer of this.#answers.values()) answer.fail(whyOf(answer));
    this.#answers.clear();
    this.#rest.tell();
  }

  #bury(dead: DecodingThread, hangs: boolean): void {
    if (hangs || this.#thread === dead) this.#options.onDeath(hangs);
    // A thread that never loaded has already said why, to whoever awaits `open`.
    if (this.#thread !== dead) return;
    this.#thread = undefined;
    const message = `the thread that wrote this answer ${hangs ? 'took too long, and was ended' : 'has died'}`;
    this.#options.statistics.died();
    for (const { satisfied } of this.#answers.values()) {
      this.#options.statistics.ended(satisfied ? { kind: 'stop' } : { kind: 'failed', message }, 0);
    }
    this.#failAll(({ begun }) => {
      if (!begun) return unavailable(restarting);
      return hangs ? hung(message) : unavailable(message);
    });
    this.#replace();
  }

  #replace(): void {
    if (this.#closing) return;
    this.#deaths += 1;
    this.#timer = setTimeout(() => {
      this.#reopening = this.open().then(
        () => undefined,
        () => {
          this.#providers = this.#options.providers;
          this.#replace();
        },
      );
    }, this.#options.restartDelayMs(this.#deaths));
  }
}
