/** What the poller counts. */
import { Counter, Gauge } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';
import type { Pace } from './schedule.ts';

export interface ProgressMetrics {
  readonly asked: (kind: 'trainer' | 'server', result: 'answered' | 'silent') => void;
}

/** What is read when the metrics are. */
export interface Asking {
  readonly pods: number;
  readonly pace: Pace;
  readonly lateMs: number;
}

/** Registers the metrics of operator/progress. */
export function progressMetrics(registry: Registry, asking: () => Asking): ProgressMetrics {
  const asked = new Counter({
    name: 'limbeck_progress_pulls_total',
    help: 'Questions to pods about progress and load failures, by kind of pod and result.',
    labelNames: ['kind', 'result'],
    registers: [registry],
  });
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        this.set(read());
      },
    });
  gauge('limbeck_progress_pods', 'Pods that are asked now.', () => asking().pods);
  const late = 'How long the question to a pod that is wanted most had been due when it was last looked whom to ask.';
  gauge('limbeck_progress_late_seconds', late, () => asking().lateMs / 1000);
  new Gauge({
    name: 'limbeck_progress_interval_seconds',
    help: 'How often pods that answer are asked; the first are rank 0 of each job, servers and workers that were mute.',
    labelNames: ['who'],
    registers: [registry],
    collect() {
      const { firstMs, otherMs } = asking().pace;
      this.set({ who: 'first' }, firstMs / 1000);
      this.set({ who: 'other' }, otherMs / 1000);
    },
  });
  return { asked: (kind, result) => asked.inc({ kind, result }) };
}
