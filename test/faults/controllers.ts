/** What the controllers of a cluster have yet to do. On a busy machine they may be later than an operator is patient. */
import type { BatchJob as Job, Pod } from '../../operator/api/kubernetes.ts';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { controllerOf } from '../../operator/kernel/objects.ts';

/** Conditions of a Job whose pods are to end, or have ended: the job controller deletes those that still run. */
const over: ReadonlySet<string> = new Set(['FailureTarget', 'SuccessCriteriaMet', 'Failed', 'Complete']);

const isOver = (job: Job): boolean =>
  job.status?.conditions?.some(({ type, status }) => over.has(type) && status === 'True') === true;

const runs = ({ status }: Pod): boolean => status?.phase !== 'Failed' && status?.phase !== 'Succeeded';

/**
 * Whether a pod still runs, or is to, whose Job is over; or has failed, and its Job, which tries none a second time, does not
 * say so yet.
 */
function haveToAct(objects: readonly KubeObject[]): boolean {
  const jobs = objects.filter((object): object is Job => object.kind === 'Job');
  const ends = new Map(jobs.map((job) => [job.metadata.uid, isOver(job)]));
  const pods = objects.filter((object): object is Pod => object.kind === 'Pod');
  return pods.some((pod) => {
    const isOfEnded = ends.get(controllerOf(pod)?.uid);
    return isOfEnded === true ? runs(pod) : isOfEnded === false && pod.status?.phase === 'Failed';
  });
}

/** What all the others are compared with must not be taken for the end too soon. */
const usualQuietMs = 4000;
/** For controllers that have yet to act. Of a node that is lost they wait for ever. */
const controllersMs = 30_000;

/** How long nothing may have been written before a state is what all others are compared with. */
export const referenceQuietMs = (objects: readonly KubeObject[]): number =>
  haveToAct(objects) ? controllersMs : usualQuietMs;
