/** Start order, readiness and stop order: warm caches → leadership → workers; on stop workers → lease → caches. */
import { sleep, type Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Hands } from './act.ts';
import { startCaches, type Caches, type CachesOptions } from './caches.ts';
import type { Cluster, WriteBudget } from './cluster.ts';
import { Controller } from './controller.ts';
import { fenced } from './fence.ts';
import { Leader, type LeaseCounts } from './leader.ts';
import { usualTimes, type LeaseTimes } from './lease.ts';
import { WriteMemory } from './memory.ts';
import { controllerMetrics, leaderMetrics, pulseMetrics, type ControllerCounts, type WriteResult } from './metrics.ts';
import { parseKey, type Key, type Resource } from './objects.ts';
import { blockedMs, runPulse } from './pulse.ts';
import type { AnyReconciler, Cache, Index } from './reconcile.ts';
import { Recorder } from './recorder.ts';
import { Workqueue } from './workqueue.ts';

export interface LeaderElection {
  /** Name of the Lease in ManagerOptions.namespace. */
  readonly leaseName: string;
  /** Defaults 15, 10 and 2; lease > renew > 1.2 · retry. */
  readonly leaseSeconds?: number;
  readonly renewDeadlineSeconds?: number;
  readonly retrySeconds?: number;
}

export interface ManagerOptions {
  readonly cluster: Cluster;
  /** Its own connections, so that a busy operator still renews. */
  readonly leaseCluster: Cluster;
  readonly reconcilers: readonly AnyReconciler[];
  /** Kinds to cache beyond the roots, watches and reads of the reconcilers. */
  readonly extraResources?: readonly Resource[];
  readonly indexes?: readonly Index[];
  readonly log: Log;
  readonly registry: Registry;
  /** Abort to stop gracefully: passes end before their next write, then the lease is released. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** What passes take for now, to be compared with the stamps of others; `clock` when absent. */
  readonly serverClock?: Clock;
  readonly random: () => number;
  /** Unique per process, for example `<pod>_<uuid>`. */
  readonly identity: string;
  /** Where the Lease lives. */
  readonly namespace: string;
  /** Only objects of this namespace are cached and reconciled; every namespace when absent. */
  readonly watchNamespace?: string;
  /** Undefined: no election, always the leader (one process on a laptop, tests). */
  readonly leaderElection: LeaderElection | undefined;
  /** Concurrent passes per reconciler, not counting those that last; default 8. */
  readonly workers?: number;
}

export interface Manager {
  readonly cache: Cache;
  /** False for an optional kind that the API server does not know any more. */
  serves(resource: Resource): boolean;
  /** Wakes a key from outside the cluster: a feed has news. Throws for a reconciler it does not know. */
  poke(reconcilerName: string, key: Key): void;
  /** Undefined when ready (caches synced, also as a standby); otherwise what is missing. */
  ready(): string | undefined;
  /** Undefined when alive; a sentence when a leader has not renewed for longer than its lease. */
  alive(): string | undefined;
  isLeader(): boolean;
  /** Resolves once, when this process begins to lead; a process leads at most once. */
  readonly leading: Promise<void>;
  /** Resolves after a graceful stop. Rejects when the lease was lost or caches did not sync: exit non-zero at once. */
  readonly done: Promise<void>;
}

/** Starts everything and returns at once; `ready`, `leading` and `done` tell how far it is. */
export function startManager(options: ManagerOptions): Manager {
  const informing = new AbortController();
  const counts = leaderMetrics(options.registry, {
    mayWrite: () => mayWrite(),
    renewalAgeMs: () => leader?.renewalAgeMs,
  });
  const leader = options.leaderElection === undefined ? undefined : leaderFor(options, options.leaderElection, counts);
  const budgetMs: WriteBudget = leader === undefined ? () => Infinity : () => leader.writeBudgetMs();
  const mayWrite = (): boolean => budgetMs() > 0;
  const caches = startCaches(cachesOptions(options, informing.signal));
  // The one who waits is to lead soon, and a pass may be cut between any two writes.
  const passBudgetMs: WriteBudget = () => (options.signal.aborted ? 0 : budgetMs());
  const controllers = controllersFor(options, caches, passBudgetMs);
  for (const controller of controllers) caches.onChange((change) => controller.hear(change));
  const beat = pulseMetrics(options.registry, blockedMs);
  void runPulse({ clock: options.clock, log: options.log, beat }, informing.signal);
  const leading = Promise.withResolvers<undefined>();
  const story: Story = { options, caches, leader, controllers, announce: () => leading.resolve(undefined) };
  return {
    cache: caches.cache,
    serves: (resource) => caches.serves(resource),
    poke: (name, key) => controllerNamed(controllers, name).poke(key),
    ready: () => caches.notSynced(),
    alive: () => leader?.notAlive(),
    isLeader: mayWrite,
    leading: leading.promise,
    done: live(story).finally(() => informing.abort()),
  };
}

interface Story {
  readonly options: ManagerOptions;
  readonly caches: Caches;
  readonly leader: Leader | undefined;
  readonly controllers: readonly Controller[];
  readonly announce: () => void;
}

const syncLimitMs = 120_000;
const releaseLimitMs = 5000;

/** Warm caches → leadership → workers; on the signal workers → lease. Rejects when sync or leadership fails. */
async function live(story: Story): Promise<void> {
  const { options, leader } = story;
  await synced(story);
  if (options.signal.aborted) return;
  if (leader === undefined) return work(story, options.signal);
  if (!(await leader.acquire(options.signal))) return;
  const holding = new AbortController();
  const held = leader.hold(holding.signal);
  try {
    // Whichever ends first: the work, by the signal, or the lease, by losing it.
    await Promise.race([work(story, options.signal), held.then(() => new Promise<never>(() => undefined))]);
  } finally {
    holding.abort();
    await held.catch(() => undefined);
    await leader.release(AbortSignal.timeout(releaseLimitMs));
  }
}

async function work({ controllers, announce, options }: Story, signal: AbortSignal): Promise<void> {
  announce();
  await Promise.all(controllers.map((controller) => controller.run(signal)));
  options.log.info('workers stopped');
}

async function synced({ caches, options }: Story): Promise<void> {
  const { clock, signal, log } = options;
  const waiting = new AbortController();
  const stop = AbortSignal.any([signal, waiting.signal]);
  const limit = sleep(clock, syncLimitMs, stop).then(() => 'late' as const);
  const first = await Promise.race([caches.whenSynced.then(() => 'synced' as const), limit]);
  waiting.abort();
  if (first === 'late' && !signal.aborted) throw new Error(`caches are late: ${caches.notSynced() ?? ''}`);
  if (first === 'synced') log.info('caches synced');
}

function leaderFor(options: ManagerOptions, election: LeaderElection, counts: LeaseCounts): Leader {
  const { leaseCluster, identity, namespace, clock, random, log } = options;
  const times: LeaseTimes = {
    leaseSeconds: election.leaseSeconds ?? usualTimes.leaseSeconds,
    renewDeadlineSeconds: election.renewDeadlineSeconds ?? usualTimes.renewDeadlineSeconds,
    retrySeconds: election.retrySeconds ?? usualTimes.retrySeconds,
  };
  const key = { namespace, name: election.leaseName };
  return new Leader({ cluster: leaseCluster, key, identity, times, clock, random, log, counts });
}

/** Every kind and index that a reconciler names, and the extra ones. */
function cachesOptions(options: ManagerOptions, signal: AbortSignal): CachesOptions {
  const { cluster, reconcilers, log, registry, clock, random, watchNamespace } = options;
  const named = reconcilers.flatMap(({ resource, watches }) => [resource, ...watches.map((watch) => watch.resource)]);
  const indexes = [...(options.indexes ?? []), ...reconcilers.flatMap((reconciler) => reconciler.indexes ?? [])];
  const resources = [...named, ...(options.extraResources ?? [])];
  const scope = watchNamespace === undefined ? {} : { namespace: watchNamespace };
  return { cluster, resources, indexes, log, registry, signal, clock, random, ...scope };
}

function controllersFor(options: ManagerOptions, caches: Caches, budgetMs: WriteBudget): readonly Controller[] {
  const cluster = fenced(options.cluster, budgetMs, options.signal);
  const controllers: Controller[] = [];
  const counts = controllerMetrics(options.registry, () => controllers);
  for (const reconciler of options.reconcilers)
    controllers.push(controllerFor(reconciler, { options, caches, cluster, counts }));
  return controllers;
}

interface Parts {
  readonly options: ManagerOptions;
  readonly caches: Caches;
  readonly cluster: Cluster;
  readonly counts: ControllerCounts;
}

/** Passes that last take no place from others, but a worker; the last quarter is for namespaces that have no such pass. */
const workersPerPlace = 4;

function controllerFor(reconciler: AnyReconciler, { options, caches, cluster, counts }: Parts): Controller {
  const { clock, serverClock = clock, random, identity, workers = 8 } = options;
  const log = options.log.child({ reconciler: reconciler.name });
  const wrote: Hands['wrote'] = (what, result) => counts.wrote(reconciler.name, what, result);
  const own = { roots: reconciler.resource, memory: new WriteMemory(), clock: serverClock };
  const hands = { cluster, cache: caches.cache, wrote, ...own };
  const controller = `limbeck.dev/${reconciler.name}`;
  const said = (result: WriteResult): void => wrote('event', result);
  const recorder = new Recorder({ cluster, clock: serverClock, controller, instance: identity, wrote: said });
  const pass = { reconciler, hands, recorder, caches };
  // What may hang hangs for a namespace: its webhooks, its quota, its policies.
  const groupOf = (key: string): string => parseKey(key).namespace;
  const slowAtOnce = workers * (workersPerPlace - 1);
  const queue = new Workqueue(clock, { places: workers, failingAtOnce: Math.ceil(workers / 2), slowAtOnce, groupOf });
  return new Controller({ pass, queue, workers: workers * workersPerPlace, counts, clock, random, log });
}

function controllerNamed(controllers: readonly Controller[], name: string): Controller {
  const found = controllers.find((controller) => controller.name === name);
  if (found === undefined) throw new Error(`no reconciler named ${name}`);
  return found;
}
