/**
 * Which optional APIs the cluster serves: Kueue, and PodGroups of some gang scheduler. Looked up before anything starts,
 * and every minute after. Every client may ask this, so it needs no right.
 */
import type { Clock } from '../process/clock.ts';
import { sentenceOf, type Log } from '../process/logger.ts';
import type { Cluster } from './kernel/cluster.ts';

/** What is served now. */
export interface Discovery {
  /** Of this group, such as `kueue.x-k8s.io`, any version. */
  serves(group: string): boolean;
  /** Groups with their versions, such as `batch/v1`. */
  versions(): ReadonlySet<string>;
}

export interface DiscoveryPorts {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const everyMs = 60_000;
/** An API server that does not answer must not keep everything else waiting. */
const limitMs = 5000;

/** Resolves after the first look, however that went; what is not known is not served. */
export async function startDiscovery(ports: DiscoveryPorts): Promise<Discovery> {
  const { cluster, clock, log, signal } = ports;
  let known: ReadonlySet<string> = new Set();
  let cancel = (): void => undefined;
  signal.addEventListener('abort', () => cancel(), { once: true });
  const look = async (): Promise<void> => {
    try {
      known = (await cluster.apiVersions?.(AbortSignal.any([signal, AbortSignal.timeout(limitMs)]))) ?? known;
    } catch (error) {
      // What was served before probably still is.
      if (!signal.aborted) log.warn('served APIs not known', { error: sentenceOf(error) });
    }
    if (!signal.aborted) cancel = clock.after(everyMs, () => void look());
  };
  await look();
  return {
    versions: () => known,
    serves: (group) => [...known].some((version) => version.startsWith(`${group}/`)),
  };
}
