/** A run that is out of time: what it was waiting for, and what helps. Pure. */
import type { Reason } from '../api/vocabulary.ts';
import type { Failure } from './failure.ts';
import type { Attempt, RunRoot } from './run.ts';
import { sentenceOf } from './sentence.ts';
import type { Verdict } from './verdict.ts';

/** What helps a pod that did not start in time. A finished job is not begun again. */
const remedies: Partial<Readonly<Record<Reason, string>>> = {
  Unschedulable: 'make room, or ask for less in placement',
  ImagePull: 'see that the image can be had',
  ConfigMissing: 'see that what the pod needs is there',
};
const longer = 'a new job with a longer deadline, or with less to do, goes on from nothing';

/** Of the attempt that is open, how it stands; of one that is over, how it ended. */
export type LastSeen = Extract<Verdict, { kind: 'starting' | 'running' }> | Attempt;

/** The failure of a run whose attempts took longer than its deadline. */
export function overdue({ spec }: RunRoot, last: LastSeen): Failure {
  const took = `all attempts together took longer than retry.deadlineSeconds, ${String(spec.retry.deadlineSeconds)} s`;
  return { reason: 'DeadlineExceeded', message: `${took}; ${lastWords(last)}`, weight: 'permanent' };
}

function lastWords(last: LastSeen): string {
  if (!('kind' in last)) return `the last one ended with ${last.reason ?? ''}, ${sentenceOf(last)}; ${longer}`;
  if (last.kind === 'running') return `at the end: ${last.message.replace(/[.]$/, '')}; ${longer}`;
  const remedy = remedies[last.reason];
  const reason = last.reason === 'AttemptStarting' ? '' : `${last.reason}, `;
  return `it was still waiting: ${reason}${last.message}${remedy === undefined ? '' : `; ${remedy}, in a new job`}`;
}
