/** How long the sender of a body is waited for. */
import type { Clock } from '../../process/clock.ts';

/** What a sender is waited for at most. */
export interface Pace {
  /** Longest silence, and as much waiting as is not counted, ms. */
  readonly idleMs: number;
  /** On average, apart from that: one who sends a byte now and then would keep memory, and a seat, for ever. */
  readonly bytesPerSecond: number;
}

/** How long one sender was waited for, and how much came of it. Time in which nobody read does not count. */
export class Patience {
  readonly #pace: Pace;
  readonly #clock: Clock;
  #waitedMs = 0;
  #bytes = 0;

  constructor({ pace, clock }: { readonly pace: Pace; readonly clock: Clock }) {
    this.#pace = pace;
    this.#clock = clock;
  }

  /** Waits for the next bytes; `late` is called when they take too long. Returns what to call when they came, or never will. */
  wait(late: () => void): (bytes: number) => void {
    const { idleMs, bytesPerSecond } = this.#pace;
    const sinceMs = this.#clock.monotonicMs();
    const earnedMs = idleMs + (this.#bytes / bytesPerSecond) * 1000;
    const cancel = this.#clock.after(Math.max(0, Math.min(idleMs, earnedMs - this.#waitedMs)), late);
    return (bytes) => {
      cancel();
      this.#waitedMs += this.#clock.monotonicMs() - sinceMs;
      this.#bytes += bytes;
    };
  }
}
