/**
 * What the caches keep of each kind: what somebody reads, and for what is applied whatever a wish is compared with. The
 * rest would only fill memory, and most of it is for others to fill: annotations take 256 KiB an object, labels, finalizers
 * and owners as much as an object may have at all, and what a worker is told (240 KiB at most) is in each of its pods; a
 * node tells of every image that it has. Pure.
 */
import { controllerOf, type KubeObject, type ObjectMeta, type OwnerReference } from '../kernel/objects.ts';
import { rootVersionAnnotation } from '../kernel/root-version.ts';
import { hashAnnotation, hashOf } from '../kernel/sameness.ts';
import type { BatchJob, ContainerStatus, KubeCondition, Node, Pod } from './kubernetes.ts';
import { annotations, group, labels } from './names.ts';
import { devicesOf, workerContainer } from './worker.ts';

/** All but `config`, which no code reads back. */
const notes: readonly string[] = [
  ...[hashAnnotation, rootVersionAnnotation, annotations.profile, annotations.revision, annotations.template],
];
/** All that we write and read, and the one by which a replica is told from others. */
const ourLabels: readonly string[] = [...Object.values(labels), 'pod-template-hash'];

const metaNames = [
  ...(['name', 'namespace', 'uid', 'resourceVersion', 'generation'] as const),
  ...(['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const),
] satisfies readonly (keyof ObjectMeta)[];

/** A text that anybody may write: what is longer is none of ours, nor the name of anything. A piece would hold the whole. */
const brief = (text: string): string => (text.length > 253 ? '' : text);
/** They are named to whoever waits for an object to go. */
const mostFinalizers = 8;

/** The members of these names that are there. */
function only<T extends object, K extends keyof T>(value: T, ...names: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    names.filter((name) => value[name] !== undefined).map((name) => [name, value[name]]),
  ) as Pick<T, K>;
}

type Texts = Readonly<Record<string, string>>;

const among = (texts: Texts, names: readonly string[]): Texts =>
  Object.fromEntries(
    Object.entries(texts)
      .filter(([name]) => names.includes(name))
      .map(([name, text]) => [name, brief(text)]),
  );

/** The one that controls, whom alone somebody reads. */
const controllersIn = (owners: readonly OwnerReference[]): readonly OwnerReference[] =>
  owners
    .filter(({ controller }) => controller === true)
    .map(({ apiVersion, kind, name, uid, ...flags }) => ({
      ...flags,
      ...{ apiVersion: brief(apiVersion), kind: brief(kind), name: brief(name), uid: brief(uid) },
    }));

const identityOf = ({ metadata }: KubeObject): ObjectMeta => ({
  ...only(metadata, ...metaNames),
  ...(metadata.labels && { labels: among(metadata.labels, ourLabels) }),
  ...(metadata.ownerReferences && { ownerReferences: controllersIn(metadata.ownerReferences) }),
});

const metaOf = (object: KubeObject): ObjectMeta => {
  const { finalizers } = object.metadata;
  return { ...identityOf(object), ...(finalizers && { finalizers: finalizers.slice(0, mostFinalizers) }) };
};

const bare = (object: KubeObject): KubeObject => ({ ...only(object, 'apiVersion', 'kind'), metadata: metaOf(object) });

/**
 * Everything; of the annotations and labels, of which nobody reads any, whether they have changed: who touches an object
 * calls for a look.
 */
export function withoutNotes(object: KubeObject): KubeObject {
  const { annotations: all, labels: named } = object.metadata;
  const metadata = metaOf(object);
  const isPlain = all === undefined && named === undefined;
  return { ...object, metadata: isPlain ? metadata : { ...metadata, annotations: { digest: hashOf([all, named]) } } };
}

/** Of the annotations, ours. */
export function withOurNotes(object: KubeObject): KubeObject {
  const { annotations: all } = object.metadata;
  const metadata = metaOf(object);
  return { ...object, metadata: all === undefined ? metadata : { ...metadata, annotations: among(all, notes) } };
}

/** Of what one of our kinds controls, what a wish is compared with; of anything else that it is there, and whose it is. */
export function keptChild(object: KubeObject): KubeObject {
  const kept = withOurNotes(object);
  const isOfOurs = controllerOf(kept)?.apiVersion.split('/', 1)[0] === group;
  return isOfOurs ? kept : { ...bare(object), metadata: kept.metadata };
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
    metadata: { labels: {}, ...identityOf(pod) },
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

/**
 * Of its conditions whether it is ready: what else is wrong with it, which may be told anew each minute, are its taints. Its
 * labels are those that profiles ask for, and no tenant's to write.
 */
export function keptNode(node: Node): Node {
  const { spec, status } = node;
  const { labels: all } = node.metadata;
  const conditions = status?.conditions?.filter(({ type }) => type === 'Ready');
  return {
    ...bare(node),
    metadata: { ...metaOf(node), ...(all && { labels: all }) },
    ...(spec && { spec: only(spec, 'unschedulable', 'taints') }),
    ...(status && { status: { ...only(status, 'allocatable'), ...(conditions && keptConditions({ conditions })) } }),
  };
}

/** Without the times at which they were looked at last. */
const keptConditions = ({ conditions }: { readonly conditions?: readonly KubeCondition[] }) =>
  conditions === undefined
    ? {}
    : { conditions: conditions.map((one) => only(one, 'type', 'status', 'reason', 'message', 'lastTransitionTime')) };
