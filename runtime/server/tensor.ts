/**
 * Tensors of the server: a dtype table and the two operations that batching needs, joining and splitting along axis 0.
 * Elements lie row major in one typed array of their own; BYTES are strings, FP16 are its 16 bits.
 */
import { sum } from './sum.ts';

/** Everything an element array can be. */
export type TensorData =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Uint8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | string[];

/** The numeric half of TensorData: what can be viewed as bytes and moved between threads. */
export type NumericData = Exclude<TensorData, string[]>;

/** One of ONNX Runtime's element types under its Open Inference Protocol name. */
export type Datatype = keyof typeof datatypes;

interface DatatypeFacts {
  /** ONNX Runtime's name of the type. */
  readonly onnx: string;
  /** Bytes of one element; 0 for strings, whose elements differ. */
  readonly bytes: number;
  /** An element array of `count` zeros. */
  readonly zeros: (count: number) => TensorData;
  /** A view of whole elements over aligned bytes. */
  readonly view: (buffer: ArrayBuffer) => TensorData;
}

/** The dtype table. */
export const datatypes = {
  BOOL: { onnx: 'bool', bytes: 1, zeros: (n) => new Uint8Array(n), view: (b) => new Uint8Array(b) },
  UINT8: { onnx: 'uint8', bytes: 1, zeros: (n) => new Uint8Array(n), view: (b) => new Uint8Array(b) },
  UINT16: { onnx: 'uint16', bytes: 2, zeros: (n) => new Uint16Array(n), view: (b) => new Uint16Array(b) },
  UINT32: { onnx: 'uint32', bytes: 4, zeros: (n) => new Uint32Array(n), view: (b) => new Uint32Array(b) },
  UINT64: { onnx: 'uint64', bytes: 8, zeros: (n) => new BigUint64Array(n), view: (b) => new BigUint64Array(b) },
  INT8: { onnx: 'int8', bytes: 1, zeros: (n) => new Int8Array(n), view: (b) => new Int8Array(b) },
  INT16: { onnx: 'int16', bytes: 2, zeros: (n) => new Int16Array(n), view: (b) => new Int16Array(b) },
  INT32: { onnx: 'int32', bytes: 4, zeros: (n) => new Int32Array(n), view: (b) => new Int32Array(b) },
  INT64: { onnx: 'int64', bytes: 8, zeros: (n) => new BigInt64Array(n), view: (b) => new BigInt64Array(b) },
  FP16: { onnx: 'float16', bytes: 2, zeros: (n) => new Uint16Array(n), view: (b) => new Uint16Array(b) },
  FP32: { onnx: 'float32', bytes: 4, zeros: (n) => new Float32Array(n), view: (b) => new Float32Array(b) },
  FP64: { onnx: 'float64', bytes: 8, zeros: (n) => new Float64Array(n), view: (b) => new Float64Array(b) },
  BYTES: { onnx: 'string', bytes: 0, zeros: (n) => new Array<string>(n).fill(''), view: () => [] },
} as const satisfies Record<string, DatatypeFacts>;

/** A named block of elements: `data.length` is the product of `shape`. */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Whether a word is the protocol's name of a type that this server carries. */
export function isDatatype(word: unknown): word is Datatype {
  return typeof word === 'string' && Object.hasOwn(datatypes, word);
}

/** The datatype under ONNX Runtime's name; undefined for types the protocol cannot carry. */
export function datatypeOf(onnx: string): Datatype | undefined {
  return Object.keys(datatypes)
    .filter(isDatatype)
    .find((name) => datatypes[name].onnx === onnx);
}

/** The number of elements of a shape; 1 for a scalar. Not exact above 2^53, where it exceeds every possible length. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape) count *= dim;
  return count;
}

/**
 * The elements of all inputs of a run, by their shapes: by these a run is long. A dimension of 0 counts as 1, since what a model
 * makes of the others it makes also where there are no elements.
 */
export function elementsOf(inputs: readonly Tensor[]): number {
  return sum(inputs.map(({ shape }) => elementCount(shape) || elementCount(shape.filter((dim) => dim > 0))));
}

/** The bytes of the elements, without a copy. */
export function bytesOf(data: NumericData): Buffer<ArrayBuffer> {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Writes numbers from an index on as elements of whatever type. Those of 64 bits one by one: a list of bigints takes seven times as
 * much as they do.
 */
export function setNumbers(data: TensorData, numbers: ArrayLike<number>, from: number): void {
  if (data instanceof BigInt64Array)
    for (let index = 0; index < numbers.length; index += 1) data[from + index] = BigInt(numbers[index] ?? 0);
  else if (!Array.isArray(data) && !(data instanceof BigUint64Array)) data.set(numbers, from);
}

function concatStrings(inputs: readonly Tensor[]): string[] {
  return inputs.flatMap((input) => (Array.isArray(input.data) ? input.data : []));
}

function concatNumbers(inputs: readonly Tensor[], datatype: Datatype, count: number): TensorData {
  const joined = new Uint8Array(count * datatypes[datatype].bytes);
  let offset = 0;
  for (const { data } of inputs) {
    if (Array.isArray(data)) throw new TypeError('strings among numbers');
    joined.set(bytesOf(data), offset);
    offset += data.byteLength;
  }
  return datatypes[datatype].view(joined.buffer);
}

/** Joins along axis 0. Each input is [nᵢ, ...rest] with one dtype and equal `rest`; the result is [Σ nᵢ, ...rest]. */
export function concatBatch(inputs: readonly Tensor[]): Tensor {
  const [first] = inputs;
  if (first === undefined) throw new RangeError('nothing to join');
  if (inputs.length === 1) return first;
  const { name, datatype } = first;
  const rows = inputs.reduce((sum, input) => sum + (input.shape[0] ?? 0), 0);
  const shape = [rows, ...first.shape.slice(1)];
  const data = datatype === 'BYTES' ? concatStrings(inputs) : concatNumbers(inputs, datatype, elementCount(shape));
  return { name, datatype, shape, data };
}

/** Splits [Σ rows, ...rest] along axis 0 into parts of the given numbers of rows: views, not copies. */
export function splitBatch(batch: Tensor, rows: readonly number[]): Tensor[] {
  if (rows.length === 1 && rows[0] === batch.shape[0]) return [batch];
  const total = sum(rows);
  if (batch.shape[0] !== total)
    throw new RangeError(`a batch of ${total} rows came back as [${batch.shape.join(', ')}]`);
  const rest = batch.shape.slice(1);
  const width = elementCount(rest);
  let offset = 0;
  return rows.map((count) => {
    const end = offset + count * width;
    const data = Array.isArray(batch.data) ? batch.data.slice(offset, end) : batch.data.subarray(offset, end);
    offset = end;
    return { name: batch.name, datatype: batch.datatype, shape: [count, ...rest], data };
  });
}
