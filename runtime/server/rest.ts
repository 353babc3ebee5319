/** Those who wait until something has nothing more to do. */
export class Rest {
  readonly #isResting: () => boolean;
  readonly #waiting: (() => void)[] = [];

  constructor(isResting: () => boolean) {
    this.#isResting = isResting;
  }

  /** Resolves once it rests. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.tell();
    });
  }

  /** It may rest now. */
  tell(): void {
    if (!this.#isResting()) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
