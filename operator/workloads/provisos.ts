/** What a run asks of the cluster itself before it believes a cache that something is not there. Pure. */
import { attemptName, labels } from '../api/names.ts';
import { batchJobs, pods } from '../api/resources.ts';
import { isOver } from '../api/worker.ts';
import type { Proviso } from '../kernel/proviso.ts';
import type { Attempt, RunObserved } from './run.ts';
import { jobIsOver } from './verdict.ts';

/** An attempt whose Job is not seen: it is gone, and not new. */
export function noJobOf({ root: { metadata } }: RunObserved, { number }: Attempt): Proviso {
  const { namespace = '', name, uid = '' } = metadata;
  const job = attemptName(name, uid, number);
  return {
    resource: batchJobs,
    selection: { namespace, fieldSelector: `metadata.name=${job}` },
    forbids: (found) => found.metadata.name === job,
  };
}

/**
 * Before the next attempt: of those before it there is no pod that runs, and could still write, and no Job but those that
 * were seen, and judged.
 */
export function nothingRuns({ root: { metadata }, jobs }: RunObserved): readonly Proviso[] {
  const { namespace = '', uid = '' } = metadata;
  const selection = { namespace, labelSelector: `${labels.root}=${uid}` };
  const seen = new Set(jobs.map((job) => job.metadata.uid));
  return [
    { resource: batchJobs, selection, forbids: (job) => !jobIsOver(job) && !seen.has(job.metadata.uid) },
    { resource: pods, selection, forbids: (pod) => !isOver(pod) },
  ];
}
