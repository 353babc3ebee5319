/**
 * The life of a run, top to bottom: what becomes of the attempts, and what is to be done about it. Pure. Every step
 * can be derived again from the cluster and the status, so a crash between any two writes loses nothing.
 *
 * | attempts                   | so                                                                          |
 * |----------------------------|-----------------------------------------------------------------------------|
 * | none, or the next is due   | start one, once every older pod is gone                                     |
 * | the last one is open       | judge it: go on watching, or close it                                       |
 * | the last one failed        | give up, or pause 0, 10, 20, 40 s: retry.limit, permanent reasons, deadline |
 * | the last one found no input| look again after 10 s, later every 5 min; counts for nothing                |
 * | the last one succeeded     | the result, for the gates to judge                                          |
 */
import { labels } from '../api/names.ts';
import { batchJobs } from '../api/resources.ts';
import type { Reason } from '../api/vocabulary.ts';
import type { ObjectRef } from '../kernel/cluster.ts';
import { keyOf } from '../kernel/objects.ts';
import type { Next } from '../kernel/reconcile.ts';
import {
  attemptsOf,
  countedFailures,
  failedAttempt,
  kept,
  numberOf,
  openAttempt,
  ranMs,
  timeText,
  waitsInARow,
  withLast,
} from './attempts.ts';
import type { Failure } from './failure.ts';
import { chooseProfile } from './pod-parts.ts';
import type { Attempt, RunConfig, RunObserved } from './run.ts';
import type { RunPlan } from './run-state.ts';
import { sentenceOf } from './sentence.ts';
import { attemptChildren } from './trainer-job.ts';
import { indexOf, isOver, jobIsOver, judge, type Verdict } from './verdict.ts';

const settled: Next = { kind: 'settled' };
const recheckAt = (atMs: number, now: Date): Next => ({
  kind: 'recheck',
  afterMs: Math.max(100, atMs - now.getTime()),
});

/** Pauses after the first, second, third and every further counted failure. */
const backOffMs = [0, 10_000, 20_000, 40_000];
const firstLookMs = 10_000;
const longestLookMs = 300_000;
/** After this many newer attempts the Job of an old one goes, and with it its logs. */
const keptJobs = 3;
/** A pod that cannot start is looked at again this often, since nothing may change while patience runs out. */
const startLookMs = 10_000;

/** What is to be done next. The caller has settled what is trained: `config`. */
export function planRun(observed: RunObserved, config: RunConfig, now: Date): RunPlan {
  const attempts = attemptsOf(observed);
  const open = openAttempt(attempts);
  if (open !== undefined) return planOpen(observed, config, { attempts, open }, now);
  const last = attempts.at(-1);
  if (observed.root.spec.suspend) return suspended(observed, attempts);
  if (last?.outcome === 'Failed') return afterFailure(observed, config, { attempts, last }, now);
  if (last?.outcome === 'Waiting') return afterWait(observed, config, { attempts, last }, now);
  return start(observed, config, attempts);
}

/** What an unfinished run does while nothing may start: its open attempt is stopped. */
export function planHold(observed: RunObserved, now: Date): Pick<RunPlan, 'attempts' | 'remove'> {
  const attempts = attemptsOf(observed);
  const open = openAttempt(attempts);
  if (open === undefined) return { attempts, remove: [] };
  const closed: Attempt = { ...open, endedAt: timeText(now), outcome: 'Suspended', reason: 'Suspended' };
  return { attempts: kept(withLast(attempts, closed)), remove: unfinishedJobs(observed) };
}

interface Open {
  readonly attempts: readonly Attempt[];
  readonly open: Attempt;
}
interface Last {
  readonly attempts: readonly Attempt[];
  readonly last: Attempt;
}

function planOpen(observed: RunObserved, config: RunConfig, { attempts, open }: Open, now: Date): RunPlan {
  const { root } = observed;
  const verdict = judge(seenOf(observed, open), now);
  switch (verdict.kind) {
    case 'succeeded': {
      const { resumedFromStep } = verdict.result;
      const resumed = resumedFromStep === undefined ? {} : { resumedFromStep };
      const closed: Attempt = {
        ...open,
        endedAt: timeText(now),
        outcome: 'Succeeded',
        reason: 'Succeeded',
        ...resumed,
      };
      const state = { kind: 'succeeded', result: verdict.result } as const;
      return { state, attempts: kept(withLast(attempts, closed)), apply: [], remove: [], next: settled };
    }
    case 'failed': {
      const closed = kept(withLast(attempts, failedAttempt(open, verdict.failure, now)));
      return afterClosing(observed, config, closed, { failure: verdict.failure, now });
    }
    case 'starting':
    case 'running': {
      if (root.spec.suspend) return { ...suspended(observed, attempts), ...planHold(observed, now) };
      if (isPastDeadline(observed, attempts, now)) return pastDeadline(observed, { attempts, open }, now);
      return watching(observed, verdict, attempts, now);
    }
  }
}

const watching = (
  observed: RunObserved,
  verdict: Extract<Verdict, { kind: 'starting' | 'running' }>,
  attempts: readonly Attempt[],
  now: Date,
): RunPlan => {
  const lookMs = verdict.kind === 'starting' && verdict.reason !== 'AttemptStarting' ? startLookMs : Infinity;
  const deadlineMs = deadlineAtMs(observed, attempts, now) ?? Infinity;
  const atMs = Math.min(now.getTime() + lookMs, deadlineMs);
  const next = Number.isFinite(atMs) ? recheckAt(atMs, now) : settled;
  return { state: verdict, attempts, apply: [], remove: [], next };
};

interface Closing {
  readonly failure: Failure;
  readonly now: Date;
}

/** The attempt has just failed: the same judgement as in every later pass, with the reason fresh at hand. */
function afterClosing(
  observed: RunObserved,
  config: RunConfig,
  attempts: readonly Attempt[],
  { failure, now }: Closing,
): RunPlan {
  if (failure.weight === 'permanent') return gaveUp(observed, attempts, failure.reason, sentenceOf(failure));
  if (observed.root.spec.suspend) return suspended(observed, attempts);
  const last = attempts.at(-1);
  if (last === undefined) return start(observed, config, attempts);
  if (failure.weight === 'waiting') return afterWait(observed, config, { attempts, last }, now);
  if (failure.weight === 'counted') return afterFailure(observed, config, { attempts, last }, now);
  return restartAt(observed, config, { attempts, last, atMs: now.getTime() }, now);
}

function afterFailure(observed: RunObserved, config: RunConfig, { attempts, last }: Last, now: Date): RunPlan {
  const failures = countedFailures(attempts);
  if (failures > observed.root.spec.retry.limit) return exhausted(observed, { attempts, last });
  if (isPastDeadline(observed, attempts, now)) return pastDeadline(observed, { attempts, open: last }, now);
  const pauseMs = backOffMs[Math.min(failures, backOffMs.length) - 1] ?? 0;
  return restartAt(observed, config, { attempts, last, atMs: Date.parse(last.endedAt ?? '') + pauseMs }, now);
}

function exhausted(observed: RunObserved, { attempts, last }: Last): RunPlan {
  const [failures, limit] = [countedFailures(attempts), observed.root.spec.retry.limit].map(String);
  const message = `${failures ?? ''} attempts failed, retry.limit is ${limit ?? ''}; the last one: ${last.reason ?? ''}, ${sentenceOf(last)}`;
  return gaveUp(observed, attempts, 'RetriesExhausted', message);
}

function afterWait(observed: RunObserved, config: RunConfig, { attempts, last }: Last, now: Date): RunPlan {
  const pauseMs = Math.min(longestLookMs, firstLookMs * 2 ** (waitsInARow(attempts) - 1));
  const atMs = Date.parse(last.endedAt ?? '') + pauseMs;
  if (atMs <= now.getTime()) return start(observed, config, attempts);
  const state = { kind: 'waiting', reason: reasonOf(last, 'InputMissing'), message: last.message ?? '' } as const;
  return { state, attempts, apply: [], remove: unfinishedJobs(observed), next: recheckAt(atMs, now) };
}

const missing: readonly Reason[] = ['DataMissing', 'TeacherMissing', 'InputMissing'];
const reasonOf = ({ reason }: Attempt, otherwise: Reason): Reason =>
  missing.find((known) => known === reason) ?? otherwise;

function restartAt(
  observed: RunObserved,
  config: RunConfig,
  { attempts, last, atMs }: Last & { readonly atMs: number },
  now: Date,
): RunPlan {
  if (atMs <= now.getTime()) return start(observed, config, attempts);
  const message = `Attempt ${String(last.number)} failed (${last.reason ?? ''}); the next one starts at ${timeText(new Date(atMs))}.`;
  const state = { kind: 'restarting', reason: 'BackingOff', message } as const;
  return { state, attempts, apply: [], remove: unfinishedJobs(observed), next: recheckAt(atMs, now) };
}

/** The next attempt, as soon as no older pod can still write. */
function start(observed: RunObserved, config: RunConfig, attempts: readonly Attempt[]): RunPlan {
  const { root, settings, nodes, label } = observed;
  const alive = observed.pods.filter((pod) => !isOver(pod));
  if (alive.length > 0) {
    const message = `Waiting for ${String(alive.length)} pods of the last attempt to be gone.`;
    const state = { kind: 'restarting', reason: 'PodsStopping', message } as const;
    return { state, attempts, apply: [], remove: unfinishedJobs(observed), next: settled };
  }
  const choice = chooseProfile(root.spec.placement.gpuProfiles, settings, nodes);
  if (!choice.ok) return unplaced(choice, attempts);
  const number = (attempts.at(-1)?.number ?? 0) + 1;
  const { name: profileName, profile } = choice;
  const apply = attemptChildren({ root, label, number, config, profileName, profile, settings });
  // The attempt is recorded when its Job is seen: a record without a Job would look like a Job that somebody deleted.
  const state = { kind: 'starting', reason: 'AttemptStarting', message: `Attempt ${String(number)} starts.` } as const;
  return { state, attempts: kept(attempts), apply, remove: oldJobs(observed, number), next: settled };
}

function unplaced(
  choice: Extract<ReturnType<typeof chooseProfile>, { ok: false }>,
  attempts: readonly Attempt[],
): RunPlan {
  const { reason, message } = choice;
  const kind = reason === 'ProfileUnknown' ? 'refused' : 'waiting';
  // Nodes come and go without a word to us; a wrong name is cured by an upgrade, which restarts the operator.
  const next: Next = kind === 'refused' ? settled : { kind: 'recheck', afterMs: startLookMs };
  return { state: { kind, reason, message }, attempts, apply: [], remove: [], next };
}

const suspended = (observed: RunObserved, attempts: readonly Attempt[]): RunPlan => ({
  state: {
    kind: 'suspended',
    message: 'spec.suspend is true; training goes on from the last checkpoint when it is false.',
  },
  ...{ attempts, apply: [], remove: unfinishedJobs(observed), next: settled },
});

const gaveUp = (observed: RunObserved, attempts: readonly Attempt[], reason: Reason, message: string): RunPlan => ({
  state: { kind: 'failed', reason, message },
  ...{ attempts, apply: [], remove: unfinishedJobs(observed), next: settled },
});

function pastDeadline(observed: RunObserved, { attempts, open }: Open, now: Date): RunPlan {
  const message = `All attempts together ran longer than retry.deadlineSeconds, ${String(observed.root.spec.retry.deadlineSeconds)} s.`;
  const failure: Failure = { reason: 'DeadlineExceeded', message, weight: 'permanent' };
  const closed = open.endedAt === undefined ? withLast(attempts, failedAttempt(open, failure, now)) : attempts;
  return gaveUp(observed, kept(closed), 'DeadlineExceeded', message);
}

function deadlineAtMs({ root }: RunObserved, attempts: readonly Attempt[], now: Date): number | undefined {
  const { deadlineSeconds } = root.spec.retry;
  if (deadlineSeconds === undefined) return undefined;
  return now.getTime() + deadlineSeconds * 1000 - ranMs(attempts, now);
}

const isPastDeadline = (observed: RunObserved, attempts: readonly Attempt[], now: Date): boolean =>
  (deadlineAtMs(observed, attempts, now) ?? Infinity) <= now.getTime();

const refTo = (job: RunObserved['jobs'][number]): ObjectRef => ({
  resource: batchJobs,
  key: keyOf(job),
  ...(job.metadata.uid === undefined ? {} : { uid: job.metadata.uid }),
});

/** Jobs that would run on. Where a worker failed the Job controller ends the rest by itself, and the logs stay. */
const unfinishedJobs = ({ jobs, pods }: RunObserved): readonly ObjectRef[] =>
  jobs.filter((job) => !jobIsOver(job) && !pods.some((pod) => isFailedPodOf(pod, job))).map(refTo);

const isFailedPodOf = (pod: RunObserved['pods'][number], job: RunObserved['jobs'][number]): boolean =>
  pod.status?.phase === 'Failed' && pod.metadata.labels?.[labels.attempt] === String(numberOf(job));

/** The Jobs of the last attempts stay for their logs. */
const oldJobs = ({ jobs }: RunObserved, number: number): readonly ObjectRef[] =>
  jobs.filter((job) => numberOf(job) <= number - keptJobs).map(refTo);

const seenOf = ({ root, jobs, pods }: RunObserved, { number }: Attempt) => ({
  number,
  job: jobs.find((job) => numberOf(job) === number),
  pods: pods
    .filter((pod) => pod.metadata.labels?.[labels.attempt] === String(number))
    .toSorted((one, other) => indexOf(one) - indexOf(other)),
  workers: root.spec.distribution.workers,
});
