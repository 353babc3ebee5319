/**
 * What a run asks of the cluster itself before it believes a cache that something is not there. Pure. Only what the caches
 * would take for its own forbids anything: a stranger's object they would never show, and he could hold a run up for ever.
 */
import { attemptName, labels } from '../api/names.ts';
import { batchJobs, pods } from '../api/resources.ts';
import { isOver } from '../api/worker.ts';
import { isOwnedBy, type KubeObject } from '../kernel/objects.ts';
import type { Proviso } from '../kernel/proviso.ts';
import { isAttempt, isWorker } from './observe-run.ts';
import type { Attempt, RunObserved, RunRoot } from './run.ts';
import { jobIsOver } from './verdict.ts';

const isOurs = (job: KubeObject, root: RunRoot): boolean => isOwnedBy(job, root) && isAttempt(job, root);

/** An attempt whose Job is not seen: it is gone, and not new. */
export function noJobOf({ root }: RunObserved, { number }: Attempt): Proviso {
  const { namespace = '', name, uid = '' } = root.metadata;
  return {
    resource: batchJobs,
    selection: { namespace, fieldSelector: `metadata.name=${attemptName(name, uid, number)}` },
    forbids: (job) => isOurs(job, root),
  };
}

/**
 * Before the next attempt: of those before it there is no pod that runs, and could still write, and no Job but those that
 * were seen, and judged.
 */
export function nothingRuns({ root, label, jobs }: RunObserved): readonly Proviso[] {
  const { namespace = '', name, uid = '' } = root.metadata;
  const ofRoot = `${labels.root}=${uid}`;
  // Those that have ended are most of all that there is.
  const running = 'status.phase!=Succeeded,status.phase!=Failed';
  const seen = new Set(jobs.map((job) => job.metadata.uid));
  return [
    {
      resource: batchJobs,
      selection: { namespace, labelSelector: ofRoot },
      forbids: (job) => isOurs(job, root) && !jobIsOver(job) && !seen.has(job.metadata.uid),
    },
    {
      resource: pods,
      // By the name as well, under which the cache files them: one of another name would never be seen as ours.
      selection: { namespace, labelSelector: `${ofRoot},${label}=${name}`, fieldSelector: running },
      forbids: (pod) => isWorker(pod, label) && pod.metadata.labels?.[label] === name && !isOver(pod),
    },
  ];
}
