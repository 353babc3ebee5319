/**
 * Pods that do not start → what they lack, and whether their attempt goes on waiting for it. Pure.
 *
 * A kubelet tries again by itself, so the attempt is patient. Should that not help it ends, so that others have its room and
 * its devices, and the next one looks again: a registry that is away ends no run.
 */
import type { ContainerStatus, Pod } from '../api/kubernetes.ts';
import type { Reason } from '../api/vocabulary.ts';
import { workerContainer } from '../api/worker.ts';
import type { Condition } from '../kernel/objects.ts';
import { isOfNode, type Failure } from './failure.ts';
import { waitingReasons } from './kubelet-words.ts';
import { gateText, initTrouble } from './others.ts';

export type StartTrouble =
  /** `patienceMs`: what is left until the attempt ends for it; undefined where it waits without end. */
  | { readonly kind: 'hopeful'; readonly reason: Reason; readonly message: string; readonly patienceMs?: number }
  | { readonly kind: 'over'; readonly failure: Failure };

/** What a kubelet may lack for a container. */
export const startReasons: ReadonlySet<string> = new Set(waitingReasons.values());
/** No repetition turns a bad name into a good one. */
const neverCured = new Set(['InvalidImageName']);
/**
 * A command that is not in the image, in the words of runc and crun. CRI-O says it of making the container, again and again;
 * of containerd, which makes it without a look, the container ends with it (failure.ts).
 */
const isWithoutCommand = (detail = ''): boolean =>
  /executable file (?:`[^`]*` )?not found|\bexec: "[^"]*": (?:stat [^:]*: no such file|permission denied)/.test(
    detail,
  ) && !isOfNode(detail);
/** A registry that hiccups, a Secret that is applied a moment later: both are mostly back within this time. */
export const startPatienceMs = 120_000;

/**
 * Since when a run is said to have such trouble; undefined: it is news. Of a pod nobody says when it failed for the first time,
 * which may be long after it began: a pull takes as long as it takes.
 */
export function troubledSince(conditions: readonly Condition[] = []): string | undefined {
  const told = conditions.find(({ type }) => type === 'Progressing');
  return told?.status === 'False' && startReasons.has(told.reason) ? told.lastTransitionTime : undefined;
}

interface Times {
  readonly since: string | undefined;
  readonly now: Date;
}

/**
 * The first pod for which the attempt ends; or else the first for which it will, as one that waits for room without end must not
 * hide it; or else the first that has trouble starting.
 */
export function startTrouble(pods: readonly Pod[], times: Times): StartTrouble | undefined {
  const troubles = pods.flatMap((pod) => troubleOf(pod, times) ?? []);
  const ends = (trouble: StartTrouble): boolean => trouble.kind === 'hopeful' && trouble.patienceMs !== undefined;
  return troubles.find(({ kind }) => kind === 'over') ?? troubles.find(ends) ?? troubles[0];
}

const troubleOf = (pod: Pod, times: Times): StartTrouble | undefined =>
  containerTrouble(pod, times) ?? schedulingTrouble(pod);

function containerTrouble(pod: Pod, times: Times): StartTrouble | undefined {
  const statuses = pod.status?.containerStatuses ?? [];
  const worker = statuses.find(({ name }) => name === workerContainer);
  if (worker !== undefined && hasBegun(worker)) return undefined;
  const isStuck = ({ state }: ContainerStatus): boolean => waitingReasons.has(state?.waiting?.reason ?? '');
  if (worker !== undefined && isStuck(worker)) return workerTrouble(pod, worker, times);
  const other = statuses.find(isStuck);
  return beforeTrouble(pod) ?? (other && othersTrouble(pod, other));
}

const hasBegun = ({ state }: ContainerStatus): boolean =>
  state?.running !== undefined || state?.terminated !== undefined;

/** Whoever has put an init container into the pod will cure it, too, and no worker starts before. */
function beforeTrouble(pod: Pod): StartTrouble | undefined {
  const before = initTrouble(pod);
  return before && { kind: 'hopeful', reason: before.reason, message: `${pod.metadata.name}: ${before.message}` };
}

/** Of a container that somebody else has put into the pod: whoever did will cure it, and the worker may start all the same. */
function othersTrouble({ metadata }: Pod, { name, state }: ContainerStatus): StartTrouble {
  const { reason: word = '', message = '' } = state?.waiting ?? {};
  const sentence = `${metadata.name}: its container ${name}, which is not ours, waits: ${word}: ${message}`;
  return { kind: 'hopeful', reason: waitingReasons.get(word) ?? 'CannotStart', message: sentence };
}

function workerTrouble(pod: Pod, worker: ContainerStatus, times: Times): StartTrouble | undefined {
  const failure = lackOf(pod, worker);
  if (failure === undefined) return undefined;
  const { reason, message, weight } = failure;
  const patienceMs = weight === 'permanent' ? 0 : patienceLeftMs(pod, times);
  if (patienceMs <= 0) return { kind: 'over', failure };
  return { kind: 'hopeful', reason, message: `${pod.metadata.name}: ${message}`, patienceMs };
}

/** Why this worker does not start, as the end of its attempt. */
function lackOf({ metadata: { name: pod } }: Pod, { state }: ContainerStatus): Failure | undefined {
  const { reason: word = '', message: detail } = state?.waiting ?? {};
  const reason = waitingReasons.get(word);
  if (reason === undefined) return undefined;
  const message = `${word}${detail === undefined ? '' : `: ${detail}`}${remedyOf(detail)}`;
  const isHopeless = neverCured.has(word) || isWithoutCommand(detail);
  return isHopeless
    ? { reason: 'CannotStart', message, weight: 'permanent', pod }
    : { reason, message, weight: 'waiting', pod };
}

/** The same of the first of these that does not start: what others of its group that have lost a peer have waited for in vain. */
export const lackAmong = (pods: readonly Pod[]): Failure | undefined =>
  pods.flatMap((pod) => {
    const worker = pod.status?.containerStatuses?.find(({ name }) => name === workerContainer);
    return (worker && lackOf(pod, worker)) ?? lackOfOthers(pod, worker) ?? [];
  })[0];

/** The worker has never begun, as an init container keeps it waiting. */
function lackOfOthers(pod: Pod, worker: ContainerStatus | undefined): Failure | undefined {
  const before = worker !== undefined && hasBegun(worker) ? undefined : initTrouble(pod);
  return before && { reason: before.reason, message: before.message, weight: 'waiting', pod: pod.metadata.name };
}

/** The one Secret that a pod of ours needs. */
const remedyOf = (detail = ''): string =>
  /^secret "[^"]+" not found$/.test(detail)
    ? "; the chart makes the store's Secret in the namespaces that store.namespaces lists"
    : '';

/**
 * It begins when the trouble is told, and not before the kubelet has taken this very pod up: it may have been told of an
 * earlier one, and waiting for room on a node is no trouble of the image.
 */
function patienceLeftMs({ metadata, status }: Pod, { since, now }: Times): number {
  if (since === undefined) return startPatienceMs;
  const takenUp = status?.startTime ?? metadata.creationTimestamp ?? '';
  const begunMs = Math.max(Date.parse(since), Date.parse(takenUp));
  // Somebody may have written any time.
  return Math.min(startPatienceMs, begunMs + startPatienceMs - now.getTime());
}

function schedulingTrouble(pod: Pod): StartTrouble | undefined {
  const { metadata, status } = pod;
  const gates = gateText(pod);
  if (gates !== undefined) return { kind: 'hopeful', reason: 'Unschedulable', message: `${metadata.name}: ${gates}` };
  const unscheduled = status?.conditions?.find(
    (condition) =>
      condition.type === 'PodScheduled' && condition.status === 'False' && condition.reason === 'Unschedulable',
  );
  if (unscheduled === undefined) return undefined;
  const claim = /persistentvolumeclaim "([^"]+)" not found/.exec(unscheduled.message ?? '')?.[1];
  if (claim !== undefined) return { kind: 'hopeful', reason: 'DataMissing', message: withoutClaim(claim) };
  const message = `${metadata.name}: ${unscheduled.message ?? 'no node has room'}`;
  return { kind: 'hopeful', reason: 'Unschedulable', message };
}

const withoutClaim = (claim: string): string =>
  `There is no PersistentVolumeClaim '${claim}' in this namespace; training starts by itself once there is.`;
