/**
 * A cluster whose nodes we may not see: one assumed node for every GPU profile, so that the first profile a workload names is
 * chosen. A pod for which no node has room stays Pending, which the scheduler says. Everything else goes to the real cluster.
 */
import { sleep, type Clock } from '../process/clock.ts';
import type { Node } from './api/kubernetes.ts';
import { nodes } from './api/resources.ts';
import type { Cluster, Page, WatchEvent } from './kernel/cluster.ts';
import { resourceText, type KubeObject, type Resource } from './kernel/objects.ts';
import type { GpuProfile, Settings } from './workloads/settings.ts';

const bookmarkMs = 60_000;
const resourceVersion = '1';

/** `cluster`, with nodes made up from the profiles; the API server is never asked for one. */
export function withAssumedNodes(cluster: Cluster, profiles: Settings['gpuProfiles'], clock: Clock): Cluster {
  const assumed = Object.entries(profiles).map(([name, profile]) => nodeOf(name, profile));
  const within = cluster.within?.bind(cluster);
  const watchList = cluster.watchList?.bind(cluster);
  return {
    ...(within === undefined ? {} : { within: (budgetMs) => withAssumedNodes(within(budgetMs), profiles, clock) }),
    ...(watchList === undefined
      ? {}
      : {
          watchList: <T extends KubeObject>(...call: Parameters<typeof watchList>) =>
            isNodes(call[0])
              ? streamed<T>(assumed as unknown as readonly T[], bookmarks(clock, call[1].timeoutSeconds, call[2]))
              : (watchList(...call) as AsyncIterable<WatchEvent<T>>),
        }),
    // The adapter: a resource of nodes holds nodes.
    list: async <T extends KubeObject>(...call: Parameters<typeof cluster.list<T>>) =>
      isNodes(call[0])
        ? ({ items: assumed, resourceVersion, continueToken: undefined } as unknown as Page<T>)
        : cluster.list(...call),
    watch: <T extends KubeObject>(...call: Parameters<typeof cluster.watch<T>>) =>
      isNodes(call[0]) ? bookmarks(clock, call[1].timeoutSeconds, call[2]) : cluster.watch(...call),
    get: (resource, key, signal) => cluster.get(resource, key, signal),
    apply: (resource, object, signal) => cluster.apply(resource, object, signal),
    applyStatus: (resource, object, signal) => cluster.applyStatus(resource, object, signal),
    remove: (ref, signal) => cluster.remove(ref, signal),
    create: (resource, object, signal) => cluster.create(resource, object, signal),
    update: (resource, object, signal) => cluster.update(resource, object, signal),
  };
}

const isNodes = (resource: Resource): boolean => resourceText(resource) === resourceText(nodes);

/** Nothing ever changes, and that is said now and then: a silent watch would look like a broken one. */
async function* bookmarks<T>(clock: Clock, timeoutSeconds: number, signal: AbortSignal): AsyncIterable<WatchEvent<T>> {
  for (let leftMs = timeoutSeconds * 1000; leftMs > 0 && !signal.aborted; leftMs -= bookmarkMs) {
    await sleep(clock, Math.min(leftMs, bookmarkMs), signal);
    yield { kind: 'bookmark', resourceVersion };
  }
}

async function* streamed<T>(items: readonly T[], after: AsyncIterable<WatchEvent<T>>): AsyncIterable<WatchEvent<T>> {
  for (const object of items) yield { kind: 'put', object, added: true };
  yield { kind: 'bookmark', resourceVersion, endsList: true };
  yield* after;
}

const nodeOf = (name: string, { resourceName, count = 1, nodeSelector = {} }: GpuProfile): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: `assumed-${name}`, uid: `assumed-${name}`, resourceVersion, labels: nodeSelector },
  status: {
    allocatable: resourceName === undefined ? {} : { [resourceName]: String(count) },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});
