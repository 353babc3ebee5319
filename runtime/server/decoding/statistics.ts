/** Plain counters of one decoder: cheap enough for every token, read by metrics. */
import type { End, StepReport } from './messages.ts';

/** What happened to one decoder's answers since it was loaded. */
export class DecodingStatistics {
  /** Tokens of prompts, those known from earlier ones included. */
  promptTokens = 0;
  /** Tokens of prompts that were known from earlier ones. */
  cachedTokens = 0;
  writtenTokens = 0;
  steps = 0;
  writing = 0;
  waiting = 0;
  /** Answers by why they ended. */
  readonly endings: Record<End['kind'], number> = { stop: 0, length: 0, cancelled: 0, expired: 0, failed: 0 };
  /** Told the milliseconds from the request to its first token. */
  onFirstToken: (ms: number) => void = () => undefined;
  /** Told the milliseconds from each token to the next. */
  onToken: (ms: number) => void = () => undefined;

  /** The thread has died, and all that was written with it. */
  died(): void {
    this.writing = 0;
    this.waiting = 0;
  }

  /** Counts one step. */
  stepped({ tokens, writing, waiting, promptTokens }: StepReport): void {
    this.steps += 1;
    this.writtenTokens += tokens.length;
    this.promptTokens += promptTokens;
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
    this.endings[kind] += 1;
    this.cachedTokens += cachedTokens;
    this.promptTokens += cachedTokens;
  }
}
