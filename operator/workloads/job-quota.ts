/**
 * A ResourceQuota on Jobs that has no room for the next attempt's. The last attempts' Jobs stay for their logs; where a run so
 * takes its own room away, the oldest goes. Pure.
 */
import type { ObjectRef } from '../kernel/cluster.ts';
import { numberOf } from './attempts.ts';
import { refTo } from './leftovers.ts';
import type { RunObserved } from './run.ts';
import { jobIsOver } from './verdict.ts';

/** For so long a refusal has to last: a quota is counted a moment late, and others may make room. */
const patienceMs = 10_000;

/** Of the run's Jobs that are over the oldest, where that one, or it and others of them, would make room for the next. */
export function jobInTheWay({ root, jobs }: Pick<RunObserved, 'root' | 'jobs'>, now: Date): ObjectRef | undefined {
  const lacking = lackingJobs(root.status?.conditions, now);
  // What is on its way out still counts.
  const isLeaving = jobs.some(({ metadata }) => metadata.deletionTimestamp !== undefined);
  const over = jobs.filter(jobIsOver).toSorted((one, other) => numberOf(one) - numberOf(other));
  const [oldest] = over;
  return oldest === undefined || isLeaving || lacking > over.length ? undefined : refTo(oldest);
}

/** How many Jobs have to go, by the words of the last refusal; Infinity where no quota on Jobs has refused for long enough. */
function lackingJobs(conditions: NonNullable<RunObserved['root']['status']>['conditions'] = [], now: Date): number {
  const told = conditions.find(({ type, reason }) => type === 'Progressing' && reason === 'ApplyFailed');
  if (told === undefined || !(now.getTime() - Date.parse(told.lastTransitionTime) >= patienceMs)) return Infinity;
  const words = /exceeded quota: .*used: ([^ ]*), limited: ([^ ]*)/.exec(told.message);
  const count = (list = ''): number => Number(/(?:^|,)count\/jobs\.batch=(\d+)(?:,|$)/.exec(list)?.[1] ?? NaN);
  const lacking = count(words?.[1]) - count(words?.[2]) + 1;
  return Number.isNaN(lacking) ? Infinity : Math.max(1, lacking);
}
