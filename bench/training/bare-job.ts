/** An Indexed Job with the pods of one of ours, as one would write it by hand: no operator knows of it. */
import { kubectl } from './cluster.ts';

export interface JobObject {
  readonly spec: {
    readonly selector?: object | undefined;
    readonly template: { readonly metadata?: { readonly annotations?: object }; readonly spec: object };
  };
}

/** Of the Job of this name. What its trainer is told is an annotation of its pods. */
export async function bareJob(name: string): Promise<JobObject> {
  const job = await kubectl.get<JobObject>('job', name);
  if (job === undefined) throw new Error(`there is no Job ${name}`);
  const { metadata, spec } = job.spec.template;
  const bare = { metadata: { labels: { app: 'bare' }, annotations: metadata?.annotations ?? {} }, spec };
  return { ...{ apiVersion: 'batch/v1', kind: 'Job' }, spec: { ...job.spec, selector: undefined, template: bare } };
}
