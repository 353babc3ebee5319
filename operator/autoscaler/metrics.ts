/** What the autoscaler shows of its decisions and of how well it hears. */
import { Counter, Gauge } from 'prom-client';
import type { Registry } from '../../process/metrics.ts';
import type { Key } from '../kernel/objects.ts';
import type { Heard } from './heard.ts';

export interface AutoscalerMetrics {
  recommended(key: Key, from: number, to: number): void;
  forget(key: Key): void;
}

const directions = ['up', 'down'] as const;

const labelsOf = ({ namespace, name }: Key) => ({ namespace, service: name });

/** Registers the autoscaler's metrics. */
export function autoscalerMetrics(registry: Registry, heard: Heard): AutoscalerMetrics {
  const labelNames = ['namespace', 'service'] as const;
  const registers = [registry];
  const replicas = new Gauge({
    name: 'limbeck_autoscaler_recommended_replicas',
    help: 'Replicas last recommended.',
    ...{ labelNames, registers },
  });
  const changes = new Counter({
    name: 'limbeck_autoscaler_changes_total',
    help: 'Recommendations that changed the number of replicas, by direction (up or down).',
    labelNames: [...labelNames, 'direction'],
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read());
      },
    });
  gauge('limbeck_autoscaler_gateways', 'Gateways that may hold requests, heard or not.', () => heard.expected);
  gauge('limbeck_autoscaler_gateways_heard', 'Gateways whose demand is known now.', () => heard.heard);
  return {
    recommended: (key, from, to) => {
      replicas.set(labelsOf(key), to);
      if (from !== to) changes.inc({ ...labelsOf(key), direction: to > from ? 'up' : 'down' });
    },
    forget: (key) => {
      replicas.remove(labelsOf(key));
      for (const direction of directions) changes.remove({ ...labelsOf(key), direction });
    },
  };
}
