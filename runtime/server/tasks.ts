/** Tasks that something must not end before: work of several steps, between which nothing else tells of it. */
export class Tasks {
  #running = 0;
  readonly #awaitingRest: (() => void)[] = [];

  /** Counts a task as running until it has ended, well or not. */
  async during<R>(task: () => Promise<R>): Promise<R> {
    this.#running += 1;
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#tellRest();
    }
  }

  /** Resolves once none is running. */
  atRest(): Promise<void> {
    return new Promise((resolve) => {
      this.#awaitingRest.push(resolve);
      this.#tellRest();
    });
  }

  #tellRest(): void {
    if (this.#running > 0) return;
    for (const resolve of this.#awaitingRest.splice(0)) resolve();
  }
}
