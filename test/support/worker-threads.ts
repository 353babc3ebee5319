/** Finds the worker threads that code under test starts, so that a test can let one die. */
import { Worker } from 'node:worker_threads';

/** Workers in the order in which they were first sent something, since `watch` was called. */
export class WorkerWatch {
  readonly seen = new Set<Worker>();
  readonly #original = Worker.prototype.postMessage;

  constructor() {
    const { seen } = this;
    const original = this.#original;
    Worker.prototype.postMessage = function post(this: Worker, ...rest: Parameters<Worker['postMessage']>) {
      seen.add(this);
      original.apply(this, rest);
    };
  }

  /** Ends all seen threads, which must be idle: a busy one would take the process with it. */
  async killAll(): Promise<void> {
    await Promise.all([...this.seen].map((worker) => worker.terminate()));
  }

  stop(): void {
    Worker.prototype.postMessage = this.#original;
  }
}
