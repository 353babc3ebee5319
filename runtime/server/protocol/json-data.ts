/** Tensor elements as JSON, both ways: flat or nested arrays of numbers, booleans and strings ↔ element arrays. */
/// <reference lib="esnext.float16" />
import { datatypes, elementCount, type Datatype, type NumericData, type Tensor, type TensorData } from '../tensor.ts';
import { invalid, Refusal } from './errors.ts';

/**
 * Thrown when an integer was rounded by the JSON parser: the body must be parsed again with bigints. Thrown then as well, it is
 * written with an exponent or a fraction, and a refusal like any other.
 */
export class NeedsBigIntegers extends Refusal {
  constructor({ name }: Place, value: number) {
    super({ kind: 'invalid' }, `input '${name}' holds ${value}, which is rounded; write it in digits alone`);
  }
}

const ranges = {
  UINT8: [0, 255],
  UINT16: [0, 65_535],
  UINT32: [0, 4_294_967_295],
  INT8: [-128, 127],
  INT16: [-32_768, 32_767],
  INT32: [-2_147_483_648, 2_147_483_647],
} as const;

const bigRanges = {
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
} as const;

/** Largest magnitudes that do not round to infinity. */
export const largest = { FP16: 65_519, FP32: 3.402_823_567e38, FP64: Number.MAX_VALUE } as const;

interface Place {
  readonly name: string;
  readonly datatype: Datatype;
}

/** Of a value that does not fit. */
const shownLetters = 40;

function misfit({ name, datatype }: Place, value: unknown): Error {
  return invalid(`input '${name}' holds ${shownValue(value).slice(0, shownLetters)}, which is not ${datatype}`);
}

/**
 * The begin of a value as JSON, of two levels alone: it may be deep, long, or hold what JSON has no words for, such as bigints
 * and infinities.
 */
function shownValue(value: unknown, levels = 2): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.slice(0, shownLetters));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = (one: unknown): string => (levels > 1 ? shownValue(one, levels - 1) : '…');
  if (Array.isArray(value)) return `[${value.slice(0, shownLetters).map(inner).join()}]`;
  const members = Object.entries(value).slice(0, shownLetters);
  return `{${members.map(([name, one]) => `${shownValue(name)}:${inner(one)}`).join()}}`;
}

/** Nested lists in row-major order. Their lengths must be exactly the shape's. */
function flatten(place: Place, data: readonly unknown[], shape: readonly number[]): readonly unknown[] {
  const flat: unknown[] = [];
  const walk = (value: unknown, axis: number): void => {
    if (!Array.isArray(value) || value.length !== shape[axis]) {
      throw invalid(`the nested data of input '${place.name}' do not have its shape [${shape.join(',')}]`);
    }
    if (axis < shape.length - 1) for (const inner of value) walk(inner, axis + 1);
    else for (const element of value) flat.push(element);
  };
  walk(data, 0);
  return flat;
}

function readFloats(
  place: Place,
  values: readonly unknown[],
  [out, limit]: [{ [index: number]: number }, number],
): void {
  for (let i = 0; i < values.length; i += 1) {
    const given = values[i];
    // Beside 64-bit integers a body is parsed with bigints, and a large number without a fraction is one.
    const value = typeof given === 'bigint' ? Number(given) : given;
    if (typeof value !== 'number' || value > limit || value < -limit) throw misfit(place, given);
    out[i] = value;
  }
}

function readIntegers(
  place: Place,
  values: readonly unknown[],
  [out, range]: [NumericData, readonly [number, number]],
): void {
  const [min, max] = range;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (typeof value !== 'number' || value < min || value > max || !Number.isInteger(value)) throw misfit(place, value);
    out[i] = value;
  }
}

function bigOf(place: Place, value: unknown): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw misfit(place, value);
  if (!Number.isSafeInteger(value)) throw new NeedsBigIntegers(place, value);
  return BigInt(value);
}

function readBig(
  place: Place,
  values: readonly unknown[],
  [out, range]: [BigInt64Array | BigUint64Array, readonly [bigint, bigint]],
): void {
  const [min, max] = range;
  for (let i = 0; i < values.length; i += 1) {
    const value = bigOf(place, values[i]);
    if (value < min || value > max) throw misfit(place, value);
    out[i] = value;
  }
}

function readStrings(place: Place, values: readonly unknown[]): string[] {
  return values.map((value) => {
    if (typeof value !== 'string') throw misfit(place, value);
    return checkString(place.name, value);
  });
}

function readBooleans(place: Place, values: readonly unknown[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values, (value) => {
    // Clients that think in numbers send 0 and 1.
    if (value === true || value === 1) return 1;
    if (value === false || value === 0) return 0;
    throw misfit(place, value);
  });
}

/** ONNX Runtime cuts strings at the first NUL without a word, and UTF-8 has no half of a surrogate pair: both are refused. */
export function checkString(name: string, value: string): string {
  if (!value.isWellFormed())
    throw invalid(`input '${name}' holds a string with half a surrogate pair, which is no UTF-8`);
  if (value.includes('\0'))
    throw invalid(`input '${name}' holds a string with a NUL character, which models cannot take`);
  return value;
}

function readNumbers(
  place: Place,
  datatype: Exclude<Datatype, 'BYTES' | 'BOOL'>,
  values: readonly unknown[],
): TensorData {
  switch (datatype) {
    case 'FP32': {
      const out = new Float32Array(values.length);
      readFloats(place, values, [out, largest.FP32]);
      return out;
    }
    case 'FP64': {
      const out = new Float64Array(values.length);
      readFloats(place, values, [out, largest.FP64]);
      return out;
    }
    case 'FP16': {
      const out = new Float16Array(values.length);
      readFloats(place, values, [out, largest.FP16]);
      return new Uint16Array(out.buffer);
    }
    case 'INT64': {
      const out = new BigInt64Array(values.length);
      readBig(place, values, [out, bigRanges.INT64]);
      return out;
    }
    case 'UINT64': {
      const out = new BigUint64Array(values.length);
      readBig(place, values, [out, bigRanges.UINT64]);
      return out;
    }
    default: {
      const out = datatypes[datatype].zeros(values.length);
      readIntegers(place, values, [out, ranges[datatype]]);
      return out;
    }
  }
}

/** Elements from a JSON `data` member. Nothing is allocated before their number was compared with the shape. */
export function readJsonData(place: Place, data: unknown, shape: readonly number[]): TensorData {
  if (!Array.isArray(data)) throw invalid(`the data of input '${place.name}' are not a list`);
  const nested = shape.length > 1 && Array.isArray(data[0]);
  const values = nested ? flatten(place, data, shape) : data;
  if (values.length !== elementCount(shape)) {
    throw invalid(
      `input '${place.name}' has ${values.length} elements, its shape [${shape.join(',')}] asks for ${elementCount(shape)}`,
    );
  }
  if (place.datatype === 'BYTES') return readStrings(place, values);
  if (place.datatype === 'BOOL') return readBooleans(place, values);
  return readNumbers(place, place.datatype, values);
}

/** Of an output, or of what was made of it: JSON has no word for it, and would say null. */
export const noNumber = (output: string, remedy = ''): Refusal =>
  invalid(`output '${output}' holds NaN or an infinity, which JSON cannot carry${remedy}`);

/** Numbers as joining writes them: 64-bit integers digit by digit, where JSON.stringify would throw. */
function joinedNumbers({ name, datatype, data }: Tensor): string {
  const halves = datatype === 'FP16' && data instanceof Uint16Array;
  const text = halves ? new Float16Array(data.buffer, data.byteOffset, data.length).join() : data.join();
  if (text.includes('N') || text.includes('I')) throw noNumber(name, ': ask for it with binary_data true');
  return text;
}

/** The elements as the text of a flat JSON list. Refuses NaN and infinities, for which JSON has no words. */
export function writeJsonData(tensor: Tensor): string {
  const { datatype, data } = tensor;
  if (Array.isArray(data)) return JSON.stringify(data);
  if (datatype === 'BOOL' || data.length === 0) return `[${jsonElements(tensor).join()}]`;
  return `[${joinedNumbers(tensor)}]`;
}

/** The JSON text of each element. */
export function jsonElements(tensor: Tensor): readonly string[] {
  const { datatype, data } = tensor;
  if (Array.isArray(data)) return data.map((text) => JSON.stringify(text));
  if (datatype === 'BOOL') return Array.from(data as Uint8Array, (bit) => (bit === 0 ? 'false' : 'true'));
  return data.length === 0 ? [] : joinedNumbers(tensor).split(',');
}
