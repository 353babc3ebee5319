/**
 * How long the dimensions of an input may be that a model leaves open. What it makes of a length is its own affair, and often the
 * square: attention, masks, positions to each other. A request of some bytes can so ask for more memory than there is.
 */
import { elementCount, type Datatype, type Tensor } from '../tensor.ts';
import { invalid } from './errors.ts';
import type { TensorSpec } from './request.ts';

/** Of one model. */
export interface LengthLimits {
  /** Of what may become a square. */
  readonly square: number;
  /** Of rows of plain numbers, as sound has them by the hundred thousand, of which no model makes squares. */
  readonly plain: number;
}

/** What the limits come from. */
export interface LengthMeans {
  readonly memoryBytes: number;
  /** Where somebody says how long a dimension may be. */
  readonly maxSequenceLength?: number | undefined;
}

/** Bytes of each place of a square: attention of some heads, or the channels of a picture, in FP32. */
export const bytesOfPlace = 64;

/** How much longer a length may be that the model's own files declare: at four bytes a place its square takes a quarter of the memory. */
const declaredFactor = 2;

/** As they are told, or such that a square has room in the memory; `declared` is what the model's own files say that it takes. */
export function lengthLimits({ memoryBytes, maxSequenceLength }: LengthMeans, declared: number): LengthLimits {
  if (maxSequenceLength !== undefined) return { square: maxSequenceLength, plain: maxSequenceLength };
  const roomy = Math.floor(Math.sqrt(memoryBytes / bytesOfPlace));
  return { square: Math.max(roomy, Math.min(declared, declaredFactor * roomy)), plain: Infinity };
}

/** Whether numbers of rows by two axes are tokens. */
export const isTokens = (datatype: Datatype): boolean => datatype === 'INT32' || datatype === 'INT64';

/** What open dimensions come to where there are no elements; one of 0 is as if it were not there. */
function emptySize({ shape }: TensorSpec, given: readonly number[]): number {
  let size = 1;
  for (const [axis, dim] of given.entries()) if (shape[axis] === -1 && dim > 0) size *= dim;
  return size;
}

function isTooLong(spec: TensorSpec, { shape, datatype }: Tensor, { square, plain }: LengthLimits): boolean {
  // Of data the body has no more than it has; without any a caller may say what he likes, the number of rows as well.
  if (elementCount(shape) === 0) return emptySize(spec, shape) > square;
  const limit = shape.length > 2 || isTokens(datatype) ? square : plain;
  for (let axis = 1; axis < shape.length; axis += 1)
    if (spec.shape[axis] === -1 && (shape[axis] ?? 0) > limit) return true;
  return false;
}

/** Refuses inputs with a longer dimension than the limits where the model leaves it open, the first axis excepted. */
export function checkLengths(specs: readonly TensorSpec[], inputs: readonly Tensor[], limits: LengthLimits): void {
  for (const [index, input] of inputs.entries()) {
    const spec = specs[index];
    if (spec === undefined || !isTooLong(spec, input, limits)) continue;
    const shown = `[${input.shape.join(',')}]`;
    const what = elementCount(input.shape) === 0 ? ' without elements' : '';
    throw invalid(`input '${input.name}' has shape ${shown}${what}, and no more than ${limits.square} are taken there`);
  }
}
