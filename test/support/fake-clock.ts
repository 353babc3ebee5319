/** A clock that moves only when told. Timers fire in order of their due time, at their due time. */
import type { Clock } from '../../process/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  readonly #startMs: number;
  #elapsedMs = 0;
  #wallAheadMs = 0;
  #timers: Timer[] = [];

  constructor(start = '2026-01-01T00:00:00Z') {
    this.#startMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#startMs + this.#elapsedMs + this.#wallAheadMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#elapsedMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Time passes without a timer firing: the process was paused. */
  pause(durationMs: number): void {
    this.#elapsedMs += durationMs;
  }

  /** The wall clock alone moves: the machine slept, or somebody set the clock, back where this is negative. */
  moveWall(byMs: number): void {
    this.#wallAheadMs += byMs;
  }

  /** Moves on by `durationMs`, firing what falls due and letting promises settle in between. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#elapsedMs + durationMs;
    await settle();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.run();
      await settle();
    }
    this.#elapsedMs = untilMs;
    await settle();
  }

  #next(untilMs: number): Timer | undefined {
    const due = this.#timers.filter((timer) => timer.dueMs <= untilMs);
    return due.sort((a, b) => a.dueMs - b.dueMs)[0];
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
