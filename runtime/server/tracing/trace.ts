/**
 * What is told of a request to whoever traces it; nothing of how traces are made is known here. Times are the engine's
 * clock, in milliseconds.
 */
import type { End } from '../decoding/messages.ts';

/** A batch of tensors that a request was part of. */
export interface TensorRun {
  readonly model: string;
  readonly version: string;
  readonly queuedAt: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Of the whole batch. */
  readonly requests: number;
  readonly failed: boolean;
}

/** An answer of a language model that has ended. */
export interface WrittenAnswer {
  readonly queuedAt: number;
  /** When its prompt began to be read; undefined when it never was. */
  readonly startedAt: number | undefined;
  /** When its first token was there; undefined when there was none. */
  readonly firstTokenAt: number | undefined;
  readonly endedAt: number;
  readonly promptTokens: number;
  /** Of the prompt, known from earlier ones. */
  readonly cachedTokens: number;
  readonly writtenTokens: number;
  readonly end: End['kind'];
}

/** One request. */
export interface RequestTrace {
  /** What it asks of which model, in the words of the conventions for generative models. */
  asked(operation: string, model: string): void;
  ran(run: TensorRun): void;
  wrote(answer: WrittenAnswer): void;
}
