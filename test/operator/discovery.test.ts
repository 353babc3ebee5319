import { expect, test } from '@jest/globals';
import { startDiscovery } from '../../operator/discovery.ts';
import { ApiError } from '../../operator/kernel/cluster.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeCluster } from '../support/fake-cluster.ts';
import { rememberingLog } from '../support/toy.ts';

async function scene(apiVersions?: () => Promise<ReadonlySet<string>>) {
  const [cluster, clock, log, stopping] = [new FakeCluster(), new FakeClock(), rememberingLog(), new AbortController()];
  if (apiVersions !== undefined) cluster.apiVersions = apiVersions;
  const discovery = await startDiscovery({ cluster, clock, log, signal: stopping.signal });
  return { discovery, clock, log, stop: () => stopping.abort() };
}

test('what is served is known at once, by group and by version', async () => {
  const { discovery } = await scene(() => Promise.resolve(new Set(['kueue.x-k8s.io/v1beta1'])));
  expect([discovery.serves('kueue.x-k8s.io'), discovery.serves('kueue')]).toEqual([true, false]);
  expect([...discovery.versions()]).toEqual(['kueue.x-k8s.io/v1beta1']);
});

test('what is installed later is known within a minute, until the process stops', async () => {
  let served = new Set<string>();
  let looks = 0;
  const { discovery, clock, stop } = await scene(() => {
    looks += 1;
    return Promise.resolve(served);
  });
  expect(discovery.serves('kueue.x-k8s.io')).toBe(false);
  served = new Set(['kueue.x-k8s.io/v1beta1']);
  await clock.advance(60_000);
  expect(discovery.serves('kueue.x-k8s.io')).toBe(true);
  stop();
  await clock.advance(600_000);
  expect(looks).toBe(2);
});

test('an API server that does not answer takes nothing away', async () => {
  let isDown = false;
  const { discovery, clock, log } = await scene(() =>
    isDown ? Promise.reject(new Error('no answer')) : Promise.resolve(new Set(['kueue.x-k8s.io/v1beta1'])),
  );
  isDown = true;
  await clock.advance(60_000);
  expect(discovery.serves('kueue.x-k8s.io')).toBe(true);
  expect(log.lines.join()).toContain('served APIs not known');
});

test('at the start it is asked until there is an answer, or until the process stops', async () => {
  const [cluster, clock, log, stopping] = [new FakeCluster(), new FakeClock(), rememberingLog(), new AbortController()];
  let isDown = true;
  let looks = 0;
  cluster.apiVersions = () => {
    looks += 1;
    return isDown ? Promise.reject(new Error('no answer')) : Promise.resolve(new Set(['batch/v1']));
  };
  const start = async () => {
    const discovery = await startDiscovery({ cluster, clock, log, signal: stopping.signal });
    return discovery.serves('batch');
  };
  const patient = start();
  await clock.advance(10_000);
  expect(looks).toBe(11);
  isDown = false;
  await clock.advance(1000);
  expect(await patient).toBe(true);
  isDown = true;
  const impatient = start();
  await clock.advance(2000);
  stopping.abort();
  expect(await impatient).toBe(false);
});

test('who may not ask is not kept waiting', async () => {
  const { discovery } = await scene(() => Promise.reject(new ApiError('forbidden', 'no', { status: 403 })));
  expect(discovery.serves('batch')).toBe(false);
});

test('where nobody can tell, nothing is served', async () => {
  expect((await scene()).discovery.serves('batch')).toBe(false);
});
