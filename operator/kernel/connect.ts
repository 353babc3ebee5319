/** From credentials to the Cluster port: what a main calls once. */
import type { Clock } from '../../process/clock.ts';
import type { Log } from '../../process/logger.ts';
import type { Registry } from '../../process/metrics.ts';
import type { Cluster } from './cluster.ts';

export interface ConnectOptions {
  /** Who asks, for the User-Agent: `limbeck/<version> (<component>)`. */
  readonly component: string;
  readonly version: string;
  readonly log: Log;
  readonly registry: Registry;
  readonly clock: Clock;
}

export interface Connection {
  readonly cluster: Cluster;
  /** The same API server over connections of its own with a short deadline, for leases alone. */
  readonly leaseCluster: Cluster;
  close(): Promise<void>;
}

/** Reads KUBECONFIG, the usual file or the pod's service account. Rejects with one sentence when there is none. */
export function connect(options: ConnectOptions): Promise<Connection> {
  return Promise.reject(new Error(`under construction: ${options.component}`));
}
