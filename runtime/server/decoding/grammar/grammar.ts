/** What an answer may be, as plain data: nodes name each other by index, so that recursion needs no circle. */

/** A property of an object; the order of properties is the order in which they are written. */
export interface Property {
  readonly name: string;
  readonly node: number;
  readonly required: boolean;
}

/** One kind of value. */
export type Node =
  /** One of a few values, each spelled in one way alone. */
  | { readonly kind: 'literal'; readonly texts: readonly string[] }
  | { readonly kind: 'string' }
  | { readonly kind: 'number'; readonly whole: boolean }
  /** `max` is null where there is no end. */
  | { readonly kind: 'list'; readonly items: number; readonly min: number; readonly max: number | null }
  /** `rest` is what properties without a name here may be; null where there are none. */
  | { readonly kind: 'object'; readonly properties: readonly Property[]; readonly rest: number | null }
  /** Any of several, none of which is a choice itself. */
  | { readonly kind: 'choice'; readonly of: readonly number[] };

/** All of it. */
export interface Grammar {
  readonly nodes: readonly Node[];
  readonly root: number;
}

/** Most lists and objects that are open at once. */
export const depthLimit = 32;

/**
 * Readings of a text that are followed at once, and most alternatives of one value. Giving readings up leaves a smaller
 * language, each text of which is still allowed.
 */
export const readingLimit = 256;

function heightOf(node: Node, heights: readonly number[]): number {
  const of = (index: number): number => heights[index] ?? Number.POSITIVE_INFINITY;
  switch (node.kind) {
    case 'list':
      return 1 + (node.min > 0 ? of(node.items) : 0);
    case 'object':
      return 1 + Math.max(0, ...node.properties.filter(({ required }) => required).map((each) => of(each.node)));
    case 'choice':
      return Math.min(...node.of.map(of));
    default:
      return 0;
  }
}

/** How many levels the flattest value of each node has; infinite where it has more than the limit, or no end. */
export function heightsOf(nodes: readonly Node[]): readonly number[] {
  let heights: readonly number[] = nodes.map(() => Number.POSITIVE_INFINITY);
  // Each round finds the values that are one level higher.
  for (let round = 0; round <= depthLimit + 1; round += 1) {
    const before = heights;
    heights = nodes.map((node) => heightOf(node, before));
  }
  return heights.map((height) => (height > depthLimit ? Number.POSITIVE_INFINITY : height));
}
