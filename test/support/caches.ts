/** Caches of a cluster, under a clock by hand. */
import { startCaches, type Caches, type CachesOptions } from '../../operator/kernel/caches.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { Resource } from '../../operator/kernel/objects.ts';
import { FakeClock } from './fake-clock.ts';
import { freshRegistry, rememberingLog } from './toy.ts';

/** Of these kinds. They hear of changes until the end of the test, unless a signal says otherwise. */
export const cachesOf = (cluster: Cluster, resources: readonly Resource[], more: Partial<CachesOptions> = {}): Caches =>
  startCaches({
    ...{ cluster, resources, log: rememberingLog(), registry: freshRegistry() },
    ...{ signal: new AbortController().signal, clock: new FakeClock(), random: () => 0 },
    ...more,
  });
