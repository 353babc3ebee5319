/** The list of attempts: what the status remembers and what the cluster shows, brought together. Pure. */
import { annotations, labels } from '../api/names.ts';
import type { BatchJob } from '../api/kubernetes.ts';
import type { TrainerSuccess } from '../api/trainer-contract.ts';
import type { Failure, Weight } from './failure.ts';
import type { Attempt, RunNews, RunObserved, RunRoot } from './run.ts';
import { clipped, longestText } from './sentence.ts';

/** status.attempts holds no more; see the CRD. */
const longestList = 64;

export const timeText = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');

export const numberOf = (job: BatchJob): number => Number(job.metadata.labels?.[labels.attempt] ?? '0');

/**
 * The attempts, oldest first. A Job that the status does not know yet was made by a process that died before it could
 * say so.
 */
export function attemptsOf(observed: Pick<RunObserved, 'root' | 'jobs' | 'pods' | 'news'>): readonly Attempt[] {
  const { root, jobs, news } = observed;
  const recorded = root.status?.attempts ?? [];
  const known = recorded.at(-1)?.number ?? 0;
  const unrecorded = jobs
    .filter((job) => numberOf(job) > known)
    .toSorted((one, other) => numberOf(one) - numberOf(other));
  return kept([...recorded, ...unrecorded.map(opened)]).map((attempt) => resumed(admitted(attempt, observed), news));
}

/**
 * The last time, should the queue have taken its admission back without an end of the attempt. The pods of one that ends
 * at once may be seen before its Job has begun.
 */
function admitted(attempt: Attempt, { root, jobs, pods }: Pick<RunObserved, 'root' | 'jobs' | 'pods'>): Attempt {
  if (root.spec.placement.queueName === undefined || attempt.endedAt !== undefined) return attempt;
  const job = jobs.find((one) => numberOf(one) === attempt.number);
  const born = pods
    .filter(({ metadata }) => metadata.labels?.[labels.attempt] === String(attempt.number))
    .map(({ metadata }) => metadata.creationTimestamp ?? '');
  const admittedAt = job?.status?.startTime ?? attempt.admittedAt ?? born.toSorted()[0];
  return admittedAt === undefined ? attempt : { ...attempt, admittedAt };
}

/** Rank 0 says where it went on from; should the attempt fail, nobody else will. */
const resumed = (attempt: Attempt, news: RunNews | undefined): Attempt =>
  news?.attempt !== attempt.number || attempt.endedAt !== undefined ? attempt : { ...attempt, ...resumptionOf(news) };

const resumptionOf = ({
  resumedFromStep,
  skippedCheckpoint,
}: Pick<RunNews, 'resumedFromStep' | 'skippedCheckpoint'>) => ({
  ...(resumedFromStep === undefined ? {} : { resumedFromStep }),
  ...(skippedCheckpoint === undefined ? {} : { skippedCheckpoint }),
});

function opened(job: BatchJob): Attempt {
  const profile = job.metadata.annotations?.[annotations.profile];
  const startedAt = job.metadata.creationTimestamp ?? timeText(new Date(0));
  return { number: numberOf(job), startedAt, ...(profile === undefined ? {} : { profile }) };
}

/** The attempt that is not over, if there is one; it is always the last. */
export const openAttempt = (attempts: readonly Attempt[]): Attempt | undefined => {
  const last = attempts.at(-1);
  return last?.endedAt === undefined ? last : undefined;
};

const outcomes: Readonly<Record<Weight, NonNullable<Attempt['outcome']>>> = {
  permanent: 'Failed',
  counted: 'Failed',
  free: 'Preempted',
  waiting: 'Waiting',
};

/** The attempt with its end. */
export const failedAttempt = (attempt: Attempt, failure: Failure, now: Date): Attempt => ({
  ...attempt,
  endedAt: timeText(now),
  outcome: outcomes[failure.weight],
  reason: failure.reason,
  message: clipped(failure.message, longestText.attempt),
  ...(failure.pod === undefined ? {} : { pod: failure.pod }),
  ...(failure.rank === undefined ? {} : { rank: failure.rank }),
  ...(failure.exitCode === undefined ? {} : { exitCode: failure.exitCode }),
  ...(failure.lastLogLine === undefined ? {} : { lastLogLine: failure.lastLogLine }),
});

/** The attempt with its success. */
export const succeededAttempt = (attempt: Attempt, result: TrainerSuccess, now: Date): Attempt => ({
  ...attempt,
  endedAt: timeText(now),
  outcome: 'Succeeded',
  reason: 'Succeeded',
  ...resumptionOf(result),
});

/** The list with its last attempt replaced. */
export const withLast = (attempts: readonly Attempt[], last: Attempt): readonly Attempt[] => [
  ...attempts.slice(0, -1),
  last,
];

/** How many failures count against retry.limit. */
export const countedFailures = (attempts: readonly Attempt[]): number =>
  attempts.filter(({ outcome }) => outcome === 'Failed').length;

/** How many attempts at the end of the list ended like this, one after another. */
export function inARow(attempts: readonly Attempt[], ending: Attempt['outcome']): number {
  const other = attempts.findLastIndex(({ outcome }) => outcome !== ending);
  return attempts.length - 1 - other;
}

/** How long these attempts have run, in milliseconds; waits for missing input or in a queue and pauses are not counted. */
export function ranMs({ spec }: RunRoot, attempts: readonly Attempt[], now: Date): number {
  const spans = attempts
    .filter(({ outcome }) => outcome !== 'Waiting')
    .map(({ startedAt, admittedAt, endedAt }) => {
      const begunAt = spec.placement.queueName === undefined ? startedAt : admittedAt;
      const endMs = endedAt === undefined ? now.getTime() : Date.parse(endedAt);
      return begunAt === undefined ? 0 : endMs - Date.parse(begunAt);
    });
  return spans.reduce((sum, span) => sum + Math.max(0, span), 0);
}

/** How long attempts have run that this list no longer has, in whole seconds: those forgotten before, and those since. */
export function earlierRunSeconds(root: RunRoot, attempts: readonly Attempt[]): number {
  const { status } = root;
  const listed = new Set(attempts.map(({ number }) => number));
  const dropped = (status?.attempts ?? []).filter(
    ({ number, endedAt }) => endedAt !== undefined && !listed.has(number),
  );
  const seconds = (status?.earlierRunSeconds ?? 0) + Math.round(ranMs(root, dropped, new Date(0)) / 1000);
  // Somebody may have written a figure that no longer fits when it is written again.
  return Math.min(Number.MAX_SAFE_INTEGER, seconds);
}

/** What the status keeps: every counted failure and the newest of the others. */
export function kept(attempts: readonly Attempt[]): readonly Attempt[] {
  const spare = attempts.length - longestList;
  if (spare <= 0) return attempts;
  const dropped = new Set(attempts.filter(({ outcome }) => outcome !== 'Failed').slice(0, spare));
  return attempts.filter((attempt) => !dropped.has(attempt));
}
