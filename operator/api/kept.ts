/**
 * What the caches keep of each kind: what somebody reads, and for what is applied whatever a wish is compared with. The
 * rest would only fill memory, and most of it is for others to fill: annotations take 256 KiB an object, and what a worker
 * is told (240 KiB at most) is in each of its pods; a node tells of every image that it has. Pure.
 */
import type { KubeObject, ObjectMeta } from '../kernel/objects.ts';
import { rootVersionAnnotation } from '../kernel/root-version.ts';
import { hashAnnotation, hashOf } from '../kernel/sameness.ts';
import type { BatchJob, ContainerStatus, KubeCondition, Node, Pod } from './kubernetes.ts';
import { annotations, labels } from './names.ts';
import { devicesOf, workerContainer } from './worker.ts';

/** All but `config`, which no code reads back. */
const notes: readonly string[] = [
  ...[hashAnnotation, rootVersionAnnotation, annotations.profile, annotations.revision, annotations.template],
];
/** Of a pod, that nobody compares with a wish. */
const podLabels: readonly string[] = [...Object.values(labels), 'pod-template-hash'];

const metaNames = [
  ...(['name', 'namespace', 'uid', 'resourceVersion', 'generation'] as const),
  ...(['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'ownerReferences'] as const),
] satisfies readonly (keyof ObjectMeta)[];

/** The members of these names that are there. */
function only<T extends object, K extends keyof T>(value: T, ...names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    names.filter((name) => value[name] !== undefined).map((name) => [name, value[name]]),
  ) as Pick<T, K>;
}

type Texts = Readonly<Record<string, string>>;

const among = (texts: Texts, names: readonly string[]): Texts =>
  Object.fromEntries(Object.entries(texts).filter(([name]) => names.includes(name)));

const metaOf = ({ metadata }: KubeObject): ObjectMeta => only(metadata, ...metaNames, 'labels', 'finalizers');

const bare = (object: KubeObject): KubeObject => ({ ...only(object, 'apiVersion', 'kind'), metadata: metaOf(object) });

/** Everything; of the annotations, of which nobody reads any, whether they have changed: who touches an object calls for a look. */
export function withoutNotes(object: KubeObject): KubeObject {
  const { annotations: all } = object.metadata;
  const metadata = metaOf(object);
  return { ...object, metadata: all === undefined ? metadata : { ...metadata, annotations: { digest: hashOf(all) } } };
}

/** Of the annotations, ours. */
export function withOurNotes(object: KubeObject): KubeObject {
  const { annotations: all } = object.metadata;
  const metadata = metaOf(object);
  return { ...object, metadata: all === undefined ? metadata : { ...metadata, annotations: among(all, notes) } };
}

/** A Job is made once and never compared. */
export function keptJob(job: BatchJob): BatchJob {
  const { spec, status } = job;
  const subdomain = spec?.template?.spec?.subdomain;
  const template = subdomain === undefined ? {} : { template: { spec: { subdomain } } };
  const counts = ['active', 'ready', 'succeeded', 'failed', 'startTime', 'completionTime'] as const;
  return {
    ...bare(job),
    metadata: withOurNotes(job).metadata,
    ...(spec && { spec: { ...only(spec, 'completions', 'suspend'), ...template } }),
    ...(status && { status: { ...only(status, ...counts), ...keptConditions(status) } }),
  };
}

export function keptPod(pod: Pod): Pod {
  const { spec, status } = pod;
  const facts = ['phase', 'podIP', 'reason', 'message', 'startTime'] as const;
  return {
    ...bare(pod),
    metadata: { ...only(pod.metadata, ...metaNames), labels: among(pod.metadata.labels ?? {}, podLabels) },
    ...(spec && {
      spec: {
        ...only(spec, 'nodeName'),
        ...(spec.containers && { containers: keptContainers(pod, spec.containers) }),
      },
    }),
    ...(status && {
      status: {
        ...only(status, ...facts),
        ...keptConditions(status),
        ...(status.containerStatuses && { containerStatuses: status.containerStatuses.map(keptContainer) }),
        ...(status.initContainerStatuses && { initContainerStatuses: status.initContainerStatuses.map(keptContainer) }),
      },
    }),
  };
}

/** A worker's devices say what an exit code may mean. */
function keptContainers(pod: Pod, containers: Containers): Containers {
  const limits = devicesOf(pod);
  const resources = Object.keys(limits).length === 0 ? {} : { resources: { limits } };
  return containers.map((container) => ({
    ...only(container, 'name', 'image'),
    ...(container.name === workerContainer ? resources : {}),
  }));
}

type Containers = NonNullable<NonNullable<Pod['spec']>['containers']>;

const keptContainer = (container: ContainerStatus): ContainerStatus =>
  only(container, 'name', 'ready', 'restartCount', 'state', 'lastState');

/** Of its conditions whether it is ready: what else is wrong with it, which may be told anew each minute, are its taints. */
export function keptNode(node: Node): Node {
  const { spec, status } = node;
  const conditions = status?.conditions?.filter(({ type }) => type === 'Ready');
  return {
    ...bare(node),
    ...(spec && { spec: only(spec, 'unschedulable', 'taints') }),
    ...(status && { status: { ...only(status, 'allocatable'), ...(conditions && keptConditions({ conditions })) } }),
  };
}

/** Without the times at which they were looked at last. */
const keptConditions = ({ conditions }: { readonly conditions?: readonly KubeCondition[] }) =>
  conditions === undefined
    ? {}
    : { conditions: conditions.map((one) => only(one, 'type', 'status', 'reason', 'message', 'lastTransitionTime')) };
