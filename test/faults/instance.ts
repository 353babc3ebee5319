/** One operator process of a run: the real reconcilers on the real kernel, behind a proxy of its own. */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../../process/clock.ts';
import { batchJobs, deployments, endpointSlices, modelServices, nodes, pods } from '../../operator/api/resources.ts';
import { distillationReconciler } from '../../operator/distillation/reconciler.ts';
import { Client, StreamingClient } from '../../operator/kernel/client.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { Access, Credentials } from '../../operator/kernel/credentials.ts';
import { usualDeadlines } from '../../operator/kernel/deadlines.ts';
import { startManager, type Manager } from '../../operator/kernel/manager.ts';
import { callMetrics } from '../../operator/kernel/call-metrics.ts';
import { Transport, type CallCounts } from '../../operator/kernel/transport.ts';
import { servingReconciler, type ServingFeeds } from '../../operator/serving/reconciler.ts';
import { trainingReconciler } from '../../operator/training/reconciler.ts';
import { podGroupsOf } from '../../operator/workloads/pod-group.ts';
import type { RunFeeds } from '../../operator/workloads/run.ts';
import type { Settings } from '../../operator/workloads/settings.ts';
import { freshRegistry, rememberingLog } from '../support/toy.ts';
import type { Death } from './deaths.ts';

export interface Instance {
  readonly manager: Manager;
  readonly lines: readonly string[];
  /** Requests that were to change something, so far. */
  writes(): number;
  /** How it ended by itself; undefined: it was ended. */
  readonly died: Promise<Death | undefined>;
  /** Ends it; resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** A silent watch is resumed soon: so a black hole is met within a run. Where there is none it would be for nothing. */
const suspicious = { ...usualDeadlines, watchSilenceMs: 2000 };

/** What an operator hears of that is no object of the cluster. */
export type Feeds = ServingFeeds & Pick<RunFeeds, 'stall' | 'kueue' | 'news'>;

/** No autoscaler, servers and workers that are never asked, and no queues. */
const silent: Feeds = {
  ...{ recommendation: () => undefined, loadFailure: () => 'unheard', stall: () => undefined, kueue: () => false },
  news: () => undefined,
};

/** Without a proxy in between, or with one that asks for nothing. */
export function fixed(access: Access): Credentials {
  return { current: () => Promise.resolve(access), renew: () => Promise.resolve(access) };
}

export const open = (server: string): Credentials => fixed({ server, headers: {}, tls: {}, fingerprint: server });

/** Of those that share a namespace. */
export const leaseName = 'operator';

export interface InstanceOptions {
  readonly credentials: Credentials;
  readonly namespace: string;
  readonly settings: Settings;
  readonly feeds?: Partial<Feeds>;
  /** Watches may fall silent though something happens. */
  readonly isSuspicious?: boolean;
  /** Where one is to lead of those that share a namespace: how they reach the lease. */
  readonly lease?: Cluster;
}

const groupsOf = ({ gang }: Settings) => (gang === undefined ? [] : [podGroupsOf(gang)]);

export function startInstance(options: InstanceOptions): Instance {
  const { credentials, namespace, settings, isSuspicious = false, lease } = options;
  const feeds = { ...silent, ...options.feeds };
  const stopping = new AbortController();
  const log = rememberingLog();
  const registry = freshRegistry();
  const counts = counting(callMetrics(registry));
  const transport = new Transport({
    ...{ credentials, userAgent: 'faults', clock: systemClock, counts },
    deadlines: isSuspicious ? suspicious : usualDeadlines,
  });
  const runFeeds = { news: feeds.news, stall: feeds.stall, kueue: feeds.kueue, gangs: () => true };
  const manager = startManager({
    ...{ cluster: new StreamingClient(transport), leaseCluster: lease ?? new Client(transport, 'lease') },
    reconcilers: [
      trainingReconciler(settings, runFeeds),
      distillationReconciler(settings, runFeeds),
      servingReconciler(settings, feeds),
    ],
    extraResources: [nodes, pods, endpointSlices, batchJobs, deployments, modelServices, ...groupsOf(settings)],
    ...{ log, registry, signal: stopping.signal, clock: systemClock, random: Math.random, identity: randomUUID() },
    ...{ namespace, watchNamespace: namespace, leaderElection: lease && { leaseName } },
  });
  const died = manager.done.then(
    () => undefined,
    (error: unknown): Death => ({ error }),
  );
  const stop = async (): Promise<void> => {
    stopping.abort();
    await died;
    await transport.close();
  };
  return { manager, lines: log.lines, writes: () => counts.writes, died, stop };
}

function counting(counts: CallCounts): CallCounts & { writes: number } {
  return {
    ...counts,
    writes: 0,
    answered(call, code, seconds) {
      if (call.method !== 'GET') this.writes += 1;
      counts.answered(call, code, seconds);
    },
  };
}
