/** Plays Job controller and kubelet on a fake cluster: makes the pods of Jobs, ends them as it is told. */
import type { BatchJob, Pod } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { batchJobs, pods } from '../../operator/api/resources.ts';
import { isOwnedBy, keyOf, ownerReferenceTo, type KubeObject } from '../../operator/kernel/objects.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { reported, runningStatus } from './runs.ts';

type JobBody = KubeObject & {
  readonly spec: {
    readonly completions: number;
    readonly template: { readonly metadata: Pod['metadata']; readonly spec: object };
  };
};

export class FakeKubelet {
  readonly #cluster: FakeCluster;

  constructor(cluster: FakeCluster) {
    this.#cluster = cluster;
  }

  /** Every Job that has no pods gets them, running; the names of those Jobs. */
  async start(): Promise<readonly string[]> {
    const { items: jobs } = await this.#cluster.list(batchJobs, {});
    const { items: existing } = await this.#cluster.list(pods, {});
    const owners = new Set(existing.flatMap(({ metadata }) => (metadata.ownerReferences ?? []).map(({ uid }) => uid)));
    const waiting = jobs.filter(
      ({ metadata }) => !owners.has(metadata.uid ?? ''),
    ) as readonly KubeObject[] as readonly JobBody[];
    for (const job of waiting) {
      for (let index = 0; index < job.spec.completions; index += 1) this.#cluster.put(pods, podOf(job, index));
    }
    return waiting.map(({ metadata }) => metadata.name);
  }

  /** Pods whose Job is gone are told to stop; those that have stopped are collected. */
  async collect(): Promise<void> {
    const { items: jobs } = await this.#cluster.list(batchJobs, {});
    const { items: existing } = await this.#cluster.list(pods, {});
    const orphans = existing.filter((pod) => !jobs.some((job) => isOwnedBy(pod, job)));
    for (const pod of orphans) {
      const key = keyOf(pod);
      if (pod.status?.phase !== 'Running') this.#cluster.withdraw(pods, key);
      else this.#cluster.put(pods, { ...pod, ...stopped });
    }
  }

  /** A pod is about to be evicted. */
  async preempt(name: string): Promise<void> {
    const pod = await this.#cluster.get(pods, { namespace: 'default', name });
    const conditions = [{ type: 'DisruptionTarget', status: 'True', message: 'preempted' }];
    const doomed: Pod = { ...pod, status: { ...pod.status, conditions } };
    this.#cluster.put(pods, doomed);
  }

  /** The workers of a Job end like this, by index; the Job follows. */
  async end(name: string, statuses: readonly Pod['status'][]): Promise<void> {
    const job = await this.#cluster.get(batchJobs, { namespace: 'default', name });
    for (const [index, status] of statuses.entries()) {
      const pod = await this.#cluster.get(pods, { namespace: 'default', name: `${name}-${String(index)}` });
      this.#cluster.put(pods, { ...pod, ...(status === undefined ? {} : { status }) });
    }
    const type = statuses.every((status) => status?.phase === 'Succeeded') ? 'Complete' : 'Failed';
    this.#cluster.put(batchJobs, { ...job, status: { conditions: [{ type, status: 'True' }] } } as BatchJob);
  }
}

const stoppedStatus = reported('Interrupted', 143);
const stopped = stoppedStatus === undefined ? {} : { status: stoppedStatus };

const podOf = (job: JobBody, index: number): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name: `${job.metadata.name}-${String(index)}`, namespace: job.metadata.namespace ?? '' },
    labels: { ...job.spec.template.metadata.labels, [labels.completionIndex]: String(index) },
    ownerReferences: [ownerReferenceTo(job)],
  },
  spec: job.spec.template.spec,
  ...(runningStatus === undefined ? {} : { status: runningStatus }),
});
