/**
 * One attempt's Job and pods → what has become of it. Pure.
 *
 * The group is the unit. When one worker dies the others lose their peer, and the Job controller ends them: of all the
 * ends that are seen, the first that is nobody's echo is the cause.
 *
 * | seen                                            | verdict                        |
 * |-------------------------------------------------|--------------------------------|
 * | its queue holds the Job back, and no pod is left | queued                        |
 * | its queue ended pods that ran                   | failed: Preempted              |
 * | no pod runs yet                                 | starting, with what it lacks   |
 * | a pod that can never start                      | failed                         |
 * | a pod that its kubelet fails to start for 2 min | failed, and looked for again   |
 * | one that an init container, or a gate, holds up | starting, with what it lacks   |
 * | one that failed with such a container           | failed, and looked for again   |
 * | pods run, none failed                           | running                        |
 * | a pod's node is silent, and nothing ends the pod | the same, with what helps      |
 * | pods run, and some worker stopped making steps  | failed: Hung                   |
 * | every worker ended well                         | succeeded, with rank 0's result|
 * | a worker failed by itself, or is preempted      | failed by its cause            |
 * | one says that it failed for good; no phase yet  | failed by its cause            |
 * | only echoes (see failure.ts), one never began   | failed, and looked for again   |
 * | only echoes and all over                        | WorkerLost where a pod is gone |
 * | the Job has failed, and pods are not over       | running, until they tell why   |
 * | a pod was to be gone a minute ago, says nothing | as if it were gone             |
 * | the Job has ended, and pods are not seen        | running for `longestAwayMs`    |
 * | the Job is gone, or failed and no pod tells why | WorkerLost                     |
 */
import type { BatchJob, Node, Pod } from '../api/kubernetes.ts';
import { parseResult, type TrainerSuccess } from '../api/trainer-contract.ts';
import { byEnd, failureOf, isEcho, isPreempted, permanentEndOf, rankOf, type Failure } from './failure.ts';
import { longestAwayMs } from '../kernel/deadlines.ts';
import { heldBy, isTakenBack, queuedMessage, takenBack } from './queue.ts';
import { hangFailure, type Stall } from './hang.ts';
import { lackAmong, startTrouble, type StartTrouble } from './start-trouble.ts';
import { unreachable } from './unreachable.ts';
import type { Reason } from '../api/vocabulary.ts';
import { endOfWorker, heldOpenAtMs, lateAtMs, outcomeOf } from '../api/worker.ts';

export type Verdict =
  | { readonly kind: 'queued'; readonly message: string }
  /** `lookMs`: what is missing may come without a word, or never; look again after so long. */
  | { readonly kind: 'starting'; readonly reason: Reason; readonly message: string; readonly lookMs?: number }
  | { readonly kind: 'running'; readonly reason?: Reason; readonly message: string; readonly lookMs?: number }
  | { readonly kind: 'succeeded'; readonly result: TrainerSuccess; readonly pod: string }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** Of an attempt that is not over. */
export type Going = Extract<Verdict, { kind: 'queued' | 'starting' | 'running' }>;

export interface AttemptSeen {
  readonly number: number;
  /** Undefined: it was deleted by somebody else. */
  readonly job: BatchJob | undefined;
  readonly pods: readonly Pod[];
  readonly workers: number;
  readonly nodes: readonly Node[];
  /** Why it counts as hung. */
  readonly stall?: Stall | undefined;
  /** Since when its run is said to lack what a kubelet needs to start a worker. */
  readonly troubledSince?: string | undefined;
  /** Nothing was heard of pods for so long. */
  readonly podsSilentMs: number;
}

/** Judges one open attempt. */
export function judge(attempt: AttemptSeen, now: Date): Verdict {
  const seen = { ...attempt, late: attempt.pods.filter((pod) => isLate(pod, attempt, now)) };
  const judged = judgeNow(seen, now);
  if (judged.kind !== 'running' && judged.kind !== 'starting') return judged;
  const { message, lookAtMs } = unreachable(seen, now);
  const verdict = message === undefined ? judged : ({ ...judged, reason: 'WorkerUnreachable', message } as const);
  // One that is past has had its effect.
  const ahead = [...seen.pods.flatMap((pod) => heldOpenAtMs(pod) ?? []), ...lateLooksMs(seen, now), lookAtMs];
  const atMs = Math.min(...ahead.filter((ms) => ms > now.getTime()));
  if (atMs === Infinity) return verdict;
  return { ...verdict, lookMs: Math.min(verdict.lookMs ?? Infinity, atMs - now.getTime()) };
}

interface Judged extends AttemptSeen {
  /** Pods that count as gone without a word. */
  readonly late: readonly Pod[];
}

/**
 * Its process cannot be killed, or its node is dead, and nothing more will be heard of it; pods were heard of since. It may
 * still write: the next attempt waits for it, see stopping.ts.
 */
const isLate = (pod: Pod, { podsSilentMs }: AttemptSeen, now: Date): boolean =>
  outcomeOf(pod, now) === undefined && lateAtMs(pod) <= now.getTime() - podsSilentMs;

/** When pods that are told to end will be late; shortly, where they would be but for the silence. */
const lateLooksMs = ({ pods, late }: Judged, now: Date): readonly number[] =>
  pods
    .filter((pod) => outcomeOf(pod, now) === undefined && !late.includes(pod))
    .map(lateAtMs)
    .map((atMs) => (atMs > now.getTime() ? atMs : now.getTime() + unseenLookMs));

function judgeNow(seen: Judged, now: Date): Verdict {
  const failed = seen.pods.filter(
    (pod) => outcomeOf(pod, now) === 'failed' || (isPreempted(pod) && outcomeOf(pod, now) === undefined),
  );
  if (failed.length === 0 && mayBeUnseen(seen, now)) return notSeenYet;
  return judgeFailed(failed, seen, now) ?? judgeOthers(seen, now);
}

function judgeFailed(failed: readonly Pod[], seen: Judged, now: Date): Verdict | undefined {
  const permanent = endForGood(seen.pods);
  if (permanent !== undefined) return { kind: 'failed', failure: permanent };
  if (failed.every((pod) => isEcho(failureOf(pod))) && isTakenBack(seen.job, seen.pods))
    return { kind: 'failed', failure: takenBack(heldBy(seen.job) ?? '') };
  return failed.length > 0 ? causeOf(failed, seen, now) : undefined;
}

/** No pod has failed: have all succeeded, or is something else over? */
function judgeOthers(seen: Judged, now: Date): Verdict {
  if (isComplete(seen, now)) return successOf(seen, now);
  if (seen.job === undefined) return lost(seen, 'its Job was deleted');
  if (jobFailed(seen.job)) return causeOfJob(seen, now);
  const [late] = seen.late;
  if (late !== undefined) return lost(seen, goneText(late));
  const queue = heldBy(seen.job);
  if (queue !== undefined && seen.pods.length === 0) return { kind: 'queued', message: queuedMessage(queue) };
  return judgeStart(seen, now);
}

/** No pod has failed, and none has succeeded: are all at work? */
function judgeStart(seen: AttemptSeen, now: Date): Verdict {
  const trouble = startTrouble(seen.pods, { since: seen.troubledSince, now });
  if (trouble?.kind === 'over') return { kind: 'failed', failure: trouble.failure };
  if (seen.stall !== undefined) return { kind: 'failed', failure: hangFailure(seen.stall) };
  const running = seen.pods.filter(
    (pod) => pod.status?.phase === 'Running' || pod.status?.phase === 'Succeeded',
  ).length;
  if (running === seen.workers) return { kind: 'running', message: `${workersText(seen.workers)} at work.` };
  if (trouble !== undefined) return troubled(trouble);
  const patienceMs = seen.pods.length < seen.workers ? podsPatienceMs(seen.job, now) : undefined;
  if (patienceMs !== undefined && patienceMs <= 0) return { kind: 'starting', ...noPods(seen) };
  const message = `${String(running)} of ${workersText(seen.workers)} started.`;
  return { kind: 'starting', reason: 'AttemptStarting', message, ...(patienceMs && { lookMs: patienceMs }) };
}

const troubled = ({ reason, message, patienceMs }: Extract<StartTrouble, { kind: 'hopeful' }>): Verdict => ({
  ...{ kind: 'starting', reason, message },
  ...(patienceMs !== undefined && { lookMs: patienceMs }),
});

/** Longer than the Job controller needs on a busy cluster. */
const noPodsPatienceMs = 30_000;

/** What is left until a Job that lacks pods is one that gets none. */
const podsPatienceMs = (job: BatchJob | undefined, now: Date): number =>
  Date.parse(job?.status?.startTime ?? job?.metadata.creationTimestamp ?? '') + noPodsPatienceMs - now.getTime();

function noPods({ job, pods, workers }: AttemptSeen): { readonly reason: Reason; readonly message: string } {
  const made = pods.length === 0 ? 'No pod is made' : `${String(pods.length)} of ${String(workers)} pods are made`;
  const why = 'a quota, a PriorityClass that does not exist or an admission policy may refuse them';
  return {
    reason: 'NoPods',
    message: `${made}: ${why}. The events of Job ${job?.metadata.name ?? ''} say which.`,
  };
}

const workersText = (workers: number): string => (workers === 1 ? '1 worker' : `${String(workers)} workers`);

const hasCondition = (job: BatchJob | undefined, type: string): boolean =>
  job?.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;

const jobFailed = (job: BatchJob): boolean => hasCondition(job, 'Failed') || hasCondition(job, 'FailureTarget');

/** The Job controller has ended it, or is about to. */
export const jobIsOver = (job: BatchJob): boolean =>
  jobFailed(job) || hasCondition(job, 'Complete') || hasCondition(job, 'SuccessCriteriaMet');

const isComplete = ({ job, pods, workers }: AttemptSeen, now: Date): boolean =>
  hasCondition(job, 'Complete') || pods.filter((pod) => outcomeOf(pod, now) === 'succeeded').length === workers;

/**
 * The Job has just ended and a pod that would tell how is missing: deleted, or not seen yet, as the watches of Jobs and of pods are
 * not in step: the patience counts until pods were last heard of. To take a success for a loss would train everything again.
 */
function mayBeUnseen({ job, pods, workers, podsSilentMs }: AttemptSeen, now: Date): boolean {
  const ended = job?.status?.conditions?.find(({ type, status }) => endings.has(type) && status === 'True');
  const endedMs = Date.parse(ended?.lastTransitionTime ?? '');
  const isShort = ended?.type === 'Complete' ? !pods.some((pod) => rankOf(pod) === 0) : pods.length < workers;
  return isShort && now.getTime() - podsSilentMs - endedMs < longestAwayMs;
}

const endings: ReadonlySet<string> = new Set(['Complete', 'Failed', 'FailureTarget']);
const unseenLookMs = 10_000;
const notSeenYet: Verdict = {
  kind: 'running',
  message: 'The Job has ended; its pods are not seen yet.',
  lookMs: unseenLookMs,
};

function successOf(seen: AttemptSeen, now: Date): Verdict {
  const leader = seen.pods.find((pod) => rankOf(pod) === 0);
  if (leader === undefined) {
    const message = 'Every worker ended well, but the pod of rank 0 was deleted before its result was read.';
    return { kind: 'failed', failure: { reason: 'ResultLost', message, weight: 'counted' } };
  }
  // The watches of Jobs and of pods are not in step: the Job may be seen complete before its pod is.
  if (outcomeOf(leader, now) === undefined) return { kind: 'running', message: 'Waiting for the result of rank 0.' };
  const pod = leader.metadata.name;
  const result = parseResult(endOfWorker(leader)?.message ?? '');
  if (result.outcome === 'succeeded') return { kind: 'succeeded', result, pod };
  const failure: Failure = { reason: 'ResultInvalid', message: result.message, weight: 'permanent', pod, exitCode: 0 };
  return { kind: 'failed', failure };
}

/** The watches of Jobs and of pods are not in step here either: the pod that tells why may be seen failed a moment later. */
function causeOfJob(seen: Judged, now: Date): Verdict {
  if (isAwaited(seen, now)) return lookingForCause;
  const [late] = seen.late;
  return lost(seen, late === undefined ? 'the Job failed and its pods are gone' : goneText(late));
}

/** Is there a pod that may still tell? */
const isAwaited = ({ pods, late }: Judged, now: Date): boolean =>
  pods.some((pod) => outcomeOf(pod, now) === undefined && !late.includes(pod));

const lookingForCause: Verdict = { kind: 'running', message: 'A worker is lost; looking for the cause.' };

const lost = ({ number }: AttemptSeen, how: string): Verdict => ({
  kind: 'failed',
  failure: { reason: 'WorkerLost', message: `Attempt ${String(number)} disappeared: ${how}.`, weight: 'counted' },
});

function causeOf(failed: readonly Pod[], seen: Judged, now: Date): Verdict {
  const failures = [...failed].sort(byEnd).map(failureOf);
  const cause = failures.find((failure) => !isEcho(failure));
  if (cause !== undefined) return { kind: 'failed', failure: cause };
  const lack = lackAmong(seen.pods);
  if (lack !== undefined) return { kind: 'failed', failure: lack };
  // An echo alone proves that something happened, not what: the cause may be a moment late, or gone with its node.
  if (isAwaited(seen, now)) return lookingForCause;
  const echo = failures.find(({ reason }) => reason !== 'PeerLost') ?? failures[0];
  const [late] = seen.late;
  const missing = late === undefined ? missingIndex(seen) : rankOf(late);
  if (echo === undefined || (echo.reason !== 'Interrupted' && missing !== undefined))
    return lost(seen, late === undefined ? goneWord(missing ?? 0) : goneText(late));
  return { kind: 'failed', failure: echo };
}

const goneWord = (rank: number): string => `worker ${String(rank)} is gone without a word`;

/** Where it should be gone from: nobody else names its pod, should there be no next attempt to wait for it. */
function goneText(pod: Pod): string {
  const node = pod.spec?.nodeName === undefined ? '' : ` on node ${pod.spec.nodeName}`;
  return `${goneWord(rankOf(pod))}: pod ${pod.metadata.name}${node} was to end over a minute ago`;
}

/** The first that ended by itself has said why, and for good; one that ended before it and may be tried again is waited for. */
function endForGood(pods: readonly Pod[]): Failure | undefined {
  const ended = pods.filter((pod) => (endOfWorker(pod)?.exitCode ?? 0) !== 0).sort(byEnd);
  const first = ended.find((pod) => !isEcho(failureOf(pod)));
  return first === undefined ? undefined : permanentEndOf(first);
}

function missingIndex({ pods, workers }: AttemptSeen): number | undefined {
  const seen = new Set(pods.map(rankOf));
  return Array.from({ length: workers }, (_, index) => index).find((index) => !seen.has(index));
}
