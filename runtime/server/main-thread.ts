/**
 * A session on the main thread, for models so small that handing a batch to another thread costs more than running it.
 *
 * A run blocks every other request of the process while it lasts, so only what was measured to be short is taken: fixed
 * shapes but for the batch axis, no more elements than were timed, and a file that opens in a few milliseconds. What was
 * measured were ones: where the values may decide how long it takes, it says nothing.
 */
import { readFile } from 'node:fs/promises';
import { createSession, type Session } from './onnx.ts';
import { runFailure } from './out-of-memory.ts';
import type { Signature } from './protocol/request.ts';
import type { Ran, WorkerOptions } from './session-worker.ts';
import { elementCount, type Tensor } from './tensor.ts';

/** Longest run that may block the main thread: about what a trip to a worker thread and back costs under load. */
export const blockingLimitMs = 0.25;

/** Largest model, with weights beside it, that is opened on the main thread, which blocks as well: 3 to 6 ms for each MiB. */
const bytesLimit = 1 << 20;

/** How much longer than that runs may take before no more of them block the main thread; each short one makes up for some of it. */
const patienceMs = 100;

/** Operators whose inputs' values may say how much they do, as a file names them: a string in field 4 of its node. */
const valueDriven = ['Loop', 'Range', 'ConstantOfShape', 'Expand', 'Tile', 'Resize', 'Pad', 'OneHot'].map((name) =>
  Buffer.from([0x22, name.length, ...Buffer.from(name)]),
);

/** What warming up measured of the largest batch that will be joined. */
export interface Measured {
  readonly computeMs: number;
  readonly elements: number;
}

const elementsOf = (inputs: readonly Tensor[]): number =>
  inputs.reduce((sum, { shape }) => sum + elementCount(shape), 0);

/** One session that shares its thread with everything else. */
export class MainThreadSession {
  readonly #session: Session;
  readonly #elementLimit: number;
  #overtimeMs = 0;

  constructor(session: Session, elementLimit: number) {
    this.#session = session;
    this.#elementLimit = elementLimit;
  }

  /** Whether a batch is no larger than what was measured; none any more once runs took much longer than that. */
  takes(inputs: readonly Tensor[]): boolean {
    return this.#overtimeMs <= patienceMs && elementsOf(inputs) <= this.#elementLimit;
  }

  /** Runs one batch. */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    const start = performance.now();
    let begun = start;
    // ONNX Runtime starts in the same turn as this, right after it: what others do before is not the model's time.
    setImmediate(() => {
      begun = performance.now();
    });
    try {
      const results = await this.#session.run(inputs, outputs);
      return { outputs: results, computeMs: performance.now() - start };
    } catch (error) {
      throw runFailure(error instanceof Error ? error.message : String(error));
    } finally {
      this.#overtimeMs = Math.max(0, this.#overtimeMs + performance.now() - begun - blockingLimitMs);
    }
  }

  /** Releases the session. */
  close(): Promise<void> {
    return this.#session.release();
  }
}

/** Whether the values of a request may say how long its run takes: they make the length of an output, or of what is within. */
async function isValueDriven(path: string, { inputs, outputs }: Signature): Promise<boolean> {
  const hasRows = inputs.some(({ shape }) => shape[0] === -1);
  if (outputs.some(({ shape }) => shape.some((dim, axis) => dim === -1 && !(hasRows && axis === 0)))) return true;
  // Sizes and counts are whole numbers.
  if (!inputs.some(({ datatype }) => datatype === 'INT64' || datatype === 'INT32')) return false;
  const file = await readFile(path);
  return valueDriven.some((name) => file.includes(name));
}

/** `bytes`: of the model. A session on this thread when all that was measured allows it; undefined otherwise, and where models have processes of their own or a GPU. */
export async function openOnMainThread(
  options: WorkerOptions & { readonly bytes: number },
  measured: Measured | undefined,
): Promise<MainThreadSession | undefined> {
  if (options.isolation === 'process' || options.providers[0] !== 'cpu') return undefined;
  if (measured === undefined || measured.computeMs > blockingLimitMs) return undefined;
  if (options.bytes > bytesLimit) return undefined;
  const session = await createSession(options);
  if (!(await isValueDriven(options.path, session.loaded))) return new MainThreadSession(session, measured.elements);
  await session.release();
  return undefined;
}
