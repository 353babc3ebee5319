/** What a run waits for that may appear: what its workers are to read, or what a node needs to start them. Pure. */
import type { Reason } from '../api/vocabulary.ts';
import type { Attempt } from './run.ts';
import type { RunState } from './run-state.ts';
import { startReasons } from './start-trouble.ts';
import type { Going } from './verdict.ts';

type Waiting = Extract<RunState, { kind: 'waiting' }>;

const toRead: readonly Reason[] = ['DataMissing', 'TeacherMissing', 'InputMissing'];
/** Whoever runs has had all of it. */
const toStart: readonly Reason[] = ['NotAdmitted', 'ImagePull', 'ConfigMissing', 'CannotStart'];
const missing = [...toRead, ...toStart];

/** What the last attempt ended for the want of. Whoever looks again for it does not know yet that it is there. */
export function stillMissing(last: Attempt | undefined): Waiting | undefined {
  if (last?.outcome !== 'Waiting') return undefined;
  const reason = missing.find((known) => known === last.reason) ?? 'InputMissing';
  return { kind: 'waiting', reason, message: last.message ?? '' };
}

/** The same of an attempt that has not begun to train, after the one before; undefined: nothing is known to be missing. */
export function missingNow(verdict: Going, last: Attempt | undefined): RunState | undefined {
  const missed = stillMissing(last);
  if (verdict.kind === 'running') return missed && toStart.includes(missed.reason) ? undefined : missed;
  const besides = missed && { ...missed, message: `${verdict.message}; before: ${missed.message}` };
  if (verdict.kind === 'queued') return besides;
  const { reason, message } = verdict;
  // Pods that wait for the claim of their data; or who looks again knows what is wanting now.
  const isSeen = reason === 'DataMissing' || (missed !== undefined && startReasons.has(reason));
  if (isSeen) return { kind: 'waiting', reason, message };
  // What holds it up now may be something else, which nobody else would tell.
  return reason === 'AttemptStarting' ? missed : besides;
}
