/** Plays Kueue by a script: it admits each Job that waits in a queue, a moment after it was made. */
import type { BatchJob } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { batchJobs } from '../../operator/api/resources.ts';
import { ApiError, type Cluster } from '../../operator/kernel/cluster.ts';
import type { Cache } from '../../operator/kernel/reconcile.ts';
import { pause } from './until.ts';

export interface QueueOptions {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** What is in all namespaces, a moment late: who acts upon an old version is refused, and looks again. */
  readonly heard: Cache;
}

const never = new AbortController().signal;
const everyMs = 200;

/**
 * It takes no admission back: pods that are bound to no node are failed by the collector of pods, sooner or later, when they
 * are to end, so that how such an attempt ends would be chance.
 */
export async function playQueue(options: QueueOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await admitAll(options).catch((error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
    });
    await pause(everyMs);
  }
}

async function admitAll({ cluster, namespace, heard }: QueueOptions): Promise<void> {
  for (const job of heard.list(batchJobs, namespace)) {
    if (job.metadata.labels?.[labels.queueName] === undefined || job.spec?.suspend !== true) continue;
    const admitted: BatchJob = { ...job, spec: { ...job.spec, suspend: false } };
    await cluster.update(batchJobs, admitted, never);
  }
}
