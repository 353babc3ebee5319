/** What a model gives for texts → one vector for each. Pure. */
import { invalid, unavailable } from '../protocol/errors.ts';
import type { Tensor } from '../tensor.ts';
import type { Embedder } from './embedder.ts';

/** How the vectors are made, and how long they are; undefined leaves them as long as they are. */
export interface Making extends Pick<Embedder, 'pooling' | 'normalise'> {
  readonly width: number | undefined;
}

/** The sum of the first `count` rows of [rows, width], divided by how many they are. */
function mean(rows: Float32Array, count: number, width: number): Float32Array {
  // Sums of many small numbers are kept in doubles.
  const sum = new Float64Array(width);
  for (let row = 0; row < count; row += 1)
    for (let column = 0; column < width; column += 1)
      sum[column] = (sum[column] ?? 0) + (rows[row * width + column] ?? 0);
  return Float32Array.from(sum, (total) => total / count);
}

function lengthOf(vector: Float32Array): number {
  let square = 0;
  for (const value of vector) square += value * value;
  const length = Math.sqrt(square);
  if (!Number.isFinite(length)) throw invalid('the model gave NaN or an infinity for one of these texts');
  return length;
}

/** A cut vector is as long as the whole one was, where that was 1. */
function finished(vector: Float32Array, { normalise, width }: Making): Float32Array {
  const cut = vector.slice(0, width);
  const length = lengthOf(cut);
  return (normalise || cut.length < vector.length) && length > 0 ? cut.map((value) => value / length) : cut;
}

/**
 * One vector for each text. `output` is [texts, width] where the graph pools, [texts, sequence, width] elsewhere, of which the
 * first tokens are the text's and the rest fills the row; `counts` says how many they are.
 */
export function vectorsOf({ data, shape }: Tensor, counts: readonly number[], making: Making): readonly Float32Array[] {
  if (!(data instanceof Float32Array)) throw new TypeError('embeddings are not FP32');
  const { pooling } = making;
  const width = shape.at(-1) ?? 0;
  const stride = pooling === 'none' ? width : width * (shape[1] ?? 0);
  if (data.length !== stride * counts.length) throw unavailable(`the model failed: it gave [${shape.join()}]`);
  return counts.map((count, text) => {
    const rows = data.subarray(text * stride, (text + 1) * stride);
    return finished(pooling === 'mean' ? mean(rows, count, width) : rows.subarray(0, width), making);
  });
}
