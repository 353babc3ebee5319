/**
 * A queue decides when the pods of an attempt are made: Kueue, which knows the attempt's Job by its label and keeps it
 * suspended until there is quota. It may take its admission back; that costs no attempt. Pure.
 */
import type { BatchJob, Pod } from '../api/kubernetes.ts';
import { labels } from '../api/names.ts';
import { isOwnedBy } from '../kernel/objects.ts';
import type { Failure } from './failure.ts';
import type { RunObserved } from './run.ts';
import type { RunState } from './run-state.ts';

/** The queue that holds this Job back; undefined: none does. */
export const heldBy = (job: BatchJob | undefined): string | undefined =>
  job?.spec?.suspend === true ? (job.metadata.labels?.[labels.queueName] ?? 'its queue') : undefined;

/** Does a queue hold this Job back, as its pods show, too? Where its watch lags it only seems so. */
export const isHeldBack = (job: BatchJob, pods: readonly Pod[]): boolean =>
  heldBy(job) !== undefined && !pods.some((pod) => isOwnedBy(pod, job) && pod.metadata.deletionTimestamp === undefined);

/**
 * Has a queue ended these pods? The Job controller deletes the pods of a suspended Job. A pod of a Job that only seems
 * suspended, since its watch lags, is not deleted.
 */
export const isTakenBack = (job: BatchJob | undefined, pods: readonly Pod[]): boolean =>
  heldBy(job) !== undefined && pods.some(({ metadata }) => metadata.deletionTimestamp !== undefined);

export const takenBack = (queue: string): Failure => ({
  reason: 'Preempted',
  message: `The queue ${queue} took its admission back; the next attempt waits in it.`,
  weight: 'free',
});

export const queuedMessage = (queue: string): string =>
  `Waits for the queue ${queue} to admit it; its Workload says what is missing (kubectl get workloads).`;

/** Why no attempt may be made: nobody would ever admit it. */
export const withoutQueue = ({ root, kueue }: Pick<RunObserved, 'root' | 'kueue'>): RunState | undefined => {
  const { queueName } = root.spec.placement;
  if (queueName === undefined || kueue) return undefined;
  const message = `placement.queueName is ${queueName}, but the cluster does not serve kueue.x-k8s.io. Install Kueue, or make a job without a queue.`;
  return { kind: 'waiting', reason: 'QueueMissing', message };
};
