/** What the poller counts. */
import { Counter, Gauge } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';

export interface ProgressMetrics {
  readonly asked: (kind: 'trainer' | 'server', result: 'answered' | 'silent') => void;
}

/** Registers the metrics of operator/progress. */
export function progressMetrics(registry: Registry, pods: () => number): ProgressMetrics {
  const asked = new Counter({
    name: 'limbeck_progress_pulls_total',
    help: 'Questions to pods about progress and load failures, by kind of pod and result.',
    labelNames: ['kind', 'result'],
    registers: [registry],
  });
  new Gauge({
    name: 'limbeck_progress_pods',
    help: 'Pods that are asked now.',
    registers: [registry],
    collect() {
      this.set(pods());
    },
  });
  return { asked: (kind, result) => asked.inc({ kind, result }) };
}
