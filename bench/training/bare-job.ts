/** An Indexed Job with the pods of one of ours, as one would write it by hand: no operator knows of it. */
import { kubectl } from './cluster.ts';

export interface JobObject {
  readonly spec: {
    readonly selector?: object | undefined;
    readonly template: { readonly metadata?: object; readonly spec: { readonly volumes?: readonly Volume[] } };
  };
}

interface Volume {
  readonly configMap?: { readonly name?: string };
}

/** Of the Job of this name; its ConfigMap is copied, since the original goes with its owner. */
export async function bareJob(name: string): Promise<JobObject> {
  const job = await kubectl.get<JobObject>('job', name);
  if (job === undefined) throw new Error(`there is no Job ${name}`);
  const { template } = job.spec;
  const copied = await Promise.all((template.spec.volumes ?? []).map(copyConfig));
  const bare = { metadata: { labels: { app: 'bare' } }, spec: { ...template.spec, volumes: copied } };
  return { ...{ apiVersion: 'batch/v1', kind: 'Job' }, spec: { ...job.spec, selector: undefined, template: bare } };
}

async function copyConfig(volume: Volume): Promise<Volume> {
  const { configMap } = volume;
  if (configMap?.name === undefined) return volume;
  const original = await kubectl.get<{ readonly data?: object }>('configmap', configMap.name);
  const metadata = { name: 'bare-config' };
  await kubectl.applyObject({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: original?.data });
  return { ...volume, configMap: { ...configMap, name: metadata.name } };
}
