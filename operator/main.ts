/** The operator process: configuration → caches → leadership → reconcilers, autoscaler and progress; and the way back. */
import { randomUUID } from 'node:crypto';
import { systemClock } from '../process/clock.ts';
import { adminApp, serve } from '../process/http-server.ts';
import type { Log } from '../process/logger.ts';
import { runMain } from '../process/main.ts';
import { createRegistry, type Registry } from '../process/metrics.ts';
import { onShutdown } from '../process/shutdown.ts';
import { batchJobs, deployments, endpointSlicesOf, modelServices, nodes, pods } from './api/resources.ts';
import { startAutoscaler, type Autoscaler } from './autoscaler/loop.ts';
import { withAssumedNodes } from './assumed-nodes.ts';
import { readConfig, type Config } from './config.ts';
import { startDiscovery, type Discovery } from './discovery.ts';
import { gatewaysOf, scalesOf, slicesOfService } from './feeds.ts';
import { connect, type Connection } from './kernel/connect.ts';
import { startManager, type Manager } from './kernel/manager.ts';
import { startProgress, type Progress } from './progress/poller.ts';
import { pull } from './progress/pull.ts';
import { podsWithNews } from './progress/targets.ts';
import { serverPort } from './serving/desired.ts';
import { distillationReconciler } from './distillation/reconciler.ts';
import { servingReconciler } from './serving/reconciler.ts';
import { trainingReconciler } from './training/reconciler.ts';
import { gangAmong, podGroupsOf, type Gang } from './workloads/pod-group.ts';
import type { RunFeeds } from './workloads/run.ts';
import { progressPort } from './workloads/trainer-job.ts';

const version = '0.1.0';
/** Less than the pod's grace period: the lease is given back before the kubelet loses patience. */
const graceMs = 25_000;

/** What only a leader has; a standby reconciles nothing, so nobody asks. */
interface Feeds {
  serves?: Manager['serves'];
  autoscaler?: Autoscaler;
  progress?: Progress;
}

interface Parts {
  readonly config: Config;
  readonly connection: Connection;
  readonly log: Log;
  readonly registry: Registry;
  readonly signal: AbortSignal;
  readonly discovery: Discovery;
}

const runFeeds = (feeds: Feeds, discovery: Discovery, gang: Gang | undefined): RunFeeds => ({
  kueue: () => discovery.serves('kueue.x-k8s.io'),
  gangs: () => gang !== undefined && feeds.serves?.(podGroupsOf(gang)) !== false,
  news: (uid) => feeds.progress?.news(uid),
  stall: (uid) => feeds.progress?.stall(uid),
});

function startOperator(parts: Parts, feeds: Feeds): Manager {
  const { config, connection, log, registry, signal } = parts;
  const { watchNamespace } = config;
  const gang = gangAmong(parts.discovery.versions());
  const settings = { ...config.settings, ...(gang === undefined ? {} : { gang }) };
  log.info('gang scheduling', { gang: gang ?? 'none' });
  const scope = watchNamespace === undefined ? {} : { watchNamespace };
  const { cluster } = connection;
  return startManager({
    ...scope,
    cluster: watchNamespace === undefined ? cluster : withAssumedNodes(cluster, settings.gpuProfiles, systemClock),
    leaseCluster: connection.leaseCluster,
    reconcilers: [
      trainingReconciler(settings, runFeeds(feeds, parts.discovery, gang)),
      distillationReconciler(settings, runFeeds(feeds, parts.discovery, gang)),
      servingReconciler(settings, {
        recommendation: (uid) => feeds.autoscaler?.recommendationFor(uid),
        loadFailure: (pod) => (feeds.progress === undefined ? 'unheard' : feeds.progress.loadFailure(pod)),
      }),
    ],
    extraResources: [
      ...[nodes, pods, endpointSlicesOf(settings.gateway.service), batchJobs, deployments, modelServices],
      ...(gang === undefined ? [] : [podGroupsOf(gang)]),
    ],
    indexes: [slicesOfService, podsWithNews],
    ...{ log, registry, signal, clock: systemClock, serverClock: connection.serverClock, random: Math.random },
    identity: `${config.podName}_${randomUUID()}`,
    namespace: config.namespace,
    leaderElection: config.leaderElection,
  });
}

/** Demand is heard, and pods are asked, by the leader alone. */
function lead(manager: Manager, feeds: Feeds, { config, log, registry, signal }: Parts): void {
  const { cache } = manager;
  const clock = systemClock;
  feeds.autoscaler = startAutoscaler({
    services: () => scalesOf(cache),
    gateways: () => gatewaysOf(cache, config.settings),
    poke: (key) => manager.poke('modelservice', key),
    ...{ clock, random: Math.random, log, registry, signal },
  });
  feeds.progress = startProgress({
    ports: { trainer: progressPort, server: serverPort },
    poke: (reconciler, key) => manager.poke(reconciler, key),
    ...{ cache, pull, clock, random: Math.random, log, registry, signal },
  });
}

const notYet = { ready: () => 'the operator is starting' };

async function run(config: Config, log: Log): Promise<void> {
  const signal = onShutdown(log, graceMs);
  // The admin port outlives the signal: the last passes are still to be seen.
  const last = new AbortController();
  const registry = createRegistry('operator');
  const { renewDeadlineSeconds } = config.leaderElection;
  // Listens first: whatever the API server keeps waiting, the kubelet must not take for a process that does not start.
  const started: { manager?: Manager } = {};
  const starting = (): string | undefined => (started.manager ?? notYet).ready();
  const notReady = (): string | undefined => (signal.aborted ? 'the operator is stopping' : starting());
  const admin = adminApp({ registry, notReady, notAlive: () => started.manager?.alive() });
  const port = await serve(admin, config.adminPort, last.signal);
  log.info('listening', { adminPort: port });
  const who = { component: 'operator', version };
  const connection = await connect({ ...who, registry, clock: systemClock, log, renewDeadlineSeconds });
  const discovery = await startDiscovery({ cluster: connection.cluster, clock: systemClock, log, signal });
  const parts: Parts = { config, connection, log, registry, signal, discovery };
  const feeds: Feeds = {};
  const manager = startOperator(parts, feeds);
  started.manager = manager;
  feeds.serves = (resource) => manager.serves(resource);
  void manager.leading.then(() => lead(manager, feeds, parts));
  await manager.done;
  last.abort();
  await connection.close();
  log.info('stopped');
}

await runMain('operator', readConfig(), run);
