/** Start order, readiness and stop order: warm caches → leadership → workers; on stop workers → lease → caches. */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Cluster } from './cluster.ts';
import type { Key, Resource } from './objects.ts';
import type { AnyReconciler, Cache, Index } from './reconcile.ts';

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
  /** Abort to stop gracefully: workers finish their pass, then the lease is released. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: () => number;
  /** Unique per process, for example `<pod>_<uuid>`. */
  readonly identity: string;
  /** Where the Lease lives. */
  readonly namespace: string;
  /** Only objects of this namespace are cached and reconciled; every namespace when absent. */
  readonly watchNamespace?: string;
  /** Undefined: no election, always the leader (one process on a laptop, tests). */
  readonly leaderElection: LeaderElection | undefined;
  /** Concurrent passes per reconciler; default 8. */
  readonly workers?: number;
}

export interface Manager {
  readonly cache: Cache;
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

export function startManager(options: ManagerOptions): Manager {
  throw new Error(`under construction: ${String(options.reconcilers.length)} reconcilers`);
}
