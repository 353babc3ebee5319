/** An answer that must be what a grammar allows: which tokens may come, and whether it is whole. */
import { Automaton, finished, type State } from './automaton.ts';
import type { Grammar } from './grammar.ts';
import { Masks, type Mask } from './masks.ts';
import { bytesOfToken, type TokenBytes } from './vocabulary.ts';

/** Grammars whose automata are kept; most callers send the same few again and again. */
const grammarLimit = 8;

/** One answer's way through its grammar. */
export class Constraint {
  readonly #automaton: Automaton;
  readonly #masks: Masks;
  readonly #vocabulary: TokenBytes;
  #state: State;

  constructor(automaton: Automaton, masks: Masks, vocabulary: TokenBytes) {
    this.#automaton = automaton;
    this.#masks = masks;
    this.#vocabulary = vocabulary;
    this.#state = automaton.start;
  }

  /** The tokens that may come next. */
  get allowed(): Mask {
    const automaton = this.#automaton;
    const [mask, from] = automaton.ahead(this.#state, (state) => this.#masks.mask(automaton, state));
    this.#state = from;
    return mask;
  }

  /** Whether the answer is whole and nothing may be added. */
  get finished(): boolean {
    return finished(this.#state);
  }

  /** Goes on by a token; an end token has no bytes. */
  take(token: number): void {
    const next = this.#automaton.accepts(this.#state, bytesOfToken(this.#vocabulary, token));
    if (next === undefined) throw new RangeError(`token ${token} was not allowed`);
    this.#state = next;
  }
}

/** Makes constraints for one vocabulary. */
export class Constraints {
  readonly #vocabulary: TokenBytes;
  readonly #masks: Masks;
  /** By the grammar's text; the one that was used last is the last. */
  readonly #automata = new Map<string, Automaton>();

  constructor(vocabulary: TokenBytes, endTokens: readonly number[]) {
    this.#vocabulary = vocabulary;
    this.#masks = new Masks(vocabulary, endTokens);
  }

  /** The beginning of an answer. */
  begin(grammar: Grammar): Constraint {
    const key = JSON.stringify(grammar);
    const automaton = this.#automata.get(key) ?? new Automaton(grammar);
    this.#automata.delete(key);
    this.#automata.set(key, automaton);
    const oldest = this.#automata.keys().next().value;
    if (this.#automata.size > grammarLimit && oldest !== undefined) this.#automata.delete(oldest);
    return new Constraint(automaton, this.#masks, this.#vocabulary);
  }
}
