import { Rest } from './rest.ts';

/** Tasks that something must not end before: work of several steps, between which nothing else tells of it. */
export class Tasks {
  #running = 0;
  readonly #rest = new Rest(() => this.#running === 0);

  /** Counts a task as running until it has ended, well or not. */
  async during<R>(task: () => Promise<R>): Promise<R> {
    this.#running += 1;
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#rest.tell();
    }
  }

  /** Resolves once none is running. */
  atRest(): Promise<void> {
    return this.#rest.wait();
  }
}
