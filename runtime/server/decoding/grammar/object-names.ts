/** Which properties an object may have next. They come in the order of the grammar; others, where there may be any, in between. */
import { depthLimit, heightsOf, type Grammar, type Node } from './grammar.ts';
import { Spellings } from './spellings.ts';

type ObjectNode = Extract<Node, { readonly kind: 'object' }>;

/** A name between its quotes. */
export function spelledName(name: string): string {
  return JSON.stringify(name).slice(1, -1);
}

/** What was written of an object, and how deep it lies. */
export interface Written {
  /** Properties before this one have had their turn. */
  readonly next: number;
  /** Open lists and objects, the object among them. */
  readonly depth: number;
}

/** The names of one node. */
export class ObjectNames {
  readonly spellings: Spellings;
  readonly #node: ObjectNode;
  readonly #heights: readonly number[];
  /** For each property: the first required one from there on; their number where none is. */
  readonly #firstRequired: readonly number[];
  /** For each property: the flattest value of those from there on up to the first required one. */
  readonly #flattest: readonly number[];

  constructor(node: ObjectNode, heights: readonly number[]) {
    this.#node = node;
    this.#heights = heights;
    this.spellings = new Spellings(node.properties.map(({ name }) => spelledName(name)));
    let first = node.properties.length;
    this.#firstRequired = node.properties
      .map((_, fromEnd) => node.properties.length - 1 - fromEnd)
      .map((index) => (first = node.properties[index]?.required === true ? index : first))
      .reverse();
    let flattest = Number.POSITIVE_INFINITY;
    this.#flattest = node.properties
      .toReversed()
      .map(
        (each) => (flattest = Math.min(this.#height(each.node), each.required ? Number.POSITIVE_INFINITY : flattest)),
      )
      .reverse();
  }

  /** Whether the object may end. */
  mayEnd({ next }: Written): boolean {
    return this.#required(next) === this.#node.properties.length;
  }

  /** Whether a property may come. */
  offers(index: number, { next, depth }: Written): boolean {
    const property = this.#node.properties[index];
    return property !== undefined && index >= next && index <= this.#required(next) && this.#fits(property.node, depth);
  }

  /** Whether properties may come that have no name in the grammar. */
  offersRest({ depth }: Written): boolean {
    return this.#node.rest !== null && this.#fits(this.#node.rest, depth);
  }

  /** What the value of a property is that may come; -1 is one without a name in the grammar. Undefined where it may not. */
  valueOf(index: number, written: Written): number | undefined {
    if (index < 0) return this.offersRest(written) ? (this.#node.rest ?? undefined) : undefined;
    return this.offers(index, written) ? this.#node.properties[index]?.node : undefined;
  }

  /** Whether one of some properties may come, which are in their order. */
  offersOneOf(indices: readonly number[], written: Written): boolean {
    const last = this.#required(written.next);
    for (let at = firstFrom(indices, written.next); at < indices.length; at += 1) {
      const index = indices[at] ?? Number.POSITIVE_INFINITY;
      if (index > last) return false;
      if (this.offers(index, written)) return true;
    }
    return false;
  }

  /** Whether any property may come. */
  offersAny(written: Written): boolean {
    const flattest = this.#flattest[written.next] ?? Number.POSITIVE_INFINITY;
    return this.offersRest(written) || written.depth + flattest <= depthLimit;
  }

  #required(next: number): number {
    return this.#firstRequired[next] ?? this.#node.properties.length;
  }

  #fits(node: number, depth: number): boolean {
    return depth + this.#height(node) <= depthLimit;
  }

  #height(node: number): number {
    return this.#heights[node] ?? Number.POSITIVE_INFINITY;
  }
}

/** Where in a list in order the numbers from `least` on begin. */
function firstFrom(ordered: readonly number[], least: number): number {
  let [low, high] = [0, ordered.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ordered[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A grammar with what is worked out of it once. */
export interface PreparedGrammar extends Grammar {
  readonly heights: readonly number[];
  /** By node; nothing where the node has none. */
  readonly literals: readonly (Spellings | undefined)[];
  readonly names: readonly (ObjectNames | undefined)[];
}

/** Works it out. */
export function prepared(grammar: Grammar): PreparedGrammar {
  const heights = heightsOf(grammar.nodes);
  return {
    ...grammar,
    heights,
    literals: grammar.nodes.map((node) => (node.kind === 'literal' ? new Spellings(node.texts) : undefined)),
    names: grammar.nodes.map((node) => (node.kind === 'object' ? new ObjectNames(node, heights) : undefined)),
  };
}
