/** What a running operator, and a store, show to whoever scrapes them. */
import { Heard } from '../../operator/autoscaler/heard.ts';
import { autoscalerMetrics } from '../../operator/autoscaler/metrics.ts';
import { ApiError } from '../../operator/kernel/cluster.ts';
import { callMetrics } from '../../operator/kernel/call-metrics.ts';
import { loopGuard } from '../../operator/kernel/loop-guard.ts';
import { skewMetrics } from '../../operator/kernel/metrics.ts';
import { createRegistry } from '../../process/metrics.ts';
import { storeMetrics } from '../../runtime/store/metrics.ts';
import { led } from '../support/candidates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { quiet } from '../support/quiet-log.ts';
import { startRig } from '../support/rig.ts';
import type { Labels } from './promrules.ts';

export interface Shown {
  /** Name of each metric that is shown → the labels of each of its series. */
  readonly samples: ReadonlyMap<string, readonly Labels[]>;
  /** Name of each metric, also of those that show nothing before they are first counted → names of its labels. */
  readonly registered: ReadonlyMap<string, readonly string[]>;
}

/** What a manager shows that leads, and whose lease could not be written once; and a store that has answered a request. */
export async function shown(): Promise<Shown> {
  const [cluster, clock, registry] = [led(), new FakeClock(), createRegistry('operator')];
  const store = createRegistry('store');
  const count = storeMetrics(store, { volume: '.', notWell: () => Promise.resolve(undefined) });
  count({ operation: 'PutObject', code: '200', seconds: 0 });
  callMetrics(registry);
  skewMetrics(registry, () => 0);
  autoscalerMetrics(registry, new Heard());
  loopGuard(registry, quiet, 'progress');
  let fails = true;
  cluster.beforeWrite = () => {
    if (fails) throw new ApiError('unavailable', 'not now');
  };
  const rig = startRig(cluster, clock, { registry, leaderElection: { leaseName: 'operator' } });
  await clock.advance(1000);
  fails = false;
  await clock.advance(5000);
  const samples = new Map<string, Labels[]>();
  for (const line of [await registry.metrics(), await store.metrics()].join('\n').split('\n')) {
    const name = /^[a-z]\w+/.exec(line)?.[0];
    if (name === undefined) continue;
    const pairs = [...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value] as const);
    samples.set(name, [...(samples.get(name) ?? []), Object.fromEntries(pairs)]);
  }
  // The library has them, and its types do not.
  const metrics = [registry, store].flatMap((one) => one.getMetricsAsArray()) as unknown as readonly {
    name: string;
    labelNames: readonly string[];
  }[];
  const registered = new Map(metrics.map(({ name, labelNames }) => [name, labelNames]));
  await rig.stop();
  return { samples, registered };
}
