/**
 * Warm-up: a real inference on every session before the model counts as ready, the proof that rows of a batch do not touch
 * each other, without which joining strangers' requests would be wrong, and the time it takes, without which it may not pay.
 */
import { blockingLimitMs, type Measured } from './main-thread.ts';
import { datatypes, elementCount, splitBatch, type Tensor, type TensorData } from './tensor.ts';
import type { TensorSpec } from './protocol/request.ts';
import type { SessionWorker } from './session-worker.ts';
import type { Loaded } from './worker-protocol.ts';

/** What warming up found. */
export interface WarmUp {
  /** Most rows that requests are joined to along axis 0; 1 where that is wrong or does not pay. */
  readonly maxBatch: number;
  /** The largest joined batch, timed; undefined for models whose other dimensions are open. */
  readonly largest?: Measured;
  /** Why no inference could be made; undefined when one was. */
  readonly skipped?: string;
}

/** Lengths tried for dynamic dimensions other than the batch axis: a network may be too deep for an image of one pixel. */
const lengths = [1, 16, 64, 224] as const;

/** Most elements of an invented input: warming up must not need more memory than serving. */
const elementLimit = 1 << 24;

function ones(data: TensorData, count: number): void {
  if (Array.isArray(data)) data.fill('1', 0, count);
  else if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(1n, 0, count);
  else data.fill(1, 0, count);
}

/** `rows` rows of an input, the first of ones and the others of zeros; other dynamic dimensions have `length`. */
function invented(spec: TensorSpec, rows: number, length: number): Tensor {
  const shape = spec.shape.map((dim, axis) => (dim !== -1 ? dim : axis === 0 ? rows : length));
  const count = elementCount(shape);
  if (count > elementLimit) throw new RangeError(`an input of ${count} elements is too large to invent`);
  const data = datatypes[spec.datatype].zeros(count);
  ones(data, count / Math.max(1, spec.shape[0] === -1 ? rows : 1));
  return { name: spec.name, datatype: spec.datatype, shape, data };
}

function near(a: number, b: number): boolean {
  // Kernels for one row and for two may round differently, never by this much.
  return Object.is(a, b) || Math.abs(a - b) <= 1e-3 * Math.max(1, Math.abs(a), Math.abs(b));
}

function sameElements(a: Tensor, b: Tensor): boolean {
  if (a.data.length !== b.data.length || a.shape.some((dim, axis) => dim !== b.shape[axis])) return false;
  for (let i = 0; i < a.data.length; i += 1) {
    const [left, right] = [a.data[i], b.data[i]];
    const same = typeof left === 'number' && typeof right === 'number' ? near(left, right) : left === right;
    if (!same && a.datatype !== 'FP16') return false;
  }
  return true;
}

/** One row alone and two joined, and whether the first row came out the same. */
interface Pair {
  readonly apart: boolean;
  readonly aloneMs: number;
  readonly joinedMs: number;
}

const namesOf = ({ outputs }: Loaded): readonly string[] => outputs.map(({ name }) => name);

/** Whether a row of ones gives the same alone and beside a row of zeros, and every output has the batch's rows. */
async function runPair(worker: SessionWorker, loaded: Loaded, length: number): Promise<Pair> {
  const give = (rows: number): Tensor[] => loaded.inputs.map((spec) => invented(spec, rows, length));
  const alone = await worker.run(give(1), namesOf(loaded));
  const joined = await worker.run(give(2), namesOf(loaded));
  const apart = joined.outputs.every((output, index) => {
    const [first] = output.shape[0] === 2 ? splitBatch(output, [1, 1]) : [];
    const single = alone.outputs[index];
    return first !== undefined && single !== undefined && sameElements(first, single);
  });
  return { apart, aloneMs: alone.computeMs, joinedMs: joined.computeMs };
}

/** Two rows in less than this are joined without asking: the way to ONNX Runtime costs more than the rows. */
const callBoundMs = 0.5;

/** How much faster two joined rows must be than two alone. */
const gainAtLeast = 1.25;

/** Tries for what is short, so that a busy machine does not decide; one more for what is long. */
const tries = { short: 8, long: 1 } as const;
const longMs = 2;

/** Whether two rows joined cost clearly less than two alone. A convolution on a CPU gains nothing and loses its caches. */
async function joiningPays(worker: SessionWorker, loaded: Loaded, first: Pair): Promise<boolean> {
  let { aloneMs, joinedMs } = first;
  for (let done = 0; joinedMs >= callBoundMs && done < (aloneMs > longMs ? tries.long : tries.short); done += 1) {
    const again = await runPair(worker, loaded, 1);
    aloneMs = Math.min(aloneMs, again.aloneMs);
    joinedMs = Math.min(joinedMs, again.joinedMs);
  }
  return joinedMs < callBoundMs || 2 * aloneMs >= gainAtLeast * joinedMs;
}

async function joinable(worker: SessionWorker, loaded: Loaded, length: number): Promise<boolean> {
  if (!loaded.batchAxis) return false;
  try {
    const pair = await runPair(worker, loaded, length);
    // Where other dimensions are open the caller decides how dear a row is: time says nothing.
    return pair.apart && (isOpen(loaded) || (await joiningPays(worker, loaded, pair)));
  } catch {
    return false;
  }
}

/** Whether dimensions other than the first are open. */
function isOpen({ inputs }: Loaded): boolean {
  return inputs.some(({ shape }) => shape.some((dim, axis) => dim === -1 && axis > 0));
}

/** Times `rows` rows, the best of some: what is wanted is the model's time, not the machine's other work. */
async function timed(worker: SessionWorker, loaded: Loaded, rows: number): Promise<Measured | undefined> {
  let best = Number.POSITIVE_INFINITY;
  let elements = 0;
  try {
    for (let done = 0; best > blockingLimitMs && done < (best > longMs ? 2 : tries.short); done += 1) {
      const inputs = loaded.inputs.map((spec) => invented(spec, rows, 1));
      elements = inputs.reduce((sum, { data }) => sum + data.length, 0);
      best = Math.min(best, (await worker.run(inputs, namesOf(loaded))).computeMs);
    }
    return { computeMs: best, elements };
  } catch {
    return undefined;
  }
}

async function fits(worker: SessionWorker, loaded: Loaded, length: number): Promise<string | undefined> {
  try {
    const inputs = loaded.inputs.map((spec) => invented(spec, 1, length));
    await worker.run(inputs, namesOf(loaded));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function measure(worker: SessionWorker, loaded: Loaded, [most, length]: [number, number]): Promise<WarmUp> {
  const maxBatch = most > 1 && (await joinable(worker, loaded, length)) ? most : 1;
  if (isOpen(loaded)) return { maxBatch };
  const largest = await timed(worker, loaded, maxBatch);
  return largest === undefined ? { maxBatch } : { maxBatch, largest };
}

/** Warms all workers; `most` bounds the rows of a joined batch. Throws when shapes leave nothing to guess and it fails. */
export async function warmUp(workers: readonly SessionWorker[], loaded: Loaded, most: number): Promise<WarmUp> {
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
  if (open) return { maxBatch: 1, skipped: fault ?? '' };
  throw new Error(`the warm-up inference failed: ${fault ?? ''}`);
}
