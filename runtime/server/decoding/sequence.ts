/** One answer while it is written: what it has so far, and when it is over. */
import type { Constraint } from './grammar/constraint.ts';
import type { Assignment, End, WrittenToken } from './messages.ts';
import { adjusted, choose, logProbabilities, randomFrom, restricted } from './sampling.ts';

/** What ends an answer besides itself. */
export interface Bounds {
  readonly contextLength: number;
  readonly endTokens: readonly number[];
}

/** An answer being written. */
export class Sequence {
  readonly assignment: Assignment;
  /** Tokens of the prompt that were known from an earlier one. */
  cachedTokens = 0;
  /** Milliseconds in line; undefined while it is there. */
  waitedMs: number | undefined;
  cancelled = false;
  /** The model gave no number after a piece of its prompt: keys or values of it are none, either. */
  spoiled = false;
  /** By the scheduler's clock. */
  deadline = Infinity;
  /** The token that was chosen last; the model has not seen it yet. */
  last = -1;
  readonly #random: () => number;
  readonly #counts = new Map<number, number>();
  /** Of prompt and answer; made when the first is chosen, since many answers may wait with long prompts. */
  #seen: Set<number> | undefined;
  readonly #begin: () => Constraint | undefined;
  #constraint: Constraint | undefined;
  #written = 0;

  /** `begin` makes the constraint when the first token is chosen: of those that wait, each would take megabytes. */
  constructor(assignment: Assignment, begin: () => Constraint | undefined = () => undefined) {
    this.assignment = assignment;
    this.#begin = begin;
    this.#random = randomFrom(assignment.sampling.seed);
  }

  /** Chooses the next token; undefined when the model gave no numbers. */
  choose(logits: Float32Array): WrittenToken | undefined {
    const { id, sampling, logprobs, prompt } = this.assignment;
    if (this.#written === 0) this.#constraint = this.#begin();
    const seen = (this.#seen ??= new Set(prompt));
    const changed = adjusted(logits, sampling, { counts: this.#counts, seen });
    const possible = this.#constraint === undefined ? changed : restricted(changed, this.#constraint.allowed);
    const token = choose(possible, sampling, this.#random);
    if (token < 0) return undefined;
    this.#constraint?.take(token);
    this.last = token;
    this.#written += 1;
    this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
    seen.add(token);
    return {
      ...{ id, token },
      ...(logprobs !== undefined && { logprobs: logProbabilities(logits, token, logprobs) }),
      // An answer may be left before its end, which would tell it otherwise.
      ...(this.#written === 1 && { cachedTokens: this.cachedTokens }),
    };
  }

  /** Why nobody wants the answer any more; undefined while somebody does. */
  unwanted(now: number): End | undefined {
    if (this.cancelled) return { kind: 'cancelled' };
    return this.deadline <= now ? { kind: 'expired' } : undefined;
  }

  /** Undefined while the answer goes on. */
  over({ contextLength, endTokens }: Bounds): End | undefined {
    const { prompt, maxTokens, ignoreEnd } = this.assignment;
    if (ignoreEnd !== true && endTokens.includes(this.last)) return { kind: 'stop' };
    // An answer to which nothing can be added is whole, whether or not the model would say so.
    if (this.#constraint?.finished === true) return { kind: 'stop' };
    const full = this.#written >= maxTokens || prompt.length + this.#written >= contextLength;
    return full ? { kind: 'length' } : undefined;
  }
}
