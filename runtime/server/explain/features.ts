/** Which elements of a row are replaced together: single values and tokens, or the patches of an image. Pure. */
import { invalid } from '../protocol/errors.ts';
import { elementCount } from '../tensor.ts';

/** Indices into the elements of one row. */
export type Feature = readonly number[];

/** About this many patches along the longer side of an image. */
const patchesAlong = 14;

/** More could not be asked about; to list them alone would cost memory. */
const mostFeatures = 16_384;

function checkCount(count: number): void {
  if (count <= mostFeatures) return;
  throw invalid(`a row has ${count} features, at most ${mostFeatures} are explained: larger patches make fewer`);
}

const range = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);

/** The features of a row of this shape (without the batch axis). Only an image, [channels, height, width], has patches. */
export function featuresOf(rowShape: readonly number[], patch: readonly [number, number] | undefined): Feature[] {
  const [channels, height, width, ...more] = rowShape;
  if (channels === undefined || height === undefined || width === undefined || more.length > 0) {
    if (patch !== undefined)
      throw invalid(`'patch' is for images, [batch, channels, height, width]; a row here is [${rowShape.join(',')}]`);
    checkCount(elementCount(rowShape));
    return range(elementCount(rowShape)).map((index) => [index]);
  }
  const usual = Math.max(1, Math.ceil(Math.max(height, width) / patchesAlong));
  const [patchHeight, patchWidth] = patch ?? [usual, usual];
  checkCount(Math.ceil(height / patchHeight) * Math.ceil(width / patchWidth));
  const tops = range(Math.ceil(height / patchHeight)).map((row) => row * patchHeight);
  const lefts = range(Math.ceil(width / patchWidth)).map((column) => column * patchWidth);
  const plane = range(channels).map((channel) => channel * height * width);
  return tops.flatMap((top) =>
    lefts.map((left) => {
      const rows = range(Math.min(patchHeight, height - top)).map((row) => (top + row) * width);
      const columns = range(Math.min(patchWidth, width - left)).map((column) => left + column);
      return plane.flatMap((start) => rows.flatMap((row) => columns.map((column) => start + row + column)));
    }),
  );
}

/** The baseline of every element of a row: one value for all, or one for each index of the row's first axis. */
export function spreadBaseline(baseline: readonly number[], rowShape: readonly number[]): Float64Array {
  const count = elementCount(rowShape);
  const [first = 1] = rowShape;
  if (baseline.length !== 1 && baseline.length !== first)
    throw invalid(`'baseline' has ${baseline.length} values; it takes 1, or ${first}, one for each index of axis 1`);
  const inner = baseline.length === 1 ? count : count / first;
  return Float64Array.from({ length: count }, (_, index) => baseline[Math.floor(index / inner)] ?? 0);
}
