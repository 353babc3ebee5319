/**
 * Runs batches of one model: on the main thread what is known to be over sooner than a hand-over to another thread, in
 * worker threads everything else. Workers cost a heap each: where the main thread takes all that comes, there are none before
 * the first batch that it does not take.
 */
import { sentenceOf } from '../../process/logger.ts';
import { MainThreadSession, openOnMainThread } from './main-thread.ts';
import { unavailable } from './protocol/errors.ts';
import { SessionPool, type PoolOptions } from './session-pool.ts';
import type { Ran } from './session-worker.ts';
import { elementsOf, type Tensor } from './tensor.ts';
import { warmUp, type WarmUp } from './warm-up.ts';
import type { Loaded } from './worker-protocol.ts';

/**
 * Runs up to so many milliseconds are so short that the way to the worker and back counts: the next one then waits in the worker.
 * Nobody takes it back there, be it that its caller leaves meanwhile: to hear of that, and to look for it before each run, would
 * cost every request more than such a run is worth. So none waits behind a run that may be longer.
 */
const briefMs = 10;

/** Of one model. */
export interface ExecutorOptions extends PoolOptions {
  /** Of the model, with weights beside it. */
  readonly bytes: number;
}

function rejected(error: unknown): never {
  throw unavailable(`no worker of this model could be started: ${sentenceOf(error)}`);
}

/** The sessions of one loaded model. */
export class Executor {
  readonly loaded: Loaded;
  readonly #options: ExecutorOptions;
  readonly #pool: SessionPool;
  #mainThread: MainThreadSession | undefined;
  /** Elements of the largest batch whose run in a worker was brief; of none, as long as nobody knows. */
  #briefElements = -1;
  /** Runs in workers that may be longer. */
  #longRuns = 0;

  private constructor(options: ExecutorOptions, pool: SessionPool, first: Loaded | MainThreadSession) {
    this.#options = options;
    this.#pool = pool;
    this.#mainThread = first instanceof MainThreadSession ? first : undefined;
    this.loaded = first instanceof MainThreadSession ? first.loaded : first;
  }

  /** Opens a model, to be warmed up next. Throws the loader's sentence when the file is no model. */
  static async open(options: ExecutorOptions): Promise<Executor> {
    const pool = new SessionPool(options);
    return new Executor(options, pool, (await openOnMainThread(options, 'untried')) ?? (await pool.start()));
  }

  /** Batches that may run at once: 0 while every worker is dead. */
  get size(): number {
    return this.#pool.asleep ? this.#options.instances : this.#pool.size;
  }

  /** Batches that may run, or wait in a worker, where the next one begins with these inputs; `isFinal` when it may wait there. */
  sizeFor(inputs: readonly Tensor[], isFinal: boolean): number {
    if (this.#mainThread?.takes(inputs) === true) return this.#mainThread.atOnce;
    return isFinal && this.#briefElements >= 0 && this.#longRuns === 0 ? 2 * this.size : this.size;
  }

  /** Whether small batches run on the main thread. */
  get onMainThread(): boolean {
    return this.#mainThread !== undefined;
  }

  /** Runs each session once, and finds out what may be joined, `most` rows at the most, and where it is to run. Once, before all runs. */
  async warmUp(most: number): Promise<WarmUp> {
    if (this.#mainThread !== undefined) {
      const found = await warmUp([this.#mainThread], this.loaded, most);
      if (this.#mainThread.keepTo(found.largest)) return found;
      await this.#mainThread.close();
      this.#mainThread = undefined;
      await this.#pool.start();
    }
    const found = await this.#pool.withAll((workers) => warmUp(workers, this.loaded, most));
    this.#mainThread = await openOnMainThread({ ...this.#options, providers: [this.loaded.provider] }, found.largest);
    return found;
  }

  /** Runs one batch; the inputs' buffers may be given away. */
  async run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    if (this.#mainThread?.takes(inputs) === true) return this.#mainThread.run(inputs, outputs);
    const elements = elementsOf(inputs);
    const isLong = Number(elements > this.#briefElements);
    this.#longRuns += isLong;
    try {
      const ran = await this.#runInWorker(inputs, outputs);
      if (ran.computeMs <= briefMs) this.#briefElements = Math.max(this.#briefElements, elements);
      else if (isLong === 0) this.#briefElements = -1;
      return ran;
    } finally {
      this.#longRuns -= isLong;
    }
  }

  async #runInWorker(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Ran> {
    const askedAt = performance.now();
    await this.#pool.start().catch(rejected);
    const worker = this.#pool.acquire(2);
    if (worker === undefined) throw unavailable('no worker of this model is alive');
    try {
      const ran = await worker.run(inputs, outputs, askedAt);
      this.#pool.healthy();
      return ran;
    } finally {
      this.#pool.release(worker);
    }
  }

  /** Releases all sessions after what they run. */
  async close(): Promise<void> {
    const mainThread = this.#mainThread;
    this.#mainThread = undefined;
    await Promise.all([this.#pool.close(), mainThread?.close()]);
  }
}
