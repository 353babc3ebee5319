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

/** What a model may use, and what it is known to need. */
export interface Memory {
  readonly limitBytes: number;
  /** Of the model's file and its weights beside it, for each of its sessions. */
  readonly fileBytes: number;
}

/** The process itself, before any model: node, ONNX Runtime's library, the server. */
const baseBytes = 96 << 20;

/** While a session is made the file's weights are in memory twice: as they were read, and as the kernels want them. */
const weightsFactor = 2;

/** Sequences at once, or one sentence with the numbers when not even one fits. */
export type Slots =
  | { readonly ok: true; readonly slots: number; readonly bytes: number }
  | { readonly ok: false; readonly message: string };

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

/** Undefined when a model's weights fit; otherwise one sentence with the numbers. */
export function weightsFault({ limitBytes, fileBytes }: Memory): string | undefined {
  const needed = baseBytes + weightsFactor * fileBytes;
  if (needed <= limitBytes) return undefined;
  return (
    `the model needs ${mebibytes(needed)} (${mebibytes(weightsFactor * fileBytes)} to load its weights, ` +
    `${mebibytes(baseBytes)} for the server), the memory limit is ${mebibytes(limitBytes)}`
  );
}

/** How many sequences, at most `wanted`, have room beside the weights. */
export function slotsThatFit(geometry: Geometry, memory: Memory, wanted: number): Slots {
  const fault = weightsFault(memory);
  if (fault !== undefined) return { ok: false, message: fault };
  const each = slotBytes(geometry);
  const free = memory.limitBytes - baseBytes - weightsFactor * memory.fileBytes;
  const slots = Math.min(wanted, Math.floor(free / each));
  if (slots >= 1) return { ok: true, slots, bytes: slots * each };
  const message =
    `one sequence of ${geometry.contextLength} tokens needs ${mebibytes(each)} for its keys and values; of the memory ` +
    `limit of ${mebibytes(memory.limitBytes)} the weights and the server leave ${mebibytes(free)}`;
  return { ok: false, message };
}
