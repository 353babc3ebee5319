/** One prom-client registry per process, handed to whoever counts. Metric names start with `limbeck_`. */
import { Registry, collectDefaultMetrics } from 'prom-client';

export type { Registry } from 'prom-client';

/**
 * The timer behind these would wake every process a hundred times a second, which is half of what one at rest costs.
 * How late the event loop runs is known besides: at each scrape, and in the operator by a pulse of its own.
 */
const dear = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'].map((of) => `nodejs_eventloop_lag_${of}_seconds`);
const hourMs = 3_600_000;

/** A fresh registry with Node's own metrics, but for the dear ones; `component` labels every series. */
export function createRegistry(component: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ component });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: hourMs });
  for (const name of dear) registry.removeSingleMetric(name);
  return registry;
}
