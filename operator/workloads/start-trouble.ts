/** Pods that do not start → what they lack, and whether there is hope. Pure. */
import type { ContainerStatus, Pod } from '../api/kubernetes.ts';
import type { Reason } from '../api/vocabulary.ts';
import { workerContainer } from '../api/worker.ts';
import type { Failure } from './failure.ts';

export type StartTrouble =
  /** `patienceMs`: what is left until it counts as hopeless; undefined where hope does not end. */
  | { readonly kind: 'hopeful'; readonly reason: Reason; readonly message: string; readonly patienceMs?: number }
  | { readonly kind: 'hopeless'; readonly failure: Failure };

/** The kubelet's words for an image or a container that cannot be had. */
const waitingReasons: ReadonlyMap<string, Reason> = new Map<string, Reason>([
  ['ErrImagePull', 'ImagePull'],
  ['ImagePullBackOff', 'ImagePull'],
  ['ErrImageNeverPull', 'ImagePull'],
  ['RegistryUnavailable', 'ImagePull'],
  ['InvalidImageName', 'ImagePull'],
  ['CreateContainerConfigError', 'ConfigMissing'],
  ['CreateContainerError', 'CannotStart'],
  ['RunContainerError', 'CannotStart'],
]);
/** No repetition turns a bad name into a good one. */
const neverCured = new Set(['InvalidImageName', 'ErrImageNeverPull']);
/** A registry that hiccups, a Secret that is applied a moment later: both are back within this time, or someone must help. */
export const startPatienceMs = 120_000;

/** The first pod that cannot start, or else the first that has trouble starting. */
export function startTrouble(pods: readonly Pod[], now: Date): StartTrouble | undefined {
  const troubles = pods.flatMap((pod) => troubleOf(pod, now) ?? []);
  return troubles.find(({ kind }) => kind === 'hopeless') ?? troubles[0];
}

const troubleOf = (pod: Pod, now: Date): StartTrouble | undefined =>
  containerTrouble(pod, now) ?? schedulingTrouble(pod);

function containerTrouble(pod: Pod, now: Date): StartTrouble | undefined {
  const statuses = pod.status?.containerStatuses ?? [];
  const worker = statuses.find(({ name }) => name === workerContainer);
  if (worker?.state?.running !== undefined || worker?.state?.terminated !== undefined) return undefined;
  const isStuck = ({ state }: ContainerStatus): boolean => waitingReasons.has(state?.waiting?.reason ?? '');
  if (worker !== undefined && isStuck(worker)) return workerTrouble(pod, worker, now);
  const other = statuses.find(isStuck);
  return other && othersTrouble(pod, other);
}

/** Of a container that somebody else has put into the pod: whoever did will cure it, and the worker may start all the same. */
function othersTrouble({ metadata }: Pod, { name, state }: ContainerStatus): StartTrouble {
  const { reason: word = '', message = '' } = state?.waiting ?? {};
  const sentence = `${metadata.name}: its container ${name}, which is not ours, waits: ${word}: ${message}`;
  return { kind: 'hopeful', reason: waitingReasons.get(word) ?? 'CannotStart', message: sentence };
}

function workerTrouble(pod: Pod, { state }: ContainerStatus, now: Date): StartTrouble | undefined {
  const { reason: word = '', message: detail } = state?.waiting ?? {};
  const reason = waitingReasons.get(word);
  if (reason === undefined) return undefined;
  const { name } = pod.metadata;
  const message = `${word}${detail === undefined ? '' : `: ${detail}`}${remedyOf(detail)}`;
  const patienceMs = neverCured.has(word) ? 0 : patienceLeftMs(pod, now);
  if (patienceMs > 0) return { kind: 'hopeful', reason, message: `${name}: ${message}`, patienceMs };
  return { kind: 'hopeless', failure: { reason: 'CannotStart', message, weight: 'permanent', pod: name } };
}

/** The one Secret that a pod of ours needs. */
const remedyOf = (detail = ''): string =>
  /^secret "[^"]+" not found$/.test(detail)
    ? "; the chart makes the store's Secret in the namespaces that store.namespaces lists"
    : '';

/** Waiting for room on a node is no trouble of the image: patience begins with the kubelet. */
function patienceLeftMs({ metadata, status }: Pod, now: Date): number {
  const since = status?.startTime ?? metadata.creationTimestamp ?? '';
  return Date.parse(since) + startPatienceMs - now.getTime();
}

function schedulingTrouble({ metadata, status }: Pod): StartTrouble | undefined {
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
