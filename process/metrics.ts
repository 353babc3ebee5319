/** One prom-client registry per process, handed to whoever counts. Metric names start with `limbeck_`. */
import { Registry, collectDefaultMetrics } from 'prom-client';

export type { Registry } from 'prom-client';

/** A fresh registry with Node's own metrics; `component` labels every series. */
export function createRegistry(component: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ component });
  collectDefaultMetrics({ register: registry });
  return registry;
}
