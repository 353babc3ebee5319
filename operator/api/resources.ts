/** Every kind that the operator and the gateway read or write, and with which verbs: the chart's RBAC is compared with this table. */
import type { Condition, KubeObject, Resource } from '../kernel/objects.ts';
import type {
  DistillationJobSpec,
  DistillationJobStatus,
  ModelServiceSpec,
  ModelServiceStatus,
  TrainingJobSpec,
  TrainingJobStatus,
} from './generated.ts';
import { keptChild, keptJob, keptNode, keptPod, withOurNotes, withoutNotes } from './kept.ts';
import type { BatchJob, Deployment, EndpointSlice, Node, Pod, Service } from './kubernetes.ts';
import { apiVersion, labels } from './names.ts';

export interface TrainingJob extends KubeObject {
  readonly kind: 'TrainingJob';
  readonly spec: TrainingJobSpec;
  readonly status?: TrainingJobStatus;
}

export interface DistillationJob extends KubeObject {
  readonly kind: 'DistillationJob';
  readonly spec: DistillationJobSpec;
  readonly status?: DistillationJobStatus;
}

export interface ModelService extends KubeObject {
  readonly kind: 'ModelService';
  readonly spec: ModelServiceSpec;
  readonly status?: ModelServiceStatus;
}

/** A status as a plan states it: conditions are always there. */
export type Stated<Status extends { readonly conditions?: unknown }> = Omit<Status, 'conditions'> & {
  readonly conditions: readonly Condition[];
};

const ours = <T extends KubeObject>(kind: string, plural: string): Resource<T> => ({
  apiVersion,
  kind,
  plural,
  namespaced: true,
  kept: withoutNotes,
});

const theirs = <T extends KubeObject>(version: string, kind: string, plural: string): Resource<T> => ({
  apiVersion: version,
  kind,
  plural,
  namespaced: true,
});

/**
 * Only what bears our label: a cluster has many more of these than we have business with. It is the one that nobody else
 * sets: others do set `app.kubernetes.io/managed-by`. What a stranger holds under a name of ours is asked for by that name.
 * Anybody may set this one too, so of each only what is read is kept.
 */
const made = <T extends KubeObject>(
  version: string,
  kind: string,
  plural: string,
  kept: NonNullable<Resource['kept']> = keptChild,
): Resource<T> => ({
  ...theirs<T>(version, kind, plural),
  selection: { labelSelector: labels.root },
  kept,
});

const optional = (resource: Resource): Resource => ({ ...resource, optional: true });

export const trainingJobs = ours<TrainingJob>('TrainingJob', 'trainingjobs');
export const distillationJobs = ours<DistillationJob>('DistillationJob', 'distillationjobs');
export const modelServices = ours<ModelService>('ModelService', 'modelservices');

export const pods = made<Pod>('v1', 'Pod', 'pods', keptPod);
export const services = made<Service>('v1', 'Service', 'services');
export const batchJobs = made<BatchJob>('batch/v1', 'Job', 'jobs', keptJob);
export const deployments = made<Deployment>('apps/v1', 'Deployment', 'deployments');
/** Of our Services: the controller that makes them copies the labels of the Service. */
export const endpointSlices = made<EndpointSlice>(
  ...(['discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices'] as const),
  withOurNotes,
);
/** Of one Service, which the chart made and which bears its labels. */
export const endpointSlicesOf = (service: string): Resource<EndpointSlice> => ({
  ...endpointSlices,
  selection: { labelSelector: `${labels.serviceName}=${service}` },
});
/** Pods that a scheduler places all together or not at all; which of the two a cluster serves, if any, is looked up. */
export const coschedulingGroups = optional(made('scheduling.x-k8s.io/v1alpha1', 'PodGroup', 'podgroups'));
export const volcanoGroups = optional(made('scheduling.volcano.sh/v1beta1', 'PodGroup', 'podgroups'));
export const nodes: Resource<Node> = {
  ...{ apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false },
  kept: keptNode,
};

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';

/** One rule of a Role or ClusterRole. `scope`: where it is needed. */
export interface Access {
  readonly apiGroup: string;
  readonly resource: string;
  readonly verbs: readonly Verb[];
  readonly scope: 'cluster' | 'own namespace';
}

/** What a cache needs. */
const read: readonly Verb[] = ['list', 'watch'];
/** A root is asked for by name where a child of it has vanished. */
const root: readonly Verb[] = ['get', ...read];
/** Made once; looked at where the name is taken. */
const make: readonly Verb[] = ['get', ...read, 'create'];
/** Server-side apply of something absent needs create besides patch. */
const own: readonly Verb[] = [...make, 'patch'];
const rule = (
  apiGroup: string,
  resource: string,
  verbs: readonly Verb[],
  scope: Access['scope'] = 'cluster',
): Access => ({ apiGroup, resource, verbs, scope });

/** What the operator needs, and nothing more. */
export const operatorAccess: readonly Access[] = [
  rule('limbeck.dev', 'trainingjobs', [...root, 'delete']),
  rule('limbeck.dev', 'trainingjobs/status', ['patch']),
  rule('limbeck.dev', 'distillationjobs', [...root, 'delete']),
  rule('limbeck.dev', 'distillationjobs/status', ['patch']),
  rule('limbeck.dev', 'modelservices', root),
  rule('limbeck.dev', 'modelservices/status', ['patch']),
  // Owner references that block deletion need this where OwnerReferencesPermissionEnforcement is on.
  rule('limbeck.dev', 'trainingjobs/finalizers', ['update']),
  rule('limbeck.dev', 'distillationjobs/finalizers', ['update']),
  rule('limbeck.dev', 'modelservices/finalizers', ['update']),
  rule('', 'pods', read),
  rule('', 'nodes', read),
  rule('', 'services', own),
  rule('batch', 'jobs', [...make, 'delete']),
  rule('scheduling.x-k8s.io', 'podgroups', [...make, 'delete']),
  rule('scheduling.volcano.sh', 'podgroups', [...make, 'delete']),
  rule('apps', 'deployments', own),
  rule('discovery.k8s.io', 'endpointslices', read),
  rule('', 'events', ['create']),
  rule('coordination.k8s.io', 'leases', ['get', 'create', 'update'], 'own namespace'),
];

/** The gateway reads where requests may go; it writes nothing. */
export const gatewayAccess: readonly Access[] = [
  rule('limbeck.dev', 'modelservices', read),
  rule('discovery.k8s.io', 'endpointslices', read),
];
