/**
 * Which optional APIs the cluster serves: Kueue, and PodGroups of some gang scheduler. Looked up before anything starts,
 * and every minute after. Every client may ask this, so it needs no right.
 */
import { sleep, type Clock } from '../process/clock.ts';
import { sentenceOf, type Log } from '../process/logger.ts';
import { ApiError, type Cluster } from './kernel/cluster.ts';

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
/** Until there is an answer. */
const againMs = 1000;
/** How long one may take. */
const limitMs = 5000;

/**
 * Resolves once there is an answer, or when `signal` aborts: whether there are gangs is decided once, at the start, and
 * an API server that does not answer has nothing else to offer either.
 */
export async function startDiscovery(ports: DiscoveryPorts): Promise<Discovery> {
  const { clock, signal } = ports;
  const found: Found = { versions: new Set() };
  while (!signal.aborted && !(await look(ports, found))) await sleep(clock, againMs, signal);
  void goOn(ports, found);
  return {
    versions: () => found.versions,
    serves: (group) => [...found.versions].some((version) => version.startsWith(`${group}/`)),
  };
}

interface Found {
  versions: ReadonlySet<string>;
}

async function goOn(ports: DiscoveryPorts, found: Found): Promise<void> {
  const { clock, signal } = ports;
  for (;;) {
    await sleep(clock, everyMs, signal);
    if (signal.aborted) return;
    await look(ports, found);
  }
}

/** Was there an answer? A refusal is one: whoever may not ask will not be told later either. */
async function look({ cluster, log, signal }: DiscoveryPorts, found: Found): Promise<boolean> {
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    found.versions = (await cluster.apiVersions?.(limited)) ?? found.versions;
    return true;
  } catch (error) {
    // What was served before probably still is.
    if (!signal.aborted) log.warn('served APIs not known', { error: sentenceOf(error) });
    return error instanceof ApiError && error.code === 'forbidden';
  }
}
