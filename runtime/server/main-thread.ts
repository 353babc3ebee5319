/**
 * A session on the main thread, for models so small that handing a batch to another thread costs more than running it.
 *
 * A run blocks every other request of the process while it lasts, so only what was measured to be short is taken: fixed
 * shapes but for the batch axis, no more elements than were timed, and a file that opens in a few milliseconds.
 */
import { stat } from 'node:fs/promises';
import { invalid } from './protocol/errors.ts';
import { createSession, type Session } from './onnx.ts';
import type { Ran, WorkerOptions } from './session-worker.ts';
import { elementCount, type Tensor } from './tensor.ts';

/** Longest run that may block the main thread: about what a trip to a worker thread and back costs under load. */
export const blockingLimitMs = 0.25;

/** Largest file that is opened on the main thread, which blocks as well: 3 to 6 ms for each MiB. */
const fileLimitBytes = 1 << 20;

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

  constructor(session: Session, elementLimit: number) {
    this.#session = session;
    this.#elementLimit = elementLimit;
  }

  /** Whether a batch is no larger than what was measured. */
  takes(inputs: readonly Tensor[]): boolean {
    return elementsOf(inputs) <= this.#elementLimit;
  }

  /** Runs one batch. */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    const start = performance.now();
    try {
      const results = await this.#session.run(inputs, outputs);
      return { outputs: results, computeMs: performance.now() - start };
    } catch (error) {
      throw invalid(`the model failed on this input: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Releases the session. */
  close(): Promise<void> {
    return this.#session.release();
  }
}

/** A session on this thread when all that was measured allows it; undefined otherwise, and where models have processes of their own. */
export async function openOnMainThread(
  options: WorkerOptions,
  measured: Measured | undefined,
): Promise<MainThreadSession | undefined> {
  if (options.isolation === 'process') return undefined;
  if (measured === undefined || measured.computeMs > blockingLimitMs) return undefined;
  if ((await stat(options.path)).size > fileLimitBytes) return undefined;
  return new MainThreadSession(await createSession(options), measured.elements);
}
