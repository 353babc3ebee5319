/** From credentials to the Cluster port: what a main calls once. */
import type { Clock } from '../../process/clock.ts';
import type { Registry } from '../../process/metrics.ts';
import { Client, StreamingClient } from './client.ts';
import type { Cluster } from './cluster.ts';
import { defaultCredentials } from './credentials.ts';
import { usualDeadlines } from './deadlines.ts';
import { leaseDeadlineMs, usualTimes } from './lease.ts';
import { callMetrics } from './metrics.ts';
import { Transport } from './transport.ts';

export interface ConnectOptions {
  /** Who asks, for the User-Agent: `limbeck/<version> (<component>)`. */
  readonly component: string;
  readonly version: string;
  readonly registry: Registry;
  readonly clock: Clock;
  /** Of the election that the leases are for; the usual one when absent. */
  readonly renewDeadlineSeconds?: number | undefined;
}

export interface Connection {
  readonly cluster: Cluster;
  /** The same API server over connections of its own with a short deadline, for leases alone. */
  readonly leaseCluster: Cluster;
  close(): Promise<void>;
}

/** Reads KUBECONFIG, the usual file or the pod's service account. Rejects with one sentence when there is none. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { component, version, registry, clock, renewDeadlineSeconds = usualTimes.renewDeadlineSeconds } = options;
  const credentials = defaultCredentials(clock);
  await credentials.current();
  const transport = new Transport({
    credentials,
    clock,
    userAgent: `limbeck/${version} (${component})`,
    counts: callMetrics(registry),
    deadlines: { ...usualDeadlines, leaseMs: leaseDeadlineMs({ renewDeadlineSeconds }) },
  });
  return {
    cluster: new StreamingClient(transport),
    leaseCluster: new Client(transport, 'lease'),
    close: () => transport.close(),
  };
}
