/** ModelService: a model that answers requests, with as many replicas as the autoscaler, or a person, says. */
import type { ModelServiceStatus } from '../api/generated.ts';
import type { Deployment, Node, Pod } from '../api/kubernetes.ts';
import { labels } from '../api/names.ts';
import {
  deployments,
  distillationJobs,
  modelServices,
  nodes,
  pods,
  services,
  trainingJobs,
  type ModelService,
  type Stated,
} from '../api/resources.ts';
import { conditionTypes } from '../api/vocabulary.ts';
import { controllerOf, isOwnedBy, keyOf, keyText, type Key, type KubeObject } from '../kernel/objects.ts';
import {
  watchOwned,
  type Cache,
  type Index,
  type Next,
  type Plan,
  type Reconciler,
  type Watch,
} from '../kernel/reconcile.ts';
import type { Proviso } from '../kernel/proviso.ts';
import { profileOf } from '../workloads/pod-parts.ts';
import type { Settings } from '../workloads/settings.ts';
import { watchNodes, withoutNode } from '../workloads/without-node.ts';
import {
  desiredChildren,
  isOfAnotherStore,
  observedTarget,
  renderedTarget,
  revisionOf,
  urlOf,
  type Target,
} from './desired.ts';
import { rememberedFailure } from './remembered.ts';
import { notesOf, statusOf, type Situation } from './status.ts';
import { isPresent, isReady, isUnschedulable, troubleOf, troubleOfMaking, type LoadFailure } from './trouble.ts';
import {
  bytesOf,
  findModel,
  findProfile,
  referenceOf,
  referenceText,
  type Artefact,
  type ModelJob,
  type Obstacle,
} from './validate.ts';

/** News from outside the cluster's objects; both poke the key when they change. */
export interface ServingFeeds {
  /** By the UID of the service. */
  readonly recommendation: (uid: string) => { readonly replicas: number; readonly reason: string } | undefined;
  /** `unheard`: nobody has asked this pod yet. */
  readonly loadFailure: (pod: Pod) => LoadFailure | 'unheard' | undefined;
}

export interface Observed {
  readonly service: ModelService;
  /** The job that the model comes from. */
  readonly job: ModelJob | undefined;
  readonly deployment: Deployment | undefined;
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  readonly recommendation: { readonly replicas: number; readonly reason: string } | undefined;
  readonly loadFailures: ReadonlyMap<string, LoadFailure>;
}

const podIndex = 'replicas-of-service';
const jobIndex = 'services-of-job';

/** Replicas under the key of their service. The name of a ReplicaSet is its Deployment's and the hash of its template. */
const podsOfService: Index<Pod> = {
  resource: pods,
  name: podIndex,
  valuesOf: (pod) => {
    const { [labels.modelService]: name, 'pod-template-hash': hash = '' } = pod.metadata.labels ?? {};
    const owner = controllerOf(pod);
    const isReplica = owner?.kind === 'ReplicaSet' && owner.name === `${name ?? ''}-${hash}`;
    return name !== undefined && isReplica ? [`${keyOf(pod).namespace}/${name}`] : [];
  },
};

const servicesOfJob: Index<ModelService> = {
  resource: modelServices,
  name: jobIndex,
  valuesOf: ({ spec, metadata }) => {
    const reference = referenceOf(spec);
    return reference.kind === 'artefact' ? [] : [`${reference.kind}/${metadata.namespace ?? ''}/${reference.name}`];
  },
};

const keysOfJob = (job: KubeObject, cache: Cache): readonly Key[] =>
  cache.byIndex(modelServices, jobIndex, `${job.kind.toLowerCase()}/${keyText(keyOf(job))}`).map(keyOf);

const keysOfPod = (pod: Pod): readonly Key[] => {
  const name = pod.metadata.labels?.[labels.modelService];
  return name === undefined ? [] : [{ namespace: keyOf(pod).namespace, name }];
};

const podWatch: Watch<Pod> = { resource: pods, keysOf: keysOfPod };

/** The reconciler of ModelServices over the settings of an installation. */
export const servingReconciler = (
  settings: Settings,
  feeds: ServingFeeds,
): Reconciler<ModelService, Observed, Stated<ModelServiceStatus>> => ({
  name: 'modelservice',
  resource: modelServices,
  watches: [
    watchOwned(deployments, modelServices),
    watchOwned(services, modelServices),
    podWatch,
    { resource: trainingJobs, keysOf: keysOfJob },
    { resource: distillationJobs, keysOf: keysOfJob },
    watchNodes(modelServices),
  ],
  indexes: [podsOfService, servicesOfJob, withoutNode(modelServices)],
  conditionTypes: Object.keys(conditionTypes),
  observe: (cache, key) => observe(cache, key, feeds),
  plan: (seen, now) => plan(seen, settings, now),
});

function observe(cache: Cache, key: Key, feeds: ServingFeeds): Observed | undefined {
  const service = cache.get(modelServices, key);
  // A service that is being deleted makes nothing new; its children are collected after it.
  if (service === undefined || service.metadata.deletionTimestamp !== undefined) return undefined;
  const deployment = cache.get(deployments, key);
  const mine = (pod: Pod): boolean => isPresent(pod) && isOf(service, pod);
  const replicas = cache.byIndex(pods, podIndex, keyText(key)).filter(mine);
  const failures = replicas.flatMap((pod) => {
    const said = feeds.loadFailure(pod);
    const failure = said === 'unheard' ? rememberedFailure(service, pod) : said;
    return failure === undefined ? [] : [[pod.metadata.name, failure] as const];
  });
  return {
    service,
    job: jobOf(service, cache),
    deployment: deployment !== undefined && isOwnedBy(deployment, service) ? deployment : undefined,
    pods: replicas,
    nodes: cache.list(nodes),
    recommendation: feeds.recommendation(service.metadata.uid ?? ''),
    loadFailures: new Map(failures),
  };
}

/** The replicas of a deleted predecessor of the same name stay for a while, and prove nothing about this one. */
const isOf = ({ metadata }: ModelService, pod: Pod): boolean => pod.metadata.labels?.[labels.root] === metadata.uid;

function jobOf({ spec, metadata }: ModelService, cache: Cache): ModelJob | undefined {
  const reference = referenceOf(spec);
  if (reference.kind === 'artefact') return undefined;
  const key = { namespace: metadata.namespace ?? '', name: reference.name };
  return reference.kind === 'trainingjob' ? cache.get(trainingJobs, key) : cache.get(distillationJobs, key);
}

/** What to run: the spec's revision, or, while something is in its way, whatever ran before. */
interface Course {
  readonly target: Target | undefined;
  readonly artefact: Artefact | undefined;
  readonly obstacle: Obstacle | undefined;
}

function courseOf(seen: Observed, settings: Settings): Course {
  const running = seen.deployment && observedTarget(seen.deployment);
  const found = findModel(seen.service, seen.job);
  if (!found.ok) return { target: running, artefact: undefined, obstacle: found.obstacle };
  const { artefact } = found;
  const { service } = seen;
  const isSame = running?.revision === revisionOf(service, artefact);
  const kept = isSame ? keptTarget(running, service, artefact, settings) : undefined;
  if (kept !== undefined) return { target: kept, artefact, obstacle: undefined };
  const choice = findProfile(service, settings, seen.nodes, bytesOf(artefact, seen.job));
  if (!choice.ok) return { target: running, artefact, obstacle: choice.obstacle };
  const rendering = { service, artefact, profileName: choice.name, profile: choice.profile, settings };
  return { target: renderedTarget(rendering), artefact, obstacle: undefined };
}

/**
 * The same revision keeps its template. As long as we would render it the same, we state our own, which mends what
 * somebody else did to it; once we would not, what was observed stays to the letter. It is ours again where the store has
 * another Secret since: the former is gone, and no pod that needs it would start. Undefined where its profile is gone, too.
 */
function keptTarget(
  running: Target,
  service: ModelService,
  artefact: Artefact,
  settings: Settings,
): Target | undefined {
  const profile = profileOf(running.profile, settings);
  const rendered = profile && renderedTarget({ service, artefact, profileName: running.profile, profile, settings });
  const isOurs = rendered?.templateHash === running.templateHash || isOfAnotherStore(running.template, settings);
  return isOurs ? rendered : running;
}

interface Numbers {
  readonly recommended: number | undefined;
  readonly observed: number | undefined;
  readonly verified: boolean;
}

/**
 * The one author of `replicas`: a person's pin, else the recommendation, else what is there. A revision that never
 * answered gets one replica whatever anybody recommends, so that it can.
 */
export function replicasOf({ spec }: ModelService, { recommended, observed, verified }: Numbers): number {
  if (spec.replicas !== undefined) return spec.replicas;
  const { minReplicas, maxReplicas } = spec.scaling;
  const floor = verified ? minReplicas : Math.max(1, minReplicas);
  return Math.min(maxReplicas, Math.max(floor, recommended ?? observed ?? floor));
}

const whyOf = ({ spec }: ModelService, recommendation: Observed['recommendation']): string | undefined =>
  spec.replicas === undefined ? recommendation?.reason : 'pinned by spec.replicas';

function situationOf(seen: Observed, settings: Settings): Situation {
  const { service, deployment, recommendation } = seen;
  const course = courseOf(seen, settings);
  const isCurrent = (pod: Pod): boolean => pod.metadata.labels?.[labels.revision] === course.target?.revision;
  const current = course.target === undefined ? [] : seen.pods.filter(isCurrent);
  const known = service.status?.verifiedRevision;
  const verified = course.target !== undefined && (known === course.target.revision || current.some(isReady));
  const observed = deployment?.spec?.replicas;
  const numbers = { recommended: recommendation?.replicas, observed, verified };
  const replicas = course.target === undefined ? 0 : replicasOf(service, numbers);
  const notMade = current.length < replicas ? troubleOfMaking(deployment) : undefined;
  return {
    ...course,
    ...{ service, current, verified, replicas, isModelStored: isModelStored(service, course) },
    url: urlOf(service, settings),
    why: course.target === undefined ? '' : whyOf(service, recommendation),
    others: seen.pods.filter((pod) => !current.includes(pod)),
    trouble: troubleOf(current, (pod) => seen.loadFailures.get(pod.metadata.name)) ?? notMade,
  };
}

/** A pod that found no room may find some yet: a draining one leaves, a node comes. */
const patienceMs = 10_000;

/** When the wait for room is over; undefined where nothing waits for the room that a former revision takes. */
function givesWayAt({ current, others }: Situation): number | undefined {
  const waiting = others.length === 0 ? [] : current.filter(isUnschedulable);
  const since = waiting.map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ''));
  return since.length === 0 ? undefined : Math.min(...since) + patienceMs;
}

/** A service that was looked at before may have one that is not seen; made anew, it would lose its replicas. */
function noDeploymentOf({ service, deployment }: Observed): readonly Proviso[] {
  if (deployment !== undefined || service.status?.observedGeneration === undefined) return [];
  const { namespace, name } = keyOf(service);
  const selection = { namespace, fieldSelector: `metadata.name=${name}` };
  return [{ resource: deployments, selection, forbids: (found) => isOwnedBy(found, service) }];
}

/**
 * The model of a job is stored first, and deployed in the next pass: were it deployed in this one, and the operator to die
 * before the status is stored, a job that is deleted then would leave a service that no longer knows what it runs.
 */
function isModelStored({ spec, status }: ModelService, { obstacle, artefact }: Course): boolean {
  const reference = referenceOf(spec);
  if (reference.kind === 'artefact' || obstacle !== undefined || artefact === undefined) return true;
  return status?.model === referenceText(reference) && isSameArtefact(status.artefact, artefact);
}

const isSameArtefact = (one: Artefact | undefined, other: Artefact): boolean =>
  one?.uri === other.uri && one.sha256 === other.sha256;

function plan(seen: Observed, settings: Settings, now: Date): Plan<Stated<ModelServiceStatus>> {
  const situation = situationOf(seen, settings);
  const { service, target, replicas } = situation;
  const leftMs = (givesWayAt(situation) ?? Infinity) - now.getTime();
  const deploying = target && situation.isModelStored ? { target, replicas, noRoom: leftMs <= 0 } : undefined;
  return {
    provided: deploying === undefined ? [] : noDeploymentOf(seen),
    apply: deploying === undefined ? [] : desiredChildren(service, deploying, settings),
    remove: [],
    status: statusOf(situation, now),
    events: notesOf(situation, deploying && seen.deployment?.spec?.replicas),
    next: nextOf(situation, leftMs),
  };
}

function nextOf({ obstacle }: Situation, leftMs: number): Next {
  if (obstacle?.kind === 'refused') return { kind: 'blocked', reason: obstacle.reason };
  return leftMs > 0 && leftMs < Infinity ? { kind: 'recheck', afterMs: leftMs } : { kind: 'settled' };
}
