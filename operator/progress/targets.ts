/** Pods → whom to ask what. Only pods that are ours by owner, not by label alone, are ever asked. Pure over the cache. */
import type { Pod } from '../api/kubernetes.ts';
import { labels } from '../api/names.ts';
import {
  batchJobs,
  deployments,
  distillationJobs,
  modelServices,
  pods,
  trainingJobs,
  type DistillationJob,
  type TrainingJob,
} from '../api/resources.ts';
import {
  controllerOf,
  keyOf,
  type Key,
  type KubeObject,
  type OwnerReference,
  type Resource,
} from '../kernel/objects.ts';
import type { Cache, Index } from '../kernel/reconcile.ts';
import { endOfWorker } from '../api/worker.ts';
import type { PullTarget } from './pull.ts';

/** Ports that pods of ours listen on. */
export interface Ports {
  readonly trainer: number;
  readonly server: number;
}

/** Which worker of which attempt a pod is. */
export interface Place {
  readonly attempt: number;
  readonly rank: number;
  readonly pod: string;
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
  /** Of a trainer. */
  readonly worker?: Place;
}

const running = 'running';

/**
 * Pods that may have something to tell. They are looked for twice a second: an operator at rest among ten thousand pods
 * that are over, or ready, has nothing to look at.
 */
export const podsWithNews: Index<Pod> = {
  resource: pods,
  name: 'pods-with-news',
  valuesOf: (pod) => (mayHaveNews(pod) ? [running] : []),
};

function mayHaveNews(pod: Pod): boolean {
  const { metadata, status } = pod;
  if (status?.phase !== 'Running' || status.podIP === undefined || metadata.deletionTimestamp !== undefined)
    return false;
  return isWorker(pod) ? endOfWorker(pod) === undefined : !isReady(pod);
}

const isWorker = ({ metadata }: Pod): boolean => metadata.labels?.[labels.completionIndex] !== undefined;

/** The workers of running attempts, and server pods that run without being ready. */
export const candidatesOf = (cache: Cache): readonly Pod[] => cache.byIndex(pods, podsWithNews.name, running);

/** Undefined while it is not known to be ours. What it is once is true for as long as the pod keeps its address. */
export function targetOf(pod: Pod, cache: Cache, ports: Ports): Target | undefined {
  const { uid } = pod.metadata;
  const host = pod.status?.podIP;
  if (uid === undefined || host === undefined) return undefined;
  return (
    trainerTarget(pod, cache, { uid, host, port: ports.trainer }) ??
    serverTarget(pod, cache, { uid, host, port: ports.server })
  );
}

interface Spot {
  readonly uid: string;
  readonly host: string;
  readonly port: number;
}

function trainerTarget(pod: Pod, cache: Cache, { uid, host, port }: Spot): Target | undefined {
  const { [labels.completionIndex]: index, [labels.attempt]: attempt } = pod.metadata.labels ?? {};
  if (index === undefined) return undefined;
  const job = ownerIn(pod, 'Job', (key) => cache.get(batchJobs, key));
  const root = job && controllerOf(job);
  const kind = root && kinds.get(root.kind);
  if (root === undefined || kind === undefined) return undefined;
  const key = { namespace: keyOf(pod).namespace, name: root.name };
  if (!isThere(cache.get(kind.resource, key), root)) return undefined;
  const worker = { attempt: Number(attempt), rank: Number(index), pod: pod.metadata.name };
  const address = { host, port, path: '/progress' };
  return { uid, kind: 'trainer', reconciler: kind.reconciler, key, root: root.uid, address, worker };
}

/** retry.stallSeconds of the job that a worker works for, which may be changed at any time. */
export const stallSecondsOf = ({ reconciler, key }: Target, cache: Cache): number | undefined =>
  [...kinds.values()]
    .filter((kind) => kind.reconciler === reconciler)
    .map((kind) => cache.get(kind.resource, key)?.spec.retry.stallSeconds)[0];

interface Kind {
  readonly reconciler: Target['reconciler'];
  readonly resource: Resource<TrainingJob | DistillationJob>;
}

/** Asked with what an owner reference of anybody says: an object would answer to the names of its inherited members, too. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['TrainingJob', { reconciler: 'trainingjob', resource: trainingJobs }],
  ['DistillationJob', { reconciler: 'distillationjob', resource: distillationJobs }],
]);

function serverTarget(pod: Pod, cache: Cache, { uid, host, port }: Spot): Target | undefined {
  const { [labels.modelService]: name, 'pod-template-hash': hash = '' } = pod.metadata.labels ?? {};
  if (name === undefined) return undefined;
  const key = { namespace: keyOf(pod).namespace, name };
  const owner = controllerOf(pod);
  // ReplicaSets are not cached: their names are made of the Deployment's name and the hash of the template.
  if (owner?.kind !== 'ReplicaSet' || owner.name !== `${name}-${hash}`) return undefined;
  const deployment = cache.get(deployments, key);
  const root = deployment && controllerOf(deployment);
  if (root?.kind !== 'ModelService' || !isThere(cache.get(modelServices, key), root)) return undefined;
  const path = `/v2/models/${name}/ready`;
  return { uid, kind: 'server', reconciler: 'modelservice', key, root: root.uid, address: { host, port, path } };
}

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;

/** News are filed under the UID of an owner: a pod that names one of another namespace speaks for nobody. */
const isThere = (found: KubeObject | undefined, { uid }: OwnerReference): boolean => found?.metadata.uid === uid;

function ownerIn<T extends KubeObject>(pod: Pod, kind: string, find: (key: Key) => T | undefined): T | undefined {
  const owner = controllerOf(pod);
  if (owner?.kind !== kind) return undefined;
  const found = find({ namespace: keyOf(pod).namespace, name: owner.name });
  return found?.metadata.uid === owner.uid ? found : undefined;
}
