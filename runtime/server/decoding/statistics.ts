/** Plain counters of one decoder: cheap enough for every token, read by metrics. */
import type { End, StepReport } from './messages.ts';

/** What only rises. */
class Totals {
  /** Tokens of prompts, those known from earlier ones included. */
  promptTokens = 0;
  /** Tokens of prompts that were known from earlier ones. */
  cachedTokens = 0;
  writtenTokens = 0;
  steps = 0;
  /** Answers by why they ended. */
  readonly endings: Record<End['kind'], number> = { stop: 0, length: 0, cancelled: 0, expired: 0, failed: 0 };
}

/** What happened to one decoder's answers, and to those of the decoders whose places it took. */
export class DecodingStatistics {
  readonly totals: Totals;
  writing = 0;
  waiting = 0;
  /** Told the milliseconds from the request to its first token. */
  onFirstToken: (ms: number) => void = () => undefined;
  /** Told the milliseconds from each token to the next. */
  onToken: (ms: number) => void = () => undefined;

  /** A predecessor goes on with its last answers, which count with those of its successor. */
  constructor(predecessor?: DecodingStatistics) {
    this.totals = predecessor?.totals ?? new Totals();
  }

  /** The thread has died, and all that was written with it. */
  died(): void {
    this.writing = 0;
    this.waiting = 0;
  }

  /** Counts one step. */
  stepped({ tokens, writing, waiting, promptTokens }: StepReport): void {
    this.totals.steps += 1;
    this.totals.writtenTokens += tokens.length;
    this.totals.promptTokens += promptTokens;
    this.writing = writing;
    this.waiting = waiting;
  }

  /** Counts the time of one token. */
  wrote({ first, ms }: { readonly first: boolean; readonly ms: number }): void {
    if (first) this.onFirstToken(ms);
    else this.onToken(ms);
  }

  /** Counts an answer that is over. */
  ended({ kind }: End, cachedTokens: number): void {
    this.totals.endings[kind] += 1;
    this.totals.cachedTokens += cachedTokens;
    this.totals.promptTokens += cachedTokens;
  }
}
