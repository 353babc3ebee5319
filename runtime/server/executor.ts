/**
 * Runs batches of one model: on the main thread what is known to be over sooner than a hand-over to another thread, in
 * worker threads everything else.
 */
import type { MainThreadSession } from './main-thread.ts';
import { unavailable } from './protocol/errors.ts';
import type { SessionPool } from './session-pool.ts';
import type { Ran } from './session-worker.ts';
import type { Tensor } from './tensor.ts';

/** The sessions of one loaded model. */
export class Executor {
  readonly #pool: SessionPool;
  readonly #mainThread: MainThreadSession | undefined;

  constructor(pool: SessionPool, mainThread: MainThreadSession | undefined) {
    this.#pool = pool;
    this.#mainThread = mainThread;
  }

  /** Batches that may run at once: 0 while every worker is dead. */
  get size(): number {
    return this.#pool.size;
  }

  /** Runs one batch; the inputs' buffers may be given away. */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    if (this.#mainThread?.takes(inputs) === true) return this.#mainThread.run(inputs, outputs);
    const worker = this.#pool.acquire();
    if (worker === undefined) throw unavailable('no worker of this model is alive');
    try {
      const ran = await worker.run(inputs, outputs);
      this.#pool.healthy();
      return ran;
    } finally {
      this.#pool.release(worker);
    }
  }

  /** Releases all sessions after what they run. */
  async close(): Promise<void> {
    await Promise.all([this.#pool.close(), this.#mainThread?.close()]);
  }
}
