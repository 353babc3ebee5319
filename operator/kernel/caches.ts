/** Informers of several kinds as one Cache. Needs no leadership: the gateway uses this alone, the manager builds on it. */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Cluster } from './cluster.ts';
import { Informer, type Change, type InformerCounts } from './informer.ts';
import { cacheMetrics } from './metrics.ts';
import { keyText, resourceText, type Key, type KubeObject, type Resource, type Selection } from './objects.ts';
import { noticing } from './noticing.ts';
import type { Cache, Index } from './reconcile.ts';
import { hasReached, Store, type IndexFunction } from './store.ts';
import { trimmed } from './trimmed.ts';

export type { Change } from './informer.ts';

export interface CachesOptions {
  readonly cluster: Cluster;
  readonly resources: readonly Resource[];
  readonly indexes?: readonly Index[];
  /** Only this namespace; every namespace when absent. */
  readonly namespace?: string;
  readonly log: Log;
  readonly registry: Registry;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
}

export interface Caches {
  readonly cache: Cache;
  /** False for an optional kind that the API server does not know any more. */
  serves(resource: Resource): boolean;
  /** True once every kind was listed completely, apart from optional ones; it never becomes false again. */
  synced(): boolean;
  /** Undefined when synced; otherwise one sentence naming the kinds that are missing. */
  notSynced(): string | undefined;
  /** Resolves when synced. Never rejects: informers never give up. */
  readonly whenSynced: Promise<void>;
  /** Hears every change after it is in the store, whatever the others make of it. Returns the way to stop hearing. */
  onChange(listener: (change: Change) => void): () => void;
  /** True when the cache of this kind reflects `resourceVersion` or a later one. */
  hasReached(resource: Resource, resourceVersion: string): boolean;
}

interface Kind {
  readonly resource: Resource;
  readonly store: Store;
  readonly informer: Informer;
  /** Undefined: it is not looked at, as the kind is not optional. */
  readonly presence?: { isServed: boolean };
}

/** Starts one informer per resource; they run until `signal` aborts. */
export function startCaches(options: CachesOptions): Caches {
  const listeners = new Set<(change: Change) => void>();
  const kinds = new Map<string, Kind>();
  const facts = distinct(options.resources).map((resource) => {
    const name = resourceText(resource);
    const of = (): Kind => kindOf(kinds, resource);
    return {
      resource: name,
      objects: () => of().store.size,
      resourceVersion: () => of().store.resourceVersion,
      silentMs: () => (of().presence?.isServed === false ? 0 : of().informer.silentMs),
    };
  });
  const counts = cacheMetrics(options.registry, facts);
  for (const resource of distinct(options.resources))
    kinds.set(resourceText(resource), kindFor(resource, options, { listeners, counts }));
  const running = [...kinds.values()];
  for (const { informer } of running) void informer.run(options.signal);
  const needed = running.filter(({ resource }) => resource.optional !== true);
  const missing = (): readonly string[] =>
    needed.filter(({ informer }) => !informer.synced).map(({ resource }) => resource.plural);
  return {
    cache: new StoreCache(kinds),
    serves: (resource) => kindOf(kinds, resource).presence?.isServed !== false,
    synced: () => missing().length === 0,
    notSynced: () => (missing().length === 0 ? undefined : `not listed yet: ${missing().join(', ')}`),
    whenSynced: Promise.all(needed.map(({ informer }) => informer.whenSynced)).then(() => undefined),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    hasReached: (resource, version) =>
      isBlind(kindOf(kinds, resource)) || hasReached(kindOf(kinds, resource).store.resourceVersion, version),
  };
}

/** An optional kind that will not show what is written. */
const isBlind = ({ presence, informer }: Kind): boolean =>
  presence !== undefined && (!presence.isServed || !informer.synced);

interface Ears {
  readonly listeners: Iterable<(change: Change) => void>;
  readonly counts: InformerCounts;
}

function kindFor(resource: Resource, options: CachesOptions, { listeners, counts }: Ears): Kind {
  const { log, clock, random, namespace } = options;
  const presence = resource.optional === true ? { isServed: true } : undefined;
  const reads = trimmed(options.cluster);
  const cluster = presence === undefined ? reads : noticing(reads, (isServed) => (presence.isServed = isServed));
  const store = new Store(indexesOf(resource, options.indexes ?? []));
  const scope: Selection = namespace === undefined || !resource.namespaced ? {} : { namespace };
  const selection = { ...scope, ...resource.selection };
  const informer = new Informer({ cluster, resource, selection, store, listeners, log, clock, random, counts });
  return { resource, store, informer, ...(presence === undefined ? {} : { presence }) };
}

function indexesOf(resource: Resource, indexes: readonly Index[]): ReadonlyMap<string, IndexFunction> {
  const ours = indexes.filter((index) => resourceText(index.resource) === resourceText(resource));
  return new Map(ours.map((index) => [index.name, (object: KubeObject) => index.valuesOf(object)]));
}

const distinct = (resources: readonly Resource[]): readonly Resource[] => [
  ...new Map(resources.map((resource) => [resourceText(resource), resource])).values(),
];

function kindOf(kinds: ReadonlyMap<string, Kind>, resource: Resource): Kind {
  const kind = kinds.get(resourceText(resource));
  if (kind === undefined)
    throw new Error(`${resourceText(resource)} is not cached: name it in watches, reads or resources`);
  return kind;
}

/** The adapter from stores to typed reads: a store of a resource holds objects of its type, by what the API server sent. */
class StoreCache implements Cache {
  readonly #kinds: ReadonlyMap<string, Kind>;

  constructor(kinds: ReadonlyMap<string, Kind>) {
    this.#kinds = kinds;
  }

  get<T extends KubeObject>(resource: Resource<T>, key: Key): T | undefined {
    return this.#store(resource).get(keyText(key)) as T | undefined;
  }

  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): readonly T[] {
    return this.#store(resource).list(namespace) as readonly T[];
  }

  ownedBy<T extends KubeObject>(resource: Resource<T>, owner: KubeObject): readonly T[] {
    return this.#store(resource).ownedBy(owner.metadata) as readonly T[];
  }

  byIndex<T extends KubeObject>(resource: Resource<T>, index: string, value: string): readonly T[] {
    return this.#store(resource).byIndex(index, value) as readonly T[];
  }

  silentMs(resource: Resource): number {
    return resource.optional === true ? 0 : kindOf(this.#kinds, resource).informer.silentMs;
  }

  #store(resource: Resource): Store {
    return kindOf(this.#kinds, resource).store;
  }
}
