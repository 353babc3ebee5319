/** What a decoder is made of, and the memory that follows from it. Pure. */

/** How a graph takes and gives its keys and values; `split-v1` is ours, `concat` is what common exporters write. */
export type ContractName = 'split-v1' | 'concat';

/** The sizes of a decoder. */
export interface Geometry {
  readonly contract: ContractName;
  readonly layers: number;
  /** Heads of keys and values, which may be fewer than those of queries. */
  readonly heads: number;
  readonly headDim: number;
  readonly vocabulary: number;
  /** Most tokens of a sequence, prompt and answer together. */
  readonly contextLength: number;
  /** Tokens that end an answer. */
  readonly endTokens: readonly number[];
}

const bytesOfFloat = 4;

/** Keys and values of one sequence at its full length, in bytes. */
export function slotBytes({ layers, heads, headDim, contextLength }: Geometry): number {
  return 2 * layers * heads * headDim * contextLength * bytesOfFloat;
}
