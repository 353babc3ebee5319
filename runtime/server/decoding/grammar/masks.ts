/**
 * Which tokens may come next, for one vocabulary. Masks are remembered by state. Inside a string nearly all tokens may
 * come, whatever lies around the string: those are found once, and only what ends the string is walked each time.
 */
import { complete, isFreeString, type Automaton, type State } from './automaton.ts';
import { inString, plain, quote } from './string-text.ts';
import { trieOf, type TokenBytes, type Trie } from './vocabulary.ts';

/** One bit for each token, from the lowest of the first word on. */
export type Mask = Uint32Array;

/** Masks that are remembered, and their memory in bytes. */
const rememberedLimit = 1024;
const memoryLimit = 16 << 20;

/** Sets a token's bit. */
export function allow(mask: Mask, token: number): void {
  mask[token >>> 5] = (mask[token >>> 5] ?? 0) | (1 << (token & 31));
}

interface StringTokens {
  /** Tokens that lie within a string from its first byte to its last. */
  readonly inside: Mask;
  /** Nodes at which a string ends. */
  readonly closing: readonly number[];
}

/** The masks of one vocabulary, for any grammar. */
export class Masks {
  readonly #trie: Trie;
  readonly #words: number;
  readonly #endTokens: readonly number[];
  readonly #inString: StringTokens;
  /** The one that was used last is the last. */
  readonly #known = new Map<State, Mask>();

  constructor(vocabulary: TokenBytes, endTokens: readonly number[]) {
    this.#trie = trieOf(vocabulary);
    this.#words = Math.ceil(Math.max(vocabulary.ends.length, ...endTokens.map((token) => token + 1)) / 32);
    this.#endTokens = endTokens;
    this.#inString = this.#stringTokens();
  }

  /** The tokens that may come, end tokens where the text may end. */
  mask(automaton: Automaton, state: State): Mask {
    const known = this.#known.get(state);
    const mask = known ?? this.#made(automaton, state);
    this.#known.delete(state);
    this.#known.set(state, mask);
    const oldest = this.#known.keys().next().value;
    const limit = Math.min(rememberedLimit, memoryLimit / (this.#words * 4));
    if (this.#known.size > limit && oldest !== undefined) this.#known.delete(oldest);
    return mask;
  }

  #made(automaton: Automaton, state: State): Mask {
    const closed = isFreeString(state) ? automaton.step(state, quote) : undefined;
    const mask = closed === undefined ? new Uint32Array(this.#words) : this.#inString.inside.slice();
    if (closed === undefined) this.#walk([0, this.#trie.byte.length], [automaton, state], mask);
    for (const node of closed === undefined ? [] : this.#inString.closing) {
      this.#allowAt(node, mask);
      this.#walk([node + 1, this.#trie.skip[node] ?? 0], [automaton, closed ?? state], mask);
    }
    if (complete(state)) for (const token of this.#endTokens) allow(mask, token);
    return mask;
  }

  /** Allows the tokens below some siblings that the automaton takes. */
  #walk(range: readonly [number, number], [automaton, start]: readonly [Automaton, State], mask: Mask): void {
    const { byte, skip, depth } = this.#trie;
    const [from, to] = range;
    const top = depth[from] ?? 1;
    const path: State[] = [start];
    for (let node = from; node < to;) {
      const level = (depth[node] ?? 1) - top;
      const next = automaton.step(path[level] ?? start, byte[node] ?? 0);
      if (next === undefined) node = skip[node] ?? to;
      else {
        this.#allowAt(node, mask);
        path[level + 1] = next;
        node += 1;
      }
    }
  }

  #allowAt(node: number, mask: Mask): void {
    const { first, tokens } = this.#trie;
    for (let index = first[node] ?? 0; index < (first[node + 1] ?? 0); index += 1) allow(mask, tokens[index] ?? 0);
  }

  /** The same walk from within a string whose end lies beyond the token. */
  #stringTokens(): StringTokens {
    const { byte, skip, depth } = this.#trie;
    const inside = new Uint32Array(this.#words);
    const closing: number[] = [];
    const path = [plain];
    for (let node = 0; node < byte.length;) {
      const level = (depth[node] ?? 1) - 1;
      const place = path[level] ?? plain;
      const next = inString(place, byte[node] ?? 0);
      if (next < 0) {
        if (place === plain && byte[node] === quote) closing.push(node);
        node = skip[node] ?? byte.length;
      } else {
        this.#allowAt(node, inside);
        path[level + 1] = next;
        node += 1;
      }
    }
    return { inside, closing };
  }
}
