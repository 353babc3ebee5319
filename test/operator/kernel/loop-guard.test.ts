import { expect, test } from '@jest/globals';
import { loopGuard } from '../../../operator/kernel/loop-guard.ts';
import { freshRegistry, rememberingLog } from '../../support/toy.ts';

test('a step that throws is told and counted for its loop, and those of all loops are shown from the beginning', async () => {
  const [registry, log] = [freshRegistry(), rememberingLog()];
  const [one, other] = [loopGuard(registry, log, 'autoscaler'), loopGuard(registry, log, 'progress')];
  const counts = async () => {
    const text = await registry.metrics();
    return [...text.matchAll(/limbeck_loop_failures_total\{loop="(\w+)".*\} (\d+)/g)].map(([, loop, n]) => [loop, n]);
  };
  expect(await counts()).toEqual([
    ['autoscaler', '0'],
    ['progress', '0'],
  ]);
  const done: string[] = [];
  one({}, () => done.push('well'));
  other({ pod: 'default/p' }, () => {
    throw new TypeError('no such kind');
  });
  expect(done).toEqual(['well']);
  expect(await counts()).toEqual([
    ['autoscaler', '0'],
    ['progress', '1'],
  ]);
  expect(log.lines).toEqual([expect.stringMatching(/^step of a loop failed .*"progress".*"default\/p".*no such kind/)]);
});
