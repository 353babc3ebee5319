/** Finds the worker threads that code under test starts, so that a test can let one die. */
import { Worker } from 'node:worker_threads';

type Post = (this: Worker, ...rest: Parameters<Worker['postMessage']>) => void;

/** Workers in the order in which they were first sent something, from the making of the watch until `stop`. */
export class WorkerWatch {
  readonly seen = new Set<Worker>();
  readonly #original: Post = Reflect.get(Worker.prototype, 'postMessage');

  constructor() {
    const [seen, original] = [this.seen, this.#original];
    const post: Post = function (...rest) {
      seen.add(this);
      original.apply(this, rest);
    };
    Worker.prototype.postMessage = post;
  }

  /** Ends all seen threads, which must be idle: a busy one would take the process with it. */
  async killAll(): Promise<void> {
    await Promise.all([...this.seen].map((worker) => worker.terminate()));
  }

  stop(): void {
    Worker.prototype.postMessage = this.#original;
  }
}
