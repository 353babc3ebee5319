/** How late the event loop runs: a blocked one is like a stopped process, and neither renews a lease. */
import { sleep, type Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';

export interface PulseOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Hears of every beat how many milliseconds late it came. */
  readonly beat: (lateMs: number) => void;
}

const periodMs = 500;
/** Half of the time between two renewals: from here on it is worth a line. */
export const blockedMs = 1000;

/** Beats until `signal` aborts. A block is noticed when it is over, at most one period too short. */
export async function runPulse({ clock, log, beat }: PulseOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs();
    await sleep(clock, periodMs, signal);
    const lateMs = Math.max(0, clock.monotonicMs() - startedMs - periodMs);
    beat(lateMs);
    if (lateMs >= blockedMs) log.warn('event loop blocked', { lateMs: Math.round(lateMs) });
  }
}
