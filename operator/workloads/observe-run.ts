/** What both kinds of job observe and watch. */
import { attemptName, labels } from '../api/names.ts';
import { batchJobs, nodes, pods, services } from '../api/resources.ts';
import type { BatchJob, Pod } from '../api/kubernetes.ts';
import { workerContainer } from '../api/worker.ts';
import { controllerOf, type KubeObject, type Resource } from '../kernel/objects.ts';
import { watchOwned, type Cache, type Index, type Watch } from '../kernel/reconcile.ts';
import { numberOf } from './attempts.ts';
import type { RunFeeds, RunObserved, RunRoot } from './run.ts';
import type { Settings } from './settings.ts';
import { watchNodes, withoutNode } from './without-node.ts';

export type JobLabel = typeof labels.trainingJob | typeof labels.distillationJob;

/**
 * Whether a pod is a worker of the run that its labels name; who only has the labels does not keep a run waiting. A pod
 * that has lost its Job, by a deletion that spares what the Job has made, still has the Job's name in its own, and works on.
 */
export function isWorker(pod: KubeObject, label: string): boolean {
  const { [label]: name, [labels.root]: uid = '', [labels.attempt]: attempt } = pod.metadata.labels ?? {};
  if (name === undefined) return false;
  const [owner, job] = [controllerOf(pod), attemptName(name, uid, Number(attempt))];
  return owner === undefined ? pod.metadata.name.startsWith(`${job}-`) : owner.kind === 'Job' && owner.name === job;
}

/**
 * Files the pods of runs under namespace, name and UID of the root. What a deleted predecessor of the same name has left
 * is not ours to wait for: Job, host names, the Service's selector and the folder in the store are of the UID.
 */
export const podsByRoot = (label: JobLabel): Index<Pod> => ({
  resource: pods,
  name: label,
  valuesOf: (pod) => {
    const { namespace = '', labels: { [label]: name = '', [labels.root]: uid = '' } = {} } = pod.metadata;
    return isWorker(pod, label) ? [fileOf(namespace, name, uid)] : [];
  },
});

const fileOf = (namespace: string, name: string, uid: string): string => `${namespace}/${name}/${uid}`;

/** Children by owner; pods, which their Job owns, by label; nodes where one is waited for. */
export const runWatches = (label: JobLabel, root: Resource<RunRoot>): readonly Watch[] => [
  watchOwned(batchJobs, root),
  watchOwned(services, root),
  {
    resource: pods,
    keysOf: ({ metadata }) => {
      const name = metadata.labels?.[label];
      return name === undefined ? [] : [{ namespace: metadata.namespace ?? '', name }];
    },
  },
  watchNodes(root),
];

/** What `runWatches` and `observeRun` look up. */
export const runIndexes = <T extends RunRoot>(label: JobLabel, root: Resource<T>): readonly Index[] => [
  podsByRoot(label),
  withoutNode(root),
];

/** What is the same for every run of a kind. */
export interface RunContext {
  readonly label: JobLabel;
  readonly settings: Settings;
  readonly feeds: RunFeeds;
}

/** The run as the caches show it. */
export function observeRun(cache: Cache, root: RunRoot, { label, settings, feeds }: RunContext): RunObserved {
  const { namespace = '', name, uid = '' } = root.metadata;
  const news = feeds.news(uid);
  return {
    ...{ root, label, settings: feeds.gangs() ? settings : withoutGang(settings) },
    // An operator that has just begun has heard nobody yet: what was heard last still holds.
    progress: news?.progress ?? root.status?.progress,
    ...{ news, stall: feeds.stall(uid), kueue: feeds.kueue() },
    jobs: cache.ownedBy(batchJobs, root).filter((job) => isAttempt(job, root)),
    pods: cache.byIndex(pods, label, fileOf(namespace, name, uid)),
    podsSilentMs: cache.silentMs(pods),
    nodes: cache.list(nodes),
  };
}

/** Whoever may make Jobs may name our object as their owner, and number them as he likes: what we make has our name, too. */
export const isAttempt = (job: BatchJob, { metadata: { name, uid = '' } }: RunRoot): boolean =>
  Number.isSafeInteger(numberOf(job)) && job.metadata.name === attemptName(name, uid, numberOf(job));

/** Where the gang scheduler was taken away, workers are placed as in a cluster that never had one. */
function withoutGang(settings: Settings): Settings {
  const others = { ...settings };
  Reflect.deleteProperty(others, 'gang');
  return others;
}

/** The image that the newest worker runs: an operator that was upgraded meanwhile would start another one. */
export const imageOf = ({ pods: workers, settings }: RunObserved): string =>
  workers
    .toSorted((one, other) => attemptOf(one) - attemptOf(other))
    .at(-1)
    ?.spec?.containers?.find(({ name }) => name === workerContainer)?.image ?? settings.images.trainer;

const attemptOf = ({ metadata }: Pod): number => Number(metadata.labels?.[labels.attempt] ?? '0');
