/**
 * Warm-up: a real inference on every session before the model counts as ready, the proof that rows of a batch do not touch
 * each other, without which joining strangers' requests would be wrong, and the time it takes, without which it may not pay.
 */
/// <reference lib="esnext.float16" />
import { blockingLimitMs, type Measured } from './main-thread.ts';
import { datatypes, elementCount, splitBatch, type Datatype, type Tensor, type TensorData } from './tensor.ts';
import type { TensorSpec } from './protocol/request.ts';
import type { Ran, SessionWorker } from './session-worker.ts';
import type { Loaded } from './worker-protocol.ts';

/** What of a worker it needs. */
type Runner = Pick<SessionWorker, 'run'>;

/** What warming up found. */
export interface WarmUp {
  /** Most rows that requests are joined to along axis 0; 1 where that is wrong or does not pay. */
  readonly maxBatch: number;
  /** Whether rows are known not to touch each other. */
  readonly apart: boolean;
  /** The largest joined batch, timed; undefined for models whose other dimensions are open. */
  readonly largest?: Measured;
  /** Why no inference could be made; undefined when one was. */
  readonly skipped?: string;
}

/** Lengths tried for dynamic dimensions other than the batch axis: a network may be too deep for an image of one pixel. */
const lengths = [1, 16, 64, 224] as const;

/** Most elements of an invented input: warming up must not need more memory than serving. */
const elementLimit = 1 << 24;

/** What an invented row is filled with; `large` is for floating point, whole numbers are 0 there. */
type Fill = 'ones' | 'zeros' | 'large';

const large = 1000;

/** 1 and `large` as bits of FP16. */
const halves = { ones: 0x3c00, large: 0x63d0 } as const;

function valueOf(fill: Exclude<Fill, 'zeros'>, datatype: Datatype): number {
  if (datatype === 'FP16') return halves[fill];
  if (fill === 'ones') return 1;
  return datatype === 'FP32' || datatype === 'FP64' ? large : 0;
}

function fillRow({ datatype, data }: Tensor, fill: Fill, [start, end]: readonly [number, number]): void {
  if (fill === 'zeros') return;
  const value = valueOf(fill, datatype);
  if (Array.isArray(data)) data.fill(value === 0 ? '' : String(value), start, end);
  else if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value), start, end);
  else data.fill(value, start, end);
}

/** An input with a row for each of `fills`; other dynamic dimensions have `length`. */
function invented(spec: TensorSpec, fills: readonly Fill[], length: number): Tensor {
  const rows = spec.shape[0] === -1 ? fills.length : 1;
  const shape = spec.shape.map((dim, axis) => (dim !== -1 ? dim : axis === 0 ? rows : length));
  const count = elementCount(shape);
  if (count > elementLimit) throw new RangeError(`an input of ${count} elements is too large to invent`);
  const tensor = { name: spec.name, datatype: spec.datatype, shape, data: datatypes[spec.datatype].zeros(count) };
  const width = count / rows;
  fills.slice(0, rows).forEach((fill, row) => fillRow(tensor, fill, [row * width, (row + 1) * width]));
  return tensor;
}

const batchOf = ({ inputs }: Loaded, fills: readonly Fill[], length: number): Tensor[] =>
  inputs.map((spec) => invented(spec, fills, length));

/** Kernels for one row and for two may round differently, halves more coarsely, never by this much. */
function near(a: number, b: number, tolerance: number): boolean {
  if (Object.is(a, b)) return true;
  const apart = Math.abs(a - b);
  return apart < Infinity && apart <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
}

/** The elements as what can be compared: halves are kept as their bits. */
function comparable({ data, datatype }: Tensor): TensorData | Float16Array {
  return datatype === 'FP16' && data instanceof Uint16Array
    ? new Float16Array(data.buffer, data.byteOffset, data.length)
    : data;
}

function sameElements(a: Tensor, b: Tensor): boolean {
  if (a.data.length !== b.data.length || a.shape.some((dim, axis) => dim !== b.shape[axis])) return false;
  const tolerance = a.datatype === 'FP16' ? 1e-2 : 1e-3;
  const [ours, theirs] = [comparable(a), comparable(b)];
  for (let i = 0; i < ours.length; i += 1) {
    const [left, right] = [ours[i], theirs[i]];
    const same = typeof left === 'number' && typeof right === 'number' ? near(left, right, tolerance) : left === right;
    if (!same) return false;
  }
  return true;
}

/** One row alone and two joined, and whether the first row came out the same. */
interface Pair {
  readonly length: number;
  readonly apart: boolean;
  readonly alone: Ran;
  readonly joined: Ran;
}

const namesOf = ({ outputs }: Loaded): readonly string[] => outputs.map(({ name }) => name);

/** Whether one of two joined rows is what it is alone, and every output has the batch's rows. */
function isApart(joined: Ran, row: 0 | 1, alone: Ran): boolean {
  return joined.outputs.every((output, index) => {
    const one = output.shape[0] === 2 ? splitBatch(output, [1, 1])[row] : undefined;
    const single = alone.outputs[index];
    return one !== undefined && single !== undefined && sameElements(one, single);
  });
}

/** A row of ones, alone and beside a row of zeros. */
async function runPair(worker: Runner, loaded: Loaded, length: number): Promise<Pair> {
  const alone = await worker.run(batchOf(loaded, ['ones'], length), namesOf(loaded));
  const joined = await worker.run(batchOf(loaded, ['ones', 'zeros'], length), namesOf(loaded));
  return { length, apart: isApart(joined, 0, alone), alone, joined };
}

/** Whether the row of zeros minds its neighbour as little: what zeros add nothing to, such as a sum, ones change. */
async function zerosApart(worker: Runner, loaded: Loaded, { joined, length }: Pair): Promise<boolean> {
  const alone = await worker.run(batchOf(loaded, ['zeros'], length), namesOf(loaded));
  return isApart(joined, 1, alone);
}

/** Whether ones stay what they are beside large numbers, which pass thresholds and stretch scales. */
async function largeApart(worker: Runner, loaded: Loaded, { alone, length }: Pair): Promise<boolean> {
  if (!loaded.inputs.some(({ datatype }) => datatype.startsWith('FP'))) return true;
  try {
    const joined = await worker.run(batchOf(loaded, ['ones', 'large'], length), namesOf(loaded));
    return isApart(joined, 0, alone);
  } catch {
    // Numbers that are looked up in a table may be beyond its end; that says nothing about neighbours.
    return true;
  }
}

/** Two rows in less than this are joined without asking: the way to ONNX Runtime costs more than the rows. */
const callBoundMs = 0.5;

/** How much faster two joined rows must be than two alone. */
const gainAtLeast = 1.25;

/** Tries for what is short, so that a busy machine does not decide; one more for what is long. */
const tries = { close: 48, short: 8, long: 1 } as const;
const longMs = 2;

/**
 * Whether two rows joined cost clearly less than two alone. A convolution on a CPU gains nothing and loses its caches; on a GPU
 * it looks for its fastest way anew whenever the shape is another one than that of the last run, which took 50 to 280 ms on an
 * H100 where the run takes one. So joined runs are measured between others.
 */
async function joiningPays(worker: Runner, loaded: Loaded, first: Pair): Promise<boolean> {
  let [aloneMs, joinedMs] = [first.alone.computeMs, first.joined.computeMs];
  for (let done = 0; joinedMs >= callBoundMs && done < (aloneMs > longMs ? tries.long : tries.short); done += 1) {
    const again = await runPair(worker, loaded, first.length);
    aloneMs = Math.min(aloneMs, again.alone.computeMs);
    joinedMs = Math.min(joinedMs, again.joined.computeMs);
  }
  return joinedMs < callBoundMs || 2 * aloneMs >= gainAtLeast * joinedMs;
}

/** Whether rows leave each other alone, and whether to join them pays. */
interface Joining {
  readonly apart: boolean;
  readonly pays: boolean;
}

async function joiningOf(worker: Runner, loaded: Loaded, length: number): Promise<Joining> {
  let apart = false;
  if (!loaded.batchAxis) return { apart, pays: false };
  try {
    const pair = await runPair(worker, loaded, length);
    apart = pair.apart && (await zerosApart(worker, loaded, pair)) && (await largeApart(worker, loaded, pair));
    if (!apart) return { apart, pays: false };
    // Where other dimensions are open the caller decides how dear a row is: on a CPU time says nothing.
    const pays = (isOpen(loaded) && loaded.provider === 'cpu') || (await joiningPays(worker, loaded, pair));
    return { apart, pays };
  } catch {
    return { apart, pays: false };
  }
}

/** Whether dimensions other than the first are open. */
function isOpen({ inputs }: Loaded): boolean {
  return inputs.some(({ shape }) => shape.some((dim, axis) => dim === -1 && axis > 0));
}

/** Close to the limit: there a busy machine would decide for the whole life of the model, so it has more tries. */
const closeMs = 4 * blockingLimitMs;

/** How often runs are timed, where the best so far took so long. */
function triesOf(bestMs: number): number {
  if (bestMs > longMs) return 2;
  return bestMs > closeMs ? tries.short : tries.close;
}

/** Times `rows` rows, the best of some: what is wanted is the model's time, not the machine's other work. */
async function timed(worker: Runner, loaded: Loaded, rows: number): Promise<Measured | undefined> {
  const fills: readonly Fill[] = ['ones', ...new Array<Fill>(rows - 1).fill('zeros')];
  let best = Number.POSITIVE_INFINITY;
  let elements = 0;
  try {
    for (let done = 0; best > blockingLimitMs && done < triesOf(best); done += 1) {
      const inputs = batchOf(loaded, fills, 1);
      elements = inputs.reduce((sum, { data }) => sum + data.length, 0);
      best = Math.min(best, (await worker.run(inputs, namesOf(loaded))).computeMs);
    }
    return { computeMs: best, elements };
  } catch {
    return undefined;
  }
}

async function fits(worker: Runner, loaded: Loaded, length: number): Promise<string | undefined> {
  try {
    await worker.run(batchOf(loaded, ['ones'], length), namesOf(loaded));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function measure(worker: Runner, loaded: Loaded, [most, length]: [number, number]): Promise<WarmUp> {
  // Also where nothing is to be joined: a request of many rows may have to be parted.
  const { apart, pays } = await joiningOf(worker, loaded, length);
  const maxBatch = pays ? most : 1;
  if (isOpen(loaded)) return { maxBatch, apart };
  const largest = await timed(worker, loaded, maxBatch);
  return { maxBatch, apart, ...(largest !== undefined && { largest }) };
}

/** Warms all workers; `most` bounds the rows of a joined batch. Throws when shapes leave nothing to guess and it fails. */
export async function warmUp(workers: readonly Runner[], loaded: Loaded, most: number): Promise<WarmUp> {
  const [first] = workers;
  if (first === undefined) throw new Error('no worker to warm');
  const open = isOpen(loaded);
  let fault: string | undefined;
  for (const length of open ? lengths : [1]) {
    fault = await fits(first, loaded, length);
    if (fault !== undefined) continue;
    await Promise.all(workers.slice(1).map((worker) => fits(worker, loaded, length)));
    return measure(first, loaded, [most, length]);
  }
  if (open) return { maxBatch: 1, apart: false, skipped: fault ?? '' };
  throw new Error(`the warm-up inference failed: ${fault ?? ''}`);
}
