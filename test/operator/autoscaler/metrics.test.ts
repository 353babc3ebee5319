import { expect, test } from '@jest/globals';
import { createRegistry } from '../../../process/metrics.ts';
import { Heard } from '../../../operator/autoscaler/heard.ts';
import { autoscalerMetrics } from '../../../operator/autoscaler/metrics.ts';

test('of a service that is no more nothing is left', async () => {
  const registry = createRegistry('operator');
  const metrics = autoscalerMetrics(registry, new Heard());
  const seriesOf = async (name: string): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.includes(`service="${name}"`));
  for (const name of ['gone', 'kept'])
    for (const [from, to] of [
      [0, 2],
      [2, 2],
      [2, 1],
    ] as const)
      metrics.recommended({ namespace: 'default', name }, from, to);
  expect(await seriesOf('gone')).toHaveLength(3);
  metrics.forget({ namespace: 'default', name: 'gone' });
  expect([(await seriesOf('gone')).length, (await seriesOf('kept')).length]).toEqual([0, 3]);
});
