/** Informers of several kinds as one Cache. Needs no leadership: the gateway uses this alone, the manager builds on it. */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Cluster } from './cluster.ts';
import type { KubeObject, Resource } from './objects.ts';
import type { Cache, Index } from './reconcile.ts';

/** What happened to one cached object. A new UID under an old name arrives as a removal followed by a put. */
export interface Change {
  readonly resource: Resource;
  readonly kind: 'put' | 'removed';
  readonly object: KubeObject;
  /** The object before; absent for an addition. */
  readonly previous?: KubeObject;
  /** True while the first list is being told: everything at once, nothing urgent. */
  readonly initial: boolean;
}

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
  /** True once every kind was listed completely; it never becomes false again. */
  synced(): boolean;
  /** Undefined when synced; otherwise one sentence naming the kinds that are missing. */
  notSynced(): string | undefined;
  /** Resolves when synced. Never rejects: informers never give up. */
  readonly whenSynced: Promise<void>;
  /** Hears every change after it is in the store. Returns the way to stop hearing. */
  onChange(listener: (change: Change) => void): () => void;
}

/** Starts one informer per resource; they run until `signal` aborts. */
export function startCaches(options: CachesOptions): Caches {
  throw new Error(`under construction: ${String(options.resources.length)} resources`);
}
