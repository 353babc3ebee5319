/**
 * Plays Kueue by a script: it admits each Job that waits in a queue, and takes its admission of one attempt back when its
 * workers run. What Kueue does to a Job is all that the operator sees of it: `suspend`, and pods that are deleted for it.
 */
import type { BatchJob, Pod } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { batchJobs, pods, trainingJobs } from '../../operator/api/resources.ts';
import { ApiError, type Cluster } from '../../operator/kernel/cluster.ts';
import type { Cache } from '../../operator/kernel/reconcile.ts';
import { pause } from './until.ts';

/** The attempt whose admission is taken back once so many workers of it run. */
export interface TakenBack {
  readonly attempt: number;
  readonly workers: number;
}

export interface QueueOptions {
  readonly takesBack: TakenBack;
  readonly cluster: Cluster;
  readonly namespace: string;
  /** What is in all namespaces, a moment late: who acts upon an old version is refused, and looks again. */
  readonly heard: Cache;
}

const never = new AbortController().signal;
const everyMs = 150;
/** A worker that is told to end takes its time. Here is no node to keep it: this does, until the end of its attempt is recorded. */
const ending = 'limbeck.dev/still-ending';

export async function playQueue(options: QueueOptions, signal: AbortSignal): Promise<void> {
  const takenBack = new Set<string>();
  while (!signal.aborted) {
    await turn(options, takenBack).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
    });
    await pause(everyMs);
  }
}

async function turn(options: QueueOptions, takenBack: Set<string>): Promise<void> {
  const { heard, namespace, takesBack } = options;
  const queued = heard.list(batchJobs, namespace).filter(({ metadata }) => metadata.labels?.[labels.queueName]);
  for (const job of queued) {
    const { uid = '' } = job.metadata;
    const workers = runningOf(job, options);
    const isEnough =
      job.metadata.labels?.[labels.attempt] === String(takesBack.attempt) && workers.length >= takesBack.workers;
    if (job.spec?.suspend === true) {
      if (!takenBack.has(uid)) await setSuspended(job, false, options);
    } else if (isEnough) {
      takenBack.add(uid);
      for (const pod of workers) await setEnding(pod, true, options);
      await setSuspended(job, true, options);
    }
  }
  for (const pod of heard.list(pods, namespace)) if (isRecorded(pod, options)) await setEnding(pod, false, options);
}

const runningOf = ({ metadata: { uid } }: BatchJob, { heard, namespace }: QueueOptions): readonly Pod[] =>
  heard
    .list(pods, namespace)
    .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid))
    .filter(({ status }) => status?.phase === 'Running');

/** The end of a worker that is told to end; or nobody records it any more. */
function isRecorded({ metadata }: Pod, { heard, namespace, takesBack }: QueueOptions): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  const roots = heard.list(trainingJobs, namespace);
  const root = roots.find(({ metadata: { uid } }) => uid === metadata.labels?.[labels.root]);
  const attempt = root?.status?.attempts?.find(({ number }) => number === takesBack.attempt);
  return root === undefined || attempt?.endedAt !== undefined;
}

async function setEnding(pod: Pod, isHeld: boolean, { cluster }: QueueOptions): Promise<void> {
  const { finalizers = [] } = pod.metadata;
  if (finalizers.includes(ending) === isHeld) return;
  const others = finalizers.filter((name) => name !== ending);
  const metadata = { ...pod.metadata, finalizers: isHeld ? [...others, ending] : others };
  await cluster.update(pods, { ...pod, metadata }, never);
}

async function setSuspended(job: BatchJob, suspend: boolean, { cluster }: QueueOptions): Promise<void> {
  const suspended: BatchJob = { ...job, spec: { ...job.spec, suspend } };
  await cluster.update(batchJobs, suspended, never);
}
