/**
 * Notices that something does not end. It counts its own looks and not the clock: a laptop that slept, a container that was
 * frozen and a loop that was busy with something else have not waited, and must end nothing when they go on.
 */

/** Milliseconds between two looks, for which each counts. */
const lookMs = 100;

/** Over one thing at a time. Beginning and ending cost two assignments: there is one timer, while it lasts, for all. */
export class Watchdog {
  readonly #onHang: () => void;
  #leftMs = Infinity;
  #looks = false;

  /** `onHang` is told once of each that does not end. */
  constructor(onHang: () => void) {
    this.#onHang = onHang;
  }

  /** Something has begun, or gone on, and ends within so many milliseconds, or else hangs. */
  begin(limitMs: number): void {
    this.#leftMs = limitMs;
    if (!this.#looks) this.#lookLater();
  }

  /** It has ended. */
  end(): void {
    this.#leftMs = Infinity;
  }

  #lookLater(): void {
    this.#looks = true;
    setTimeout(() => this.#look(), lookMs).unref();
  }

  #look(): void {
    this.#looks = false;
    if (this.#leftMs === Infinity) return;
    // The first look may come right after the beginning.
    const isOver = this.#leftMs < 0;
    this.#leftMs -= lookMs;
    if (!isOver) {
      this.#lookLater();
      return;
    }
    this.end();
    this.#onHang();
  }
}
