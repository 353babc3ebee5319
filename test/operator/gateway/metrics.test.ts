import { expect, test } from '@jest/globals';
import { createRegistry } from '../../../process/metrics.ts';
import { gatewayMetrics } from '../../../operator/gateway/metrics.ts';
import { Service } from '../../../operator/gateway/service.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const limits = { queueLimit: 1, maxColdStartSeconds: 1, maxInFlightPerReplica: 1 };
const times = { connectMs: 1, answerMs: 1 };
const serviceOf = (name: string, uid: string): Service =>
  new Service(
    {
      ...{ key: `default/${name}`, uid, namespace: 'default', name, limits, addresses: [] },
      ...{ notReady: undefined, refusing: undefined, stopped: false },
    },
    { clock: new FakeClock(), random: () => 0, times, changed: () => undefined },
  );

test('of a service that is no more nothing is left, and what was under way counts as of none', async () => {
  const registry = createRegistry('gateway');
  const metrics = gatewayMetrics(registry, () => []);
  const seriesOf = async (name: string): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.includes(`service="${name}"`));
  const [gone, kept] = [serviceOf('gone', '1'), serviceOf('kept', '2')];
  const use = (service: Service): void => {
    for (const code of [200, 503]) metrics.answered(service, code, 1);
    metrics.coldStart(service, 1);
    metrics.retried(service);
  };
  for (const service of [gone, kept]) use(service);
  expect((await seriesOf('gone')).length).toBe((await seriesOf('kept')).length);
  metrics.forget(gone);
  use(gone);
  expect(await seriesOf('gone')).toEqual([]);
  expect((await seriesOf('kept')).length).toBeGreaterThan(30);
  expect(await seriesOf('')).toEqual([
    expect.stringMatching(/code="200".*\} 1$/),
    expect.stringMatching(/code="503".*\} 1$/),
  ]);
  use(serviceOf('gone', '3'));
  expect((await seriesOf('gone')).length).toBe((await seriesOf('kept')).length);
});
