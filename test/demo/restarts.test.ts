import { expect, test } from '@jest/globals';
import type { ContainerStatus } from '../../demo/kubectl.ts';
import { restartCounts, Restarts, type RestartCounts } from '../../demo/restarts.ts';

const counts = (given: Readonly<Record<string, number>>, killed = false): RestartCounts =>
  new Map(Object.entries(given).map(([container, count]) => [container, { count, killed }]));

test('counts what was restarted since the beginning, also in pods that came and went', () => {
  const restarts = new Restarts('somebody kills');
  restarts.see(counts({ 'old/operator': 3 }));
  restarts.begin();
  expect(restarts.sum).toBe(0);
  restarts.see(counts({ 'old/operator': 4, 'new/server': 2 }));
  restarts.see(counts({ 'old/operator': 4 }));
  expect(restarts.sum).toBe(3);
});

test('where nobody kills, what was killed had hung, and counts', () => {
  const restarts = new Restarts('nobody kills');
  restarts.see(counts({ 'a/operator': 0 }));
  restarts.see(counts({ 'a/operator': 2 }, true));
  expect(restarts.sum).toBe(2);
});

test('what was killed does not count, what ends by itself afterwards does', () => {
  const restarts = new Restarts('somebody kills');
  restarts.see(counts({ 'a/operator': 0 }));
  restarts.see(counts({ 'a/operator': 2 }, true));
  expect(restarts.sum).toBe(0);
  restarts.see(counts({ 'a/operator': 3 }));
  expect(restarts.sum).toBe(1);
});

test.each<[ContainerStatus['lastState'], boolean]>([
  [undefined, false],
  [{ terminated: { exitCode: 1, reason: 'Error' } }, false],
  [{ terminated: { exitCode: 137, reason: 'OOMKilled' } }, false],
  [{ terminated: { exitCode: 137, reason: 'Error' } }, true],
])('a container whose last end was %j', async (lastState, killed) => {
  const container = { name: 'operator', restartCount: 1, ...(lastState && { lastState }) };
  const pod = {
    metadata: { name: 'a', uid: 'u' },
    spec: { containers: [] },
    status: { containerStatuses: [container] },
  };
  const kubectl = { list: () => Promise.resolve([pod]) } as unknown as Parameters<typeof restartCounts>[0];
  expect(await restartCounts(kubectl, '')).toEqual(new Map([['u/operator', { count: 1, killed }]]));
});
