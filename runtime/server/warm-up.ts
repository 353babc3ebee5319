/**
 * Warm-up: a real inference on every session before the model counts as ready, and the proof that rows of a batch do not
 * touch each other, without which joining strangers' requests would be wrong.
 */
import { datatypes, elementCount, splitBatch, type Tensor, type TensorData } from './tensor.ts';
import type { TensorSpec } from './protocol/request.ts';
import type { SessionWorker } from './session-worker.ts';
import type { Loaded } from './worker-protocol.ts';

/** What warming up found. */
export interface WarmUp {
  /** Whether requests may be joined along axis 0. */
  readonly batchable: boolean;
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

/** Whether a row of ones gives the same alone and beside a row of zeros, and every output has the batch's rows. */
async function rowsAreApart(worker: SessionWorker, loaded: Loaded, length: number): Promise<boolean> {
  const names = loaded.outputs.map(({ name }) => name);
  const give = (rows: number): Tensor[] => loaded.inputs.map((spec) => invented(spec, rows, length));
  try {
    const alone = await worker.run(give(1), names);
    const joined = await worker.run(give(2), names);
    return joined.outputs.every((output, index) => {
      const [first] = output.shape[0] === 2 ? splitBatch(output, [1, 1]) : [];
      const single = alone.outputs[index];
      return first !== undefined && single !== undefined && sameElements(first, single);
    });
  } catch {
    return false;
  }
}

async function fits(worker: SessionWorker, loaded: Loaded, length: number): Promise<string | undefined> {
  try {
    const inputs = loaded.inputs.map((spec) => invented(spec, 1, length));
    await worker.run(
      inputs,
      loaded.outputs.map(({ name }) => name),
    );
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Warms all workers. Throws when a model whose shapes leave nothing to guess cannot run. */
export async function warmUp(workers: readonly SessionWorker[], loaded: Loaded): Promise<WarmUp> {
  const [first] = workers;
  if (first === undefined) throw new Error('no worker to warm');
  const open = loaded.inputs.some(({ shape }) => shape.some((dim, axis) => dim === -1 && axis > 0));
  let fault: string | undefined;
  for (const length of open ? lengths : [1]) {
    fault = await fits(first, loaded, length);
    if (fault !== undefined) continue;
    await Promise.all(workers.slice(1).map((worker) => fits(worker, loaded, length)));
    return { batchable: loaded.batchAxis && (await rowsAreApart(first, loaded, length)) };
  }
  if (open) return { batchable: false, skipped: fault ?? '' };
  throw new Error(`the warm-up inference failed: ${fault ?? ''}`);
}
