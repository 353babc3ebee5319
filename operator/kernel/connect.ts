/** From credentials to the Cluster port: what a main calls once. */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import { Client, StreamingClient } from './client.ts';
import type { Cluster } from './cluster.ts';
import { defaultCredentials } from './credentials.ts';
import { usualDeadlines } from './deadlines.ts';
import { leaseDeadlineMs, usualTimes } from './lease.ts';
import { callMetrics } from './call-metrics.ts';
import { skewMetrics } from './metrics.ts';
import { ServerTime } from './server-time.ts';
import { Transport } from './transport.ts';

export interface ConnectOptions {
  /** Who asks, for the User-Agent: `limbeck/<version> (<component>)`. */
  readonly component: string;
  readonly version: string;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Is told when the API server's clock is another one than ours. */
  readonly log?: Log;
  /** Of the election that the leases are for; the usual one when absent. */
  readonly renewDeadlineSeconds?: number | undefined;
}

export interface Connection {
  readonly cluster: Cluster;
  /** The same API server over connections of its own with a short deadline, for leases alone. */
  readonly leaseCluster: Cluster;
  /** The clock of the process, whose wall time is the API server's. */
  readonly serverClock: Clock;
  close(): Promise<void>;
}

/** Reads KUBECONFIG, the usual file or the pod's service account. Rejects with one sentence when there is none. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { component, version, registry, clock, log, renewDeadlineSeconds = usualTimes.renewDeadlineSeconds } = options;
  const credentials = defaultCredentials(clock);
  await credentials.current();
  const serverTime = new ServerTime(clock, log);
  skewMetrics(registry, () => serverTime.aheadMs);
  const transport = new Transport({
    credentials,
    clock,
    userAgent: `limbeck/${version} (${component})`,
    counts: callMetrics(registry),
    deadlines: { ...usualDeadlines, leaseMs: leaseDeadlineMs({ renewDeadlineSeconds }) },
    serverTime,
  });
  return {
    cluster: new StreamingClient(transport),
    leaseCluster: new Client(transport, 'lease'),
    serverClock: serverTime.clock,
    close: () => transport.close(),
  };
}
