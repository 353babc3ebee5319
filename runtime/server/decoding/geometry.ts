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

/**
 * How often keys and values are in memory: what a `concat` graph gives back with every step is all of them, in ONNX Runtime and once
 * more as it is copied from there.
 */
const copies: Readonly<Record<ContractName, number>> = { 'split-v1': 1, concat: 3 };

/** Keys and values of one sequence at its full length, in bytes. */
export function slotBytes({ layers, heads, headDim, contextLength }: Geometry): number {
  return 2 * layers * heads * headDim * contextLength * bytesOfFloat;
}

/** What a slot takes at its full length while it is written, in bytes. */
export function slotDemandBytes(geometry: Geometry): number {
  return copies[geometry.contract] * slotBytes(geometry);
}

/** Rows that one run may have. */
export interface RunSizes {
  readonly slots: number;
  readonly prefillTokens: number;
}

/**
 * The logits of one run, in ONNX Runtime and as they are copied from there, in bytes. A `split-v1` graph gives those of the last
 * token of each sequence, others may give those of every token of a piece of a prompt.
 */
export function logitsBytes({ contract, vocabulary, contextLength }: Geometry, run: RunSizes): number {
  const ofPrompt = contract === 'concat' ? Math.min(run.prefillTokens, contextLength) : 1;
  return 2 * Math.max(run.slots, ofPrompt) * vocabulary * bytesOfFloat;
}
