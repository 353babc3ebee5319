/**
 * How much one run of a model is given. The first axis of an input is rows, and of each row attention makes the square of its
 * length: a thousand texts of the longest kind are a small body, and more memory than there is. So a request of more rows than
 * one run may have is run in parts where rows are known not to touch each other, and refused elsewhere.
 */
import { bytesOfPlace, checkLengths, isTokens, type LengthLimits } from './protocol/lengths.ts';
import { invalid } from './protocol/errors.ts';
import type { InferenceRequest, InferenceResult, TensorSpec } from './protocol/request.ts';
import { concatBatch, splitBatch, type Tensor } from './tensor.ts';

/** Part of the memory that the runs of one model may take at the same time: weights, bodies and other models have the rest. */
const runsShare = 1 / 4;

/** Of one model. A place is one of the rows × length² of a run. */
export interface RunSize {
  readonly lengths: LengthLimits;
  /** Places of a run where somebody chooses how many rows it has: of joined requests, and of parts. */
  readonly places: number;
  /** Places of a request that can only be run as it is. */
  readonly wholePlaces: number;
  /** Whether rows are known not to touch each other. */
  readonly apart: boolean;
}

/** Places of a run where so many may be under way at once. */
export const placesOf = (memoryBytes: number, sessions: number): number =>
  (memoryBytes * runsShare) / bytesOfPlace / Math.max(1, sessions);

/** Of a model with so many sessions. */
export function runSize(memoryBytes: number, sessions: number, rest: Pick<RunSize, 'lengths' | 'apart'>): RunSize {
  // Of a length that is taken one row is taken at least.
  const wholePlaces = Math.max(memoryBytes / bytesOfPlace, rest.lengths.square ** 2);
  return { ...rest, wholePlaces, places: placesOf(memoryBytes, sessions) };
}

/** Inputs, or what a model says of them. */
type Shaped = Pick<Tensor, 'shape'>;

/** The longest dimension of a row of which a square may be made; 0 where there is none. */
function longest({ shape: dims, datatype }: TensorSpec, { shape }: Shaped, isFixedToo: boolean): number {
  if (dims[0] !== -1 || (shape.length === 2 && !isTokens(datatype))) return 0;
  // Of more than two axes what the model fixes is a picture, or sound, as often as a length.
  const counts = (axis: number): boolean => dims[axis] === -1 || (isFixedToo && shape.length === 2);
  return shape.reduce((most, dim, axis) => (axis > 0 && counts(axis) ? Math.max(most, dim) : most), 0);
}

function placesOfRow(specs: readonly TensorSpec[], inputs: readonly Shaped[], isFixedToo: boolean): number {
  const lengths = inputs.map((input, index) => {
    const spec = specs[index];
    return spec === undefined ? 0 : longest(spec, input, isFixedToo);
  });
  return Math.max(0, ...lengths) ** 2;
}

/** Most rows, such as these inputs have, of a run of so many places; Infinity where of none a square is made. */
export function mostRows(places: number, specs: readonly TensorSpec[], inputs: readonly Shaped[]): number {
  const each = placesOfRow(specs, inputs, true);
  return each === 0 ? Infinity : Math.max(1, Math.floor(places / each));
}

/** The rows that all inputs have in common; undefined where they have none. */
function commonRows(inputs: readonly Tensor[]): number | undefined {
  const rows = inputs[0]?.shape[0];
  return inputs.every(({ shape }) => shape[0] === rows) ? rows : undefined;
}

function checkWhole({ wholePlaces }: RunSize, specs: readonly TensorSpec[], inputs: readonly Tensor[]): void {
  const [rows, each] = [Math.max(1, ...inputs.map(({ shape }) => shape[0] ?? 1)), placesOfRow(specs, inputs, false)];
  if (rows === 1 || rows * each <= wholePlaces) return;
  const most = Math.max(1, Math.floor(wholePlaces / each));
  throw invalid(
    `the request has ${rows} rows of a length of ${Math.sqrt(each)}; the memory limit has room for ${most} of them at once`,
  );
}

function* partsOf(request: InferenceRequest, rows: number, most: number): Generator<InferenceRequest> {
  const sizes = Array.from({ length: Math.ceil(rows / most) }, (_, part) => Math.min(most, rows - part * most));
  const columns = request.inputs.map((input) => splitBatch(input, sizes));
  for (const part of sizes.keys())
    yield { ...request, inputs: columns.map((parts) => parts[part]).filter((tensor) => tensor !== undefined) };
}

function joinedOutputs(results: readonly (readonly Tensor[])[], most: number): readonly Tensor[] {
  return (results[0] ?? []).map((first, index) => {
    const parts = results.map((outputs) => outputs[index]).filter((tensor) => tensor !== undefined);
    const rest = first.shape.slice(1).join();
    if (parts.every(({ shape }) => shape.slice(1).join() === rest)) return concatBatch(parts);
    throw invalid(`the rows of output '${first.name}' differ in shape: ask for ${most} rows at most at once`);
  });
}

/**
 * The requests that one is run as: itself, or parts of its rows, each of at most `most`. Refuses a length that is too long, and
 * rows that are too many where they can only be run together.
 */
export function runsOf(size: RunSize, specs: readonly TensorSpec[], request: InferenceRequest): Runs {
  checkLengths(specs, request.inputs, size.lengths);
  const [most, rows] = [mostRows(size.places, specs, request.inputs), commonRows(request.inputs)];
  if (size.apart && rows !== undefined) return { most, parts: rows > most ? partsOf(request, rows, most) : undefined };
  checkWhole(size, specs, request.inputs);
  return { most, parts: undefined };
}

/** How a request is run. */
export interface Runs {
  /** Most rows of a run, with those of others. */
  readonly most: number;
  /** Undefined where it is run as it is. */
  readonly parts: Iterable<InferenceRequest> | undefined;
}

/** Runs parts, one at a time, so that others' requests pass between. */
export async function runParts(
  parts: Iterable<InferenceRequest>,
  most: number,
  run: (part: InferenceRequest) => Promise<readonly Tensor[]>,
): Promise<InferenceResult['outputs']> {
  const results: (readonly Tensor[])[] = [];
  for (const part of parts) results.push(await run(part));
  return joinedOutputs(results, most);
}
