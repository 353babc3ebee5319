/** When the next attempt is due, and when the run is out of time. Pure. */
import { countedFailures, earlierRunSeconds, inARow, ranMs } from './attempts.ts';
import type { Attempt, RunRoot } from './run.ts';

/** After the first, second, third and every further counted failure, or preemption in a row. */
const backOffMs = [0, 10_000, 20_000, 40_000];
const firstLookMs = 10_000;
const longestLookMs = 300_000;

const stepped = (count: number): number => backOffMs[Math.min(count, backOffMs.length) - 1] ?? 0;

/** How long to wait after the last attempt, which is over. One that was suspended is followed at once. */
export function pauseMs(attempts: readonly Attempt[]): number {
  switch (attempts.at(-1)?.outcome) {
    case 'Failed':
      return stepped(countedFailures(attempts));
    case 'Preempted':
      return stepped(inARow(attempts, 'Preempted'));
    case 'Waiting':
      return Math.min(longestLookMs, firstLookMs * 2 ** (inARow(attempts, 'Waiting') - 1));
    default:
      return 0;
  }
}

/** When all attempts together will have run for too long, should the open one go on; undefined: never. */
export function deadlineAtMs(root: RunRoot, attempts: readonly Attempt[], now: Date): number | undefined {
  const { deadlineSeconds } = root.spec.retry;
  if (deadlineSeconds === undefined) return undefined;
  return now.getTime() + (deadlineSeconds - earlierRunSeconds(root, attempts)) * 1000 - ranMs(root, attempts, now);
}

/** Have all attempts together run for too long? */
export const isPastDeadline = (root: RunRoot, attempts: readonly Attempt[], now: Date): boolean =>
  (deadlineAtMs(root, attempts, now) ?? Infinity) <= now.getTime();
