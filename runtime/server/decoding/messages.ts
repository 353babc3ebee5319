/** What the main thread and a decoding thread say to each other. */
import type { Signature } from '../protocol/request.ts';
import type { Loaded, SessionOptions } from '../worker-protocol.ts';
import type { Geometry } from './geometry.ts';
import type { Grammar } from './grammar/grammar.ts';
import type { TokenBytes } from './grammar/vocabulary.ts';
import type { Sampling, TokenLogProbabilities } from './sampling.ts';

/** What a decoding thread is started with. */
export interface DecodingOptions extends SessionOptions {
  readonly geometry: Geometry;
  /** Most sequences at once. */
  readonly slots: number;
  /** Most tokens of prompts that are read between two steps of the answers that are being written. */
  readonly prefillTokens: number;
}

/** An answer to write. */
export interface Assignment {
  readonly id: number;
  readonly prompt: readonly number[];
  /** Most tokens of the answer. */
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** How many of the likeliest tokens to report with each token; undefined reports none, nor the token's own. */
  readonly logprobs?: number;
  /** Of the line in which it waits for a slot; the usual one when absent. */
  readonly level?: number;
  /** How many milliseconds it may take, from when the thread hears of it; as many as it takes when absent. */
  readonly patienceMs?: number;
  /** Goes on after an end token. */
  readonly ignoreEnd?: boolean;
  /** What the answer must be. The thread must have been told the vocabulary before. */
  readonly grammar?: Grammar;
}

/** To a decoding thread. What assignments of one command have in common, such as prompt and grammar, travels once. */
export type DecodingCommand =
  | { readonly kind: 'write'; readonly assignments: readonly Assignment[] }
  | { readonly kind: 'cancel'; readonly id: number }
  | { readonly kind: 'vocabulary'; readonly vocabulary: TokenBytes }
  | { readonly kind: 'close' };

/** One token of an answer. */
export interface WrittenToken {
  readonly id: number;
  readonly token: number;
  readonly logprobs?: TokenLogProbabilities;
  /** With the first token of an answer: tokens of the prompt that were known from an earlier one. */
  readonly cachedTokens?: number;
}

/** Why an answer is over: an end token, a limit, its caller, its deadline, or a fault of the model. */
export type End =
  | { readonly kind: 'stop' }
  | { readonly kind: 'length' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'expired' }
  | {
      readonly kind: 'failed';
      readonly message: string;
      /** By what it was asked, as it would be each time. */
      readonly again?: true;
    };

/** An answer that is over. */
export interface Ended {
  readonly id: number;
  readonly end: End;
  /** Tokens of the prompt that were known from an earlier one. */
  readonly cachedTokens: number;
  /** Milliseconds in line until its prompt began to be read; undefined when it never did. */
  readonly waitedMs: number | undefined;
}

/** What one step brought. */
export interface StepReport {
  readonly tokens: readonly WrittenToken[];
  readonly ended: readonly Ended[];
  /** Answers being written, and those that wait for a slot. */
  readonly writing: number;
  readonly waiting: number;
  /** Tokens of prompts that were run, those from the cache not counted. */
  readonly promptTokens: number;
}

/** From a decoding thread: first `loaded` or `failed`, then one `begun` before each answer's first step, and one `stepped` for each step. */
export type DecodingReply =
  | ({ readonly kind: 'loaded'; readonly signature: Signature } & Pick<Loaded, 'provider' | 'passedOver'>)
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'begun'; readonly id: number }
  | { readonly kind: 'stepped'; readonly report: StepReport };
