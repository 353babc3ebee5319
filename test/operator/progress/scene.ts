/** A poller over a fake cluster, with a clock by hand. */
import { pods } from '../../../operator/api/resources.ts';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import type { Cache } from '../../../operator/kernel/reconcile.ts';
import { startProgress, type Progress } from '../../../operator/progress/poller.ts';
import type { PullAnswer, PullTarget } from '../../../operator/progress/pull.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { freshRegistry, rememberingLog } from '../../support/toy.ts';
import { observedBy, putOwners } from './support.ts';

/** A poller, with all that it hears and says. */
export interface Scene {
  readonly cluster: FakeCluster;
  readonly pods: readonly Pod[];
  readonly clock: FakeClock;
  readonly progress: Progress;
  readonly poked: string[];
  readonly asked: string[];
  /** Path → what a pod answers; absent: nobody answers. */
  readonly answers: Map<string, PullAnswer>;
  readonly metrics: () => Promise<string>;
  readonly said: readonly string[];
  readonly stop: () => void;
}

/** These pods, a poller that has begun to ask them, and what each answers; `seen`: how it sees the cache. */
export async function scene(
  objects: readonly Pod[],
  pull?: (target: PullTarget) => Promise<PullAnswer>,
  seen = (cache: Cache): Cache => cache,
): Promise<Scene> {
  const [cluster, clock, registry] = [new FakeCluster(), new FakeClock(), freshRegistry()];
  const [log, stopping] = [rememberingLog(), new AbortController()];
  putOwners(cluster);
  const stored = objects.map((object) => cluster.put(pods, object));
  const { signal } = stopping;
  const { cache, whenSynced } = observedBy(cluster, { log, registry, signal, clock });
  await whenSynced;
  const [poked, asked] = [[] as string[], [] as string[]];
  const answers = new Map<string, PullAnswer>();
  const answer = (target: PullTarget): Promise<PullAnswer> => {
    asked.push(target.path);
    const found = answers.get(target.path);
    return found === undefined ? Promise.reject(new Error('nobody')) : Promise.resolve(found);
  };
  const progress = startProgress({
    ...{ cache: seen(cache), ports: { trainer: 8082, server: 8080 }, pull: pull ?? answer },
    ...{ log, registry, signal, clock, random: () => 0 },
    poke: (reconciler, { namespace, name }) => poked.push(`${reconciler} ${namespace}/${name}`),
  });
  const metrics = (): Promise<string> => registry.metrics();
  const stop = (): void => stopping.abort();
  return { cluster, pods: stored, clock, progress, poked, asked, answers, metrics, said: log.lines, stop };
}
