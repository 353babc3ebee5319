/**
 * The time of the API server, as far as its answers tell it. Passes compare the stamps of others with "now": with a wall
 * clock that is wrong, deadlines and times to live would be wrong by as much, and an end just seen would seem long past.
 * Never for the lease, to which a correction would look like a machine that slept.
 */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';

/** By how much the API server's clock can be ahead of ours, in milliseconds; below 0: behind. */
interface Bounds {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** A `Date` header has no fraction of a second. */
const resolutionMs = 1000;
/** Beyond, somebody should set a clock: tokens, certificates and other components rely upon it. */
const tolerableMs = 30_000;

export class ServerTime {
  readonly #clock: Clock;
  readonly #log: Log | undefined;
  #bounds: Bounds | undefined;
  #isSaid = false;

  constructor(clock: Clock, log?: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** By how much the API server's clock is ahead of ours; 0 as long as they may well be the same. */
  get aheadMs(): number {
    const { leastMs, mostMs } = this.#bounds ?? { leastMs: 0, mostMs: 0 };
    return leastMs <= 0 && mostMs >= 0 ? 0 : (leastMs + mostMs) / 2;
  }

  /** Our own clock, whose wall time is the API server's. */
  get clock(): Clock {
    const own = this.#clock;
    return {
      now: () => new Date(own.now().getTime() + this.aheadMs),
      monotonicMs: () => own.monotonicMs(),
      after: (delayMs, callback) => own.after(delayMs, callback),
    };
  }

  /** Just now came an answer of this `Date`, written at some time since the request was sent. */
  hear(date: string | undefined, tookMs: number): void {
    const dateMs = Date.parse(date ?? '');
    if (Number.isNaN(dateMs)) return;
    const nowMs = this.#clock.now().getTime();
    this.#bounds = narrowed(this.#bounds, { leastMs: dateMs - nowMs, mostMs: dateMs + resolutionMs - nowMs + tookMs });
    this.#say();
  }

  #say(): void {
    const isOff = Math.abs(this.aheadMs) > tolerableMs;
    const aheadSeconds = Math.round(this.aheadMs / 1000);
    if (isOff && !this.#isSaid) this.#log?.warn('clock differs from the one of the API server', { aheadSeconds });
    this.#isSaid = isOff;
  }
}

/** What both allow; when that is nothing, a clock was set, and only the newest counts. */
function narrowed(before: Bounds | undefined, newest: Bounds): Bounds {
  if (before === undefined) return newest;
  const leastMs = Math.max(before.leastMs, newest.leastMs);
  const mostMs = Math.min(before.mostMs, newest.mostMs);
  return leastMs <= mostMs ? { leastMs, mostMs } : newest;
}
