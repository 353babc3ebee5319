/**
 * What has become of a worker. It is the container that trains, whatever others somebody has put into its pod, such as the
 * proxy of a mesh: the kubelet lists them by name, and the pod runs for as long as any of them does. Its own end is known
 * a moment before the pod's phase in any case. Pure.
 */
import type { ContainerStateTerminated, Pod } from './kubernetes.ts';

/** The container that trains. */
export const workerContainer = 'trainer';

/** How it ended; undefined while it has not, or never ran. It is never started again in the same pod. */
export const endOfWorker = ({ status }: Pod): ContainerStateTerminated | undefined =>
  status?.containerStatuses?.find(({ name }) => name === workerContainer)?.state?.terminated;

/** Undefined: it has not ended. */
export function outcomeOf(pod: Pod): 'succeeded' | 'failed' | undefined {
  const end = endOfWorker(pod);
  if (end !== undefined) return end.exitCode === 0 ? 'succeeded' : 'failed';
  if (pod.status?.phase === 'Succeeded') return 'succeeded';
  return pod.status?.phase === 'Failed' ? 'failed' : undefined;
}

/** Nothing of it runs any more. */
export const isOver = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded';

/** The worker has ended, another container has not, and nobody tells that one to. */
export const isHeldOpen = (pod: Pod): boolean =>
  !isOver(pod) &&
  endOfWorker(pod) !== undefined &&
  pod.status?.containerStatuses?.some(({ state }) => state?.terminated === undefined) === true;
