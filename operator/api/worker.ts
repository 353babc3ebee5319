/**
 * What has become of a worker. It is the container that trains, whatever others somebody has put into its pod, such as the
 * proxy of a mesh: the kubelet lists them by name, and the pod runs for as long as any of them does. Most end soon after
 * the worker, and the pod's phase, which comes with all that the kubelet knows of the end, is worth waiting for. Pure.
 */
import type { KubeObject } from '../kernel/objects.ts';
import type { ContainerStateTerminated, Pod } from './kubernetes.ts';

/** The container that trains. */
export const workerContainer = 'trainer';

/** How long others have to end by themselves: they may have something to send. */
export const otherContainersMs = 30_000;

/** Devices that it was given, by the names of their extended resources, such as nvidia.com/gpu; what Kubernetes itself counts has no slash. */
export const devicesOf = ({ spec }: Pod): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(spec?.containers?.find(({ name }) => name === workerContainer)?.resources?.limits ?? {}).filter(
      ([name]) => name.includes('/'),
    ),
  );

/** How it ended; undefined while it has not, or never ran. It is never started again in the same pod. */
export const endOfWorker = ({ status }: Pod): ContainerStateTerminated | undefined =>
  status?.containerStatuses?.find(({ name }) => name === workerContainer)?.state?.terminated;

/** Nothing of it runs any more. */
export const isOver = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded';

/** All that ran in it has ended, though its phase may be still to come. */
export const hasEndedWhole = (pod: Pod): boolean =>
  endOfWorker(pod) !== undefined &&
  pod.status?.containerStatuses?.every(({ state }) => state?.terminated !== undefined) === true;

/** When the others have had their time to follow the worker; undefined where it is not for them that the pod runs on. */
export function heldOpenAtMs(pod: Pod): number | undefined {
  const end = endOfWorker(pod);
  const isEnding = isOver(pod) || pod.metadata.deletionTimestamp !== undefined;
  if (end === undefined || isEnding || hasEndedWhole(pod)) return undefined;
  const atMs = Date.parse(end.finishedAt ?? '') + otherContainersMs;
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** Another container runs on and on, and nobody but us tells it to end. */
export const isHeldOpen = (pod: Pod, now: Date): boolean => (heldOpenAtMs(pod) ?? Infinity) <= now.getTime();

/** What a kubelet that is alive may need beyond the grace period to end a pod and to tell of it. */
const tellingMs = 60_000;

/** When what is to go should be gone; never, where nobody has deleted it. Its time of deletion is the end of its grace period. */
export const lateAtMs = ({ metadata: { deletionTimestamp } }: KubeObject): number =>
  deletionTimestamp === undefined ? Infinity : Date.parse(deletionTimestamp) + tellingMs;

/** Undefined: it has not ended, or is about to say how. Of a pod that is late its phase may never come. */
export function outcomeOf(pod: Pod, now: Date): 'succeeded' | 'failed' | undefined {
  const end = endOfWorker(pod);
  const isLate = end !== undefined && lateAtMs(pod) <= now.getTime();
  if (!isOver(pod) && !isHeldOpen(pod, now) && !isLate) return undefined;
  if (end !== undefined) return end.exitCode === 0 ? 'succeeded' : 'failed';
  return pod.status?.phase === 'Succeeded' ? 'succeeded' : 'failed';
}
