/** Pods → whom to ask what. Only pods that are ours by owner, not by label alone, are ever asked. Pure over the cache. */
import type { Pod } from '../api/kubernetes.ts';
import { labels } from '../api/names.ts';
import { batchJobs, deployments, pods } from '../api/resources.ts';
import { controllerOf, keyOf, type Key, type KubeObject } from '../kernel/objects.ts';
import type { Cache } from '../kernel/reconcile.ts';
import type { PullTarget } from './pull.ts';

/** Ports that pods of ours listen on. */
export interface Ports {
  readonly trainer: number;
  readonly server: number;
}

/** One pod to ask, and whose news it is. */
export interface Target {
  /** UID of the pod: an address is used again, a UID is not. */
  readonly uid: string;
  readonly kind: 'trainer' | 'server';
  /** Name of the reconciler to poke. */
  readonly reconciler: 'trainingjob' | 'distillationjob' | 'modelservice';
  readonly key: Key;
  /** UID of the object of that key: its successor under the name has other news. */
  readonly root: string;
  readonly address: PullTarget;
}

/** The rank-0 pods of running attempts, and server pods that run without being ready. */
export function targetsOf(cache: Cache, ports: Ports): readonly Target[] {
  return cache.list(pods).flatMap((pod) => targetOf(pod, cache, ports) ?? []);
}

function targetOf(pod: Pod, cache: Cache, ports: Ports): Target | undefined {
  const { metadata, status } = pod;
  const { uid } = metadata;
  const host = status?.podIP;
  if (uid === undefined || host === undefined || status?.phase !== 'Running') return undefined;
  if (metadata.deletionTimestamp !== undefined) return undefined;
  return (
    trainerTarget(pod, cache, { uid, host, port: ports.trainer }) ??
    serverTarget(pod, cache, { uid, host, port: ports.server })
  );
}

interface Place {
  readonly uid: string;
  readonly host: string;
  readonly port: number;
}

function trainerTarget(pod: Pod, cache: Cache, { uid, host, port }: Place): Target | undefined {
  if (pod.metadata.labels?.[labels.completionIndex] !== '0') return undefined;
  const job = ownerIn(pod, 'Job', (key) => cache.get(batchJobs, key));
  const root = job && controllerOf(job);
  const reconciler = root && reconcilers[root.kind];
  if (root === undefined || reconciler === undefined) return undefined;
  const key = { namespace: keyOf(pod).namespace, name: root.name };
  return { uid, kind: 'trainer', reconciler, key, root: root.uid, address: { host, port, path: '/progress' } };
}

const reconcilers: Readonly<Record<string, 'trainingjob' | 'distillationjob'>> = {
  TrainingJob: 'trainingjob',
  DistillationJob: 'distillationjob',
};

function serverTarget(pod: Pod, cache: Cache, { uid, host, port }: Place): Target | undefined {
  const { [labels.modelService]: name, 'pod-template-hash': hash = '' } = pod.metadata.labels ?? {};
  if (name === undefined || isReady(pod)) return undefined;
  const key = { namespace: keyOf(pod).namespace, name };
  const owner = controllerOf(pod);
  // ReplicaSets are not cached: their names are made of the Deployment's name and the hash of the template.
  if (owner?.kind !== 'ReplicaSet' || owner.name !== `${name}-${hash}`) return undefined;
  const deployment = cache.get(deployments, key);
  const root = deployment && controllerOf(deployment);
  if (root?.kind !== 'ModelService') return undefined;
  const path = `/v2/models/${name}/ready`;
  return { uid, kind: 'server', reconciler: 'modelservice', key, root: root.uid, address: { host, port, path } };
}

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;

function ownerIn<T extends KubeObject>(pod: Pod, kind: string, find: (key: Key) => T | undefined): T | undefined {
  const owner = controllerOf(pod);
  if (owner?.kind !== kind) return undefined;
  const found = find({ namespace: keyOf(pod).namespace, name: owner.name });
  return found?.metadata.uid === owner.uid ? found : undefined;
}
