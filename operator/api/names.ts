/** Names that the whole installation agrees on: group, labels, field manager, and the names of children. */
import { createHash } from 'node:crypto';

export const group = 'limbeck.dev';
export const apiVersion = `${group}/v1alpha1`;
/** The one field manager of every write. */
export const fieldManager = 'limbeck';

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  trainingJob: `${group}/training-job`,
  distillationJob: `${group}/distillation-job`,
  modelService: `${group}/model-service`,
  /** UID of the TrainingJob, DistillationJob or ModelService: names come again, UIDs never. */
  root: `${group}/root`,
  /** Number of the attempt, from 1. */
  attempt: `${group}/attempt`,
  /** Hash of what a ModelService serves. */
  revision: `${group}/revision`,
  /** Set by the Job controller on each pod of an Indexed Job. */
  completionIndex: 'batch.kubernetes.io/job-completion-index',
  /** Kueue's LocalQueue. */
  queueName: 'kueue.x-k8s.io/queue-name',
  /** Of a worker, for the coscheduling plugin. */
  podGroup: 'scheduling.x-k8s.io/pod-group',
  /** Set by the EndpointSlice controller. */
  serviceName: 'kubernetes.io/service-name',
} as const;

export const annotations = {
  /** GPU profile that was chosen for a Job or Deployment. */
  profile: `${group}/profile`,
  /** Of a worker: what its trainer is told, as JSON. */
  config: `${group}/config`,
  /** Of a worker, for Volcano. */
  volcanoGroup: 'scheduling.k8s.io/group-name',
  revision: `${group}/revision`,
  /** Hash of the pod template that was rendered for the revision. */
  template: `${group}/template`,
} as const;

export const managedBy = { [labels.managedBy]: fieldManager } as const;

const longestName = 63;
/** Leaves room for the index of a worker, which is part of its host name. */
const longestJobName = longestName - '-1023'.length;

/** `<parent>-<suffix>`, shortened by a hash of the whole where it exceeds a DNS label. */
export function childName(parent: string, suffix: string, longest = longestName): string {
  const name = `${parent}-${suffix}`;
  if (name.length <= longest) return name;
  const hash = shortHash(name);
  return `${parent.slice(0, longest - suffix.length - hash.length - 2)}-${hash}-${suffix}`;
}

/**
 * The name of an attempt's Job, another one for each UID. Under a name that is used again the Job controller makes no
 * pods for minutes, as it still expects those of the deleted Job, and a worker may find a dead rank 0 by its host name.
 */
export const attemptName = (root: string, uid: string, attempt: number): string =>
  childName(root, `${shortHash(uid).slice(0, 5)}-a${String(attempt)}`, longestJobName);
/** A TrainingJob and a DistillationJob may have one name, and each needs a Service. `kind`: of the root. */
export const workersServiceName = (kind: string, root: string): string =>
  childName(root, `${kind.replace(/Job$/, '').toLowerCase()}-workers`);
export const replicasServiceName = (service: string): string => childName(service, 'replicas');

/** First ten hex digits of the SHA-256 of a value's canonical JSON: keys sorted, so that equal values hash equally. */
export const shortHash = (value: unknown): string =>
  createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 10);

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
