/**
 * The life of a run, top to bottom: what becomes of the attempts, and what is to be done about it. Pure. Every step
 * can be derived again from the cluster and the status, so a crash between any two writes loses nothing: an attempt is
 * recorded once its Job is seen, and its end is recorded before anything is done about it.
 *
 * | attempts                   | so                                                                          |
 * |----------------------------|-----------------------------------------------------------------------------|
 * | none, or the next is due   | start one, once every older pod is gone                                     |
 * | a quota has no room for it | remove the Job of the oldest, if that helps                                 |
 * | the last one is open       | judge it: go on watching, or record its end                                 |
 * | the last one failed        | give up, or pause 0, 10, 20, 40 s: retry.limit, permanent reasons, deadline |
 * | the last one lacked input  | look again after 10 s, later every 5 min; counts for nothing                |
 * | or what pods need to start | the same                                                                    |
 * | the last one succeeded     | the result, for the gates to judge                                          |
 */
import type { BatchJob, Pod } from '../api/kubernetes.ts';
import { labels } from '../api/names.ts';
import type { ObjectRef } from '../kernel/cluster.ts';
import { isOwnedBy } from '../kernel/objects.ts';
import type { Child, Next } from '../kernel/reconcile.ts';
import {
  attemptsOf,
  countedFailures,
  failedAttempt,
  kept,
  numberOf,
  openAttempt,
  succeededAttempt,
  timeText,
  withLast,
} from './attempts.ts';
import { rankOf, type Failure } from './failure.ts';
import { jobInTheWay } from './job-quota.ts';
import { outdatedChildren, unfinishedJobs, unseenUntilMs } from './leftovers.ts';
import { overdue } from './overdue.ts';
import { missingNow, stillMissing } from './missing.ts';
import { deadlineAtMs, isPastDeadline, pauseMs } from './pauses.ts';
import { chooseProfile } from './pod-parts.ts';
import type { Attempt, RunConfig, RunObserved, RunRoot } from './run.ts';
import type { RunPlan, RunState } from './run-state.ts';
import { withoutQueue } from './queue.ts';
import { sentenceOf } from './sentence.ts';
import { stopping } from './stopping.ts';
import { noJobOf, nothingRuns } from './provisos.ts';
import { attemptChildren, attemptNeeds, tooLong } from './trainer-job.ts';
import { troubledSince } from './start-trouble.ts';
import { jobIsOver, judge, type AttemptSeen, type Going } from './verdict.ts';
import { isOver } from '../api/worker.ts';

const settled: Next = { kind: 'settled' };
/** Timers end at 24 days; a later time is looked at in between. */
const longestRecheckMs = 86_400_000;
const recheckAt = (atMs: number, now: Date): Next => ({
  kind: 'recheck',
  afterMs: Math.min(longestRecheckMs, Math.max(100, atMs - now.getTime())),
});

/** What may be installed meanwhile, without a word to us. */
const lookAgain: Next = { kind: 'recheck', afterMs: 30_000 };

/**
 * What was made wakes the root when it is seen, unless somebody deletes it while no watch looks: then a list shows nothing
 * that has changed, and no status was written that would come back.
 */
const unseenLookMs = 60_000;

/** A node that comes or changes wakes who waits for one; this is for a word that was missed. */
const nodesLookMs = 60_000;

/** What is to be done next. The caller has settled what is trained: `config`. */
export function planRun(observed: RunObserved, config: RunConfig, now: Date): RunPlan {
  const attempts = attemptsOf(observed);
  const open = openAttempt(attempts);
  if (open === undefined) return planNext(observed, config, attempts, now);
  const verdict = judge(seenOf(observed, open), now);
  switch (verdict.kind) {
    case 'succeeded': {
      const closed = withLast(attempts, succeededAttempt(open, verdict.result, now));
      const state = { kind: 'succeeded', result: verdict.result } as const;
      return { state, attempts: kept(closed), apply: [], remove: [], next: settled };
    }
    case 'failed':
      return planFailed({ observed, config, open, now }, verdict.failure);
    case 'queued':
    case 'starting':
    case 'running':
      // It has an end, which is about to be seen: neither a pause nor a deadline may be put in its place.
      if (hasEnded(seenOf(observed, open))) return watching(observed, verdict, attempts, now);
      if (observed.root.spec.suspend) return { ...suspended(observed, attempts, now), ...planHold(observed, now) };
      if (!isPastDeadline(observed.root, counting(verdict, attempts), now))
        return { ...watching(observed, verdict, attempts, now), apply: needsOf(observed, config, open, verdict) };
      return ranOut(observed.root, verdict, attempts, now);
  }
}

interface Failing {
  readonly observed: RunObserved;
  readonly config: RunConfig;
  readonly open: Attempt;
  readonly now: Date;
}

/** The open attempt has failed. What is said of it for want of its Job must be so in the cluster itself. */
function planFailed({ observed, config, open, now }: Failing, failure: Failure): RunPlan {
  const closed = kept(withLast(attemptsOf(observed), failedAttempt(open, failure, now)));
  const provided = seenOf(observed, open).job === undefined ? [noJobOf(observed, open)] : [];
  if (failure.weight === 'permanent') return { ...gaveUp(closed, failure), provided };
  return { ...recorded(planNext(observed, config, closed, now)), provided };
}

/** What an unfinished run does while nothing may start: its open attempt is stopped. */
export function planHold(observed: RunObserved, now: Date): Pick<RunPlan, 'attempts' | 'remove'> {
  const attempts = attemptsOf(observed);
  const open = openAttempt(attempts);
  if (open === undefined) return { attempts, remove: unfinishedJobs(observed, now) };
  const closed: Attempt = { ...open, endedAt: timeText(now), outcome: 'Suspended', reason: 'Suspended' };
  return { attempts: kept(withLast(attempts, closed)), remove: [] };
}

/**
 * The end of an attempt is stored first, and acted upon in the next pass. Were its Job removed in this one, a crash
 * before the status is stored would leave an attempt whose workers look interrupted by a stranger; were the next one
 * started, an attempt without an end.
 */
const recorded = (plan: RunPlan): RunPlan => ({ ...plan, provided: [], apply: [], remove: [], statusWaits: undefined });

/** No attempt is open: is there a next one, and when? */
function planNext(observed: RunObserved, config: RunConfig, attempts: readonly Attempt[], now: Date): RunPlan {
  const { root } = observed;
  if (root.spec.suspend) return suspended(observed, attempts, now);
  const last = attempts.at(-1);
  if (last === undefined) return start(observed, config, attempts, now);
  if (countedFailures(attempts) > root.spec.retry.limit) return gaveUp(attempts, exhaustion(observed, attempts, last));
  if (isPastDeadline(root, attempts, now)) return gaveUp(attempts, overdue(root, last));
  const atMs = Date.parse(last.endedAt ?? '') + pauseMs(attempts);
  // Somebody may have written an end that nobody can read.
  if (!(atMs > now.getTime())) return start(observed, config, attempts, now);
  return {
    state: pausing(last, atMs),
    attempts,
    apply: [],
    remove: unfinishedJobs(observed, now, attempts),
    next: recheckAt(atMs, now),
  };
}

/** Time in a queue does not count, also of an attempt that had begun before. */
const counting = ({ kind }: Going, attempts: readonly Attempt[]): readonly Attempt[] =>
  kind === 'queued' ? attempts.slice(0, -1) : attempts;

function watching(observed: RunObserved, verdict: Going, attempts: readonly Attempt[], now: Date): RunPlan {
  const lookMs = (verdict.kind === 'queued' ? undefined : verdict.lookMs) ?? Infinity;
  const deadlineMs = verdict.kind === 'queued' ? Infinity : (deadlineAtMs(observed.root, attempts, now) ?? Infinity);
  // One that is past was not heeded: the attempt has ended.
  const atMs = Math.min(now.getTime() + lookMs, deadlineMs > now.getTime() ? deadlineMs : Infinity);
  const next = Number.isFinite(atMs) ? recheckAt(atMs, now) : settled;
  const isTold = verdict.kind !== 'queued' && verdict.reason === 'WorkerUnreachable';
  const state = isTold || hasBegun(observed) ? verdict : (missingNow(verdict, attempts.at(-2)) ?? verdict);
  return { state, attempts, apply: [], remove: outdatedChildren(observed, attempts), next };
}

const hasEnded = ({ job }: AttemptSeen): boolean => job !== undefined && jobIsOver(job);

/** Somebody may delete what pods need before they have met; they would wait for it for hours. */
function needsOf(observed: RunObserved, config: RunConfig, { number }: Attempt, { kind }: Going): readonly Child[] {
  const { root, label, settings, jobs } = observed;
  if (kind === 'running' && hasBegun(observed)) return [];
  const subdomain = jobs.find((job) => numberOf(job) === number)?.spec?.template?.spec?.subdomain;
  return attemptNeeds({ root, label, settings, number, config, subdomain });
}

const hasBegun = ({ progress }: RunObserved): boolean => progress !== undefined && progress !== '0%';

/** The next attempt is not due yet. */
function pausing(last: Attempt, atMs: number): RunState {
  const missed = stillMissing(last);
  if (missed !== undefined) return missed;
  const { number, reason: ended } = last;
  const sentence = `Attempt ${String(number)} ended (${ended ?? ''}); the next one starts at ${timeText(new Date(atMs))}.`;
  return { kind: 'restarting', reason: 'BackingOff', message: sentence };
}

/** The next attempt, as soon as no older pod can still write, and none can be made any more. */
function start(observed: RunObserved, config: RunConfig, attempts: readonly Attempt[], now: Date): RunPlan {
  const { root, settings, nodes, label } = observed;
  const lingering = waitingFor(observed, attempts, now);
  if (lingering !== undefined) return lingering;
  const withheld = withoutQueue(observed);
  if (withheld !== undefined) return { state: withheld, attempts, apply: [], remove: [], next: lookAgain };
  const choice = chooseProfile(root.spec.placement.gpuProfiles, settings, nodes);
  if (!choice.ok) return unplaced(choice, attempts);
  const number = (attempts.at(-1)?.number ?? 0) + 1;
  const refusal = tooLong({ root, label, number, config, settings });
  if (refusal !== undefined) return refused(refusal, attempts);
  const inTheWay = jobInTheWay(observed, now);
  if (inTheWay !== undefined) return makingRoom(inTheWay, number, attempts);
  const { name: profileName, profile } = choice;
  const apply = attemptChildren({ root, label, number, config, profileName, profile, settings });
  // The attempt is recorded when its Job is seen: a record without a Job would look like a Job that somebody deleted.
  const message = `Attempt ${String(number)} starts.`;
  const state = stillMissing(attempts.at(-1)) ?? ({ kind: 'starting', reason: 'AttemptStarting', message } as const);
  const next: Next = { kind: 'recheck', afterMs: unseenLookMs };
  const provided = attempts.length === 0 ? [] : nothingRuns(observed);
  return { state, attempts: kept(attempts), provided, apply, remove: [], next, statusWaits: true };
}

/** The Job of an attempt that is over takes the next one's room. */
function makingRoom(ref: ObjectRef, number: number, attempts: readonly Attempt[]): RunPlan {
  const message = `Attempt ${String(number)} starts once Job ${ref.key.name} is gone: a quota has no room for both.`;
  const state = stillMissing(attempts.at(-1)) ?? ({ kind: 'starting', reason: 'AttemptStarting', message } as const);
  return { state, attempts, apply: [], remove: [ref], next: { kind: 'recheck', afterMs: unseenLookMs } };
}

/** What the last attempt has left that could still write, or be made anew; undefined: nothing. */
function waitingFor(observed: RunObserved, attempts: readonly Attempt[], now: Date): RunPlan | undefined {
  const alive = observed.pods.filter((pod) => !isOver(pod));
  const unfinished = unfinishedJobs(observed, now, attempts);
  const unseenUntil = unseenUntilMs(observed, attempts, now);
  if (alive.length + unfinished.length === 0 && unseenUntil === undefined) return undefined;
  const isUnfinished = ({ metadata: { uid } }: BatchJob): boolean => unfinished.some((ref) => ref.uid === uid);
  const jobs = observed.jobs.filter(isUnfinished);
  const { state, lookAtMs } = stopping({ pods: alive, jobs }, observed.nodes, now);
  const atMs = Math.min(lookAtMs ?? Infinity, unseenUntil ?? Infinity);
  const next = atMs === Infinity ? settled : recheckAt(atMs, now);
  return { state, attempts, apply: [], remove: unfinished, next };
}

function unplaced(
  choice: Extract<ReturnType<typeof chooseProfile>, { ok: false }>,
  attempts: readonly Attempt[],
): RunPlan {
  const { reason, message } = choice;
  const kind = reason === 'ProfileUnknown' ? 'refused' : 'waiting';
  // A wrong name is cured by an upgrade, which restarts the operator.
  const next: Next = kind === 'refused' ? settled : { kind: 'recheck', afterMs: nodesLookMs };
  return { state: { kind, reason, message }, attempts, apply: [], remove: [], next };
}

const refused = (message: string, attempts: readonly Attempt[]): RunPlan => ({
  ...{ state: { kind: 'refused', reason: 'SpecTooLarge', message }, attempts },
  ...{ apply: [], remove: [], next: settled },
});

const suspended = (observed: RunObserved, attempts: readonly Attempt[], now: Date): RunPlan => ({
  state: {
    kind: 'suspended',
    message: 'spec.suspend is true; training goes on from the last checkpoint when it is false.',
  },
  ...{ attempts, apply: [], remove: unfinishedJobs(observed, now), next: settled },
});

/** The run is over. Jobs that still run are removed once this is recorded; see finished.ts. */
const gaveUp = (attempts: readonly Attempt[], failure: Failure): RunPlan => ({
  state: { kind: 'failed', reason: failure.reason, message: sentenceOf(failure) },
  ...{ attempts, apply: [], remove: [], next: settled },
});

function exhaustion({ root }: RunObserved, attempts: readonly Attempt[], last: Attempt): Failure {
  const counts = `${String(countedFailures(attempts))} attempts failed, retry.limit is ${String(root.spec.retry.limit)}`;
  const message = `${counts}; the last one: ${last.reason ?? ''}, ${sentenceOf(last)}`;
  return { reason: 'RetriesExhausted', message, weight: 'permanent' };
}

/** The open attempt is out of time, whether it runs or still waits for room. */
function ranOut(root: RunRoot, verdict: Going, attempts: readonly Attempt[], now: Date): RunPlan {
  const seen = verdict.kind === 'queued' ? ({ ...verdict, kind: 'starting', reason: 'Queued' } as const) : verdict;
  const failure = overdue(root, seen);
  const closed = attempts.slice(-1).map((open) => failedAttempt(open, failure, now));
  return gaveUp(kept([...attempts.slice(0, -1), ...closed]), failure);
}

/** An attempt's own Job and pods; where somebody has made a Job of that name anew, not the pods of the one before. */
function seenOf({ root, jobs, pods, stall, podsSilentMs, nodes }: RunObserved, { number }: Attempt): AttemptSeen {
  const job = jobs.find((one) => numberOf(one) === number);
  const isOurs = (pod: Pod): boolean => job === undefined || isOwnedBy(pod, job);
  return {
    ...{ number, job, podsSilentMs, nodes },
    pods: pods
      .filter((pod) => pod.metadata.labels?.[labels.attempt] === String(number) && isOurs(pod))
      .toSorted((one, other) => rankOf(one) - rankOf(other)),
    workers: root.spec.distribution.workers,
    stall: stall?.attempt === number ? stall : undefined,
    troubledSince: troubledSince(root.status?.conditions),
  };
}
