/** One timer for the deadlines of many, set for the soonest. */

/** What of time it needs. */
export interface Timers {
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number;
  /** Runs a callback once, so many milliseconds later; the result cancels it. */
  readonly after: (delayMs: number, callback: () => void) => () => void;
}

/** Lives from the first deadline to `clear`. */
export class Deadlines {
  readonly #timers: Timers;
  readonly #onDue: () => number;
  /** Undefined while there is none. */
  #watch: { readonly at: number; readonly cancel: () => void } | undefined;

  /** `onDue` is told that one may have passed, and says which is the soonest of those to come; Infinity is none. */
  constructor(timers: Timers, onDue: () => number) {
    this.#timers = timers;
    this.#onDue = onDue;
  }

  /** Sees to it that `onDue` is told once a deadline has passed, less than a millisecond later. */
  add(deadline: number): void {
    if (deadline === Infinity || (this.#watch !== undefined && this.#watch.at <= deadline)) return;
    this.clear();
    // Never at once: a timer that goes off a fraction early would find nothing, and set itself again and again.
    const delayMs = Math.max(1, Math.ceil(deadline - this.#timers.now()));
    this.#watch = { at: deadline, cancel: this.#timers.after(delayMs, () => this.#due()) };
  }

  /** Forgets them all. */
  clear(): void {
    this.#watch?.cancel();
    this.#watch = undefined;
  }

  #due(): void {
    this.#watch = undefined;
    this.add(this.#onDue());
  }
}
