/** How long the API server may take to answer, and for how long a watch may therefore be behind. Pure. */
import { watchBackoff } from './backoff.ts';
import { leaseDeadlineMs, usualTimes } from './lease.ts';

export interface Deadlines {
  readonly crudMs: number;
  readonly leaseMs: number;
  /** A watch silent for this long is resumed. */
  readonly watchSilenceMs: number;
}

/**
 * The silence: API servers send a bookmark every minute, give or take a second, and keep changes for 75 s so that who
 * has heard the last one can go on from there. To resume a watch too early costs one request; to resume it late makes
 * everyone wait who must not act on the past, see `longestAwayMs`.
 */
export const usualDeadlines: Deadlines = {
  crudMs: 30_000,
  leaseMs: leaseDeadlineMs(usualTimes),
  watchSilenceMs: 75_000,
};

export const connectTimeoutMs = 10_000;

const longestTryMs = connectTimeoutMs + usualDeadlines.crudMs;
const longestPauseMs = watchBackoff.capMs * (1 + watchBackoff.jitter);

/**
 * No cache is behind for longer, unless the API server is out of reach: its watch stalls, is noticed, cannot be resumed,
 * pauses for as long as ever, and lists anew. Also longer than two pauses of a watch that breaks again and again.
 */
export const longestAwayMs = usualDeadlines.watchSilenceMs + longestTryMs + longestPauseMs + longestTryMs;
