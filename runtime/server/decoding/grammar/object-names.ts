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

  constructor(node: ObjectNode, heights: readonly number[]) {
    this.#node = node;
    this.#heights = heights;
    this.spellings = new Spellings(node.properties.map(({ name }) => spelledName(name)));
    let first = node.properties.length;
    this.#firstRequired = node.properties
      .map((_, fromEnd) => node.properties.length - 1 - fromEnd)
      .map((index) => (first = node.properties[index]?.required === true ? index : first))
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

  /** Whether any property may come. */
  offersAny(written: Written): boolean {
    return this.offersRest(written) || this.#node.properties.some((_, index) => this.offers(index, written));
  }

  #required(next: number): number {
    return this.#firstRequired[next] ?? this.#node.properties.length;
  }

  #fits(node: number, depth: number): boolean {
    return depth + (this.#heights[node] ?? Number.POSITIVE_INFINITY) <= depthLimit;
  }
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
