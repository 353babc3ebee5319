/** What attempts leave behind: Jobs that would run on, and Jobs that are too old to be of use. Pure. */
import type { BatchJob, Pod } from '../api/kubernetes.ts';
import { attemptName } from '../api/names.ts';
import { batchJobs } from '../api/resources.ts';
import type { ObjectRef } from '../kernel/cluster.ts';
import { isOwnedBy, keyOf } from '../kernel/objects.ts';
import { numberOf } from './attempts.ts';
import { permanentEndOf } from './failure.ts';
import type { Remains } from './finished.ts';
import { podGroupsOf } from './pod-group.ts';
import { isHeldBack } from './queue.ts';
import type { Attempt, RunObserved } from './run.ts';
import { jobIsOver } from './verdict.ts';
import { isHeldOpen } from '../api/worker.ts';

type Seen = Pick<RunObserved, 'jobs' | 'pods'>;
type Kept = Pick<RunObserved, 'root' | 'settings'>;

/** After this many newer attempts the Job of an old one goes, and with it its logs. */
const keptJobs = 3;

export const refTo = (job: BatchJob): ObjectRef => ({
  resource: batchJobs,
  key: keyOf(job),
  ...(job.metadata.uid === undefined ? {} : { uid: job.metadata.uid }),
});

/**
 * Jobs that would run on. Where a worker failed the Job controller ends the rest by itself, and the logs stay; but not of
 * a Job that a queue has suspended, which would make new pods once it is admitted again. Who looks again when
 * `unseenUntilMs` says so names the attempts.
 */
export const unfinishedJobs = (seen: Seen, now: Date, attempts: readonly Attempt[] = []): readonly ObjectRef[] =>
  goingOn(seen, now)
    .filter((job) => isHeldBack(job, seen.pods) || unseenMs(job, attempts, seen.pods, now) === 0)
    .map(refTo);

const goingOn = ({ jobs, pods }: Seen, now: Date): readonly BatchJob[] =>
  jobs.filter((job) => !jobIsOver(job) && (isHeldBack(job, pods) || !isEnding(job, pods, now)));

/**
 * Until when a cache that lags may show at work, or not at all, whom the record of an attempt has ended; undefined: nobody
 * is shown so. The record was written upon what another cache, or another process, had seen.
 */
export function unseenUntilMs(seen: Seen, attempts: readonly Attempt[], now: Date): number | undefined {
  const leftMs = Math.max(0, ...goingOn(seen, now).map((job) => unseenMs(job, attempts, seen.pods, now)));
  return leftMs > 0 ? now.getTime() + leftMs : undefined;
}

function unseenMs(job: BatchJob, attempts: readonly Attempt[], pods: readonly Pod[], now: Date): number {
  const attempt = attempts.find(({ number }) => number === numberOf(job));
  if (attempt?.exitCode === undefined || isKept(job, pods, now)) return 0;
  const pod = pods.find(({ metadata: { name } }) => name === attempt.pod);
  const isSeen = pod?.metadata.deletionTimestamp !== undefined || pod?.status?.phase === 'Failed';
  const leftMs = Date.parse(attempt.endedAt ?? '') + phaseMs - now.getTime();
  // Somebody may have written any end.
  return !isSeen && leftMs > 0 && leftMs <= phaseMs ? leftMs : 0;
}

/** The Job controller is about to call it over: it counts pods, and those of which another container runs on never end. */
function isEnding(job: BatchJob, pods: readonly Pod[], now: Date): boolean {
  if (isKept(job, pods, now)) return false;
  const phases = pods.filter((pod) => isOwnedBy(pod, job)).map((pod) => pod.status?.phase);
  const succeeded = phases.filter((phase) => phase === 'Succeeded').length;
  return phases.includes('Failed') || succeeded >= (job.spec?.completions ?? Infinity);
}

/** By a pod that another container holds open. */
const isKept = (job: BatchJob, pods: readonly Pod[], now: Date): boolean =>
  pods.some((pod) => isOwnedBy(pod, job) && isHeldOpen(pod, now));

/**
 * The Jobs of the last attempts stay for their logs; once the newest has begun, older ones go with what was made for
 * them. That is told by the number of the attempt: the Job of one that was suspended is gone before.
 */
export function outdatedChildren(run: Kept, attempts: readonly Attempt[]): readonly ObjectRef[] {
  const newest = attempts.at(-1)?.number ?? 0;
  return attempts.filter(({ number }) => number <= newest - keptJobs).flatMap(({ number }) => childrenOf(run, number));
}

/**
 * Of a run that is over: what would run on, and what is too old. All workers of an attempt that succeeded have ended, so its
 * Job ends by itself, however late the cache shows that, or that its pods are gone; unless a queue has suspended it, or
 * another container holds a pod open, and what it takes of the cluster with it. Of one that failed the same is waited for.
 */
export function finalLeftovers(run: Seen & Kept, now: Date): Pick<Remains, 'leftovers' | 'lookMs'> {
  const attempts = run.root.status?.attempts ?? [];
  const succeeded = attempts.filter(({ outcome }) => outcome === 'Succeeded').map(({ number }) => number);
  const endsByItself = (job: BatchJob): boolean =>
    succeeded.includes(numberOf(job))
      ? !isKept(job, run.pods, now)
      : sparedMs(
          run.root,
          run.pods.filter((pod) => isOwnedBy(pod, job)),
          now,
        ) !== undefined;
  const jobs = run.jobs.filter((job) => isHeldBack(job, run.pods) || !endsByItself(job));
  const seen = { ...run, jobs };
  const leftovers = [...unfinishedJobs(seen, now, attempts), ...outdatedChildren(run, attempts)];
  const unseenMs = (unseenUntilMs(seen, attempts, now) ?? Infinity) - now.getTime();
  const lookMs = Math.min(sparedMs(run.root, run.pods, now) ?? Infinity, unseenMs);
  return { leftovers, ...(lookMs === Infinity ? {} : { lookMs }) };
}

/** How long a kubelet may take from the end of a container to the phase of its pod; a node that dies never tells it. */
const phaseMs = 60_000;

/**
 * For so long a run that is over waits for the phase of a pod that has said why it failed: its Job is called failed then,
 * ends by itself, and the logs stay. Undefined: there is nothing to wait for.
 */
function sparedMs({ status }: Kept['root'], pods: readonly Pod[], now: Date): number | undefined {
  const isEnding = (pod: Pod): boolean =>
    pod.status?.phase === 'Running' &&
    pod.metadata.deletionTimestamp === undefined &&
    permanentEndOf(pod) !== undefined;
  // From the end as we have written it, unless somebody wrote another: the clock of a node may be any.
  const leftMs = Date.parse(status?.finishedAt ?? '') + phaseMs - now.getTime();
  return leftMs > 0 && leftMs <= 2 * phaseMs && pods.some(isEnding) ? leftMs : undefined;
}

function childrenOf({ root: { metadata }, settings: { gang } }: Kept, number: number): readonly ObjectRef[] {
  const { name, namespace = '', uid = '' } = metadata;
  const key = { namespace, name: attemptName(name, uid, number) };
  return [{ resource: batchJobs, key }, ...(gang === undefined ? [] : [{ resource: podGroupsOf(gang), key }])];
}
