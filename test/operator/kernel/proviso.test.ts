import { expect, test } from '@jest/globals';
import { holds, type Proviso } from '../../../operator/kernel/proviso.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { member, never } from '../../support/pass-stage.ts';
import { members } from '../../support/toy.ts';

const named = (name: string, more: Partial<Proviso> = {}): Proviso => ({
  ...{ resource: members, selection: { namespace: 'default' } },
  forbids: ({ metadata }) => metadata.name === `alpha-${name}`,
  ...more,
});

test.each<[string, readonly Proviso[], boolean]>([
  ['nothing is asked', [], true],
  ['what must not be there is not', [named('bob')], true],
  ['it is', [named('ann')], false],
  ['one of several is', [named('bob'), named('ann')], false],
  ['it is in another namespace', [named('ann', { selection: { namespace: 'other' } })], true],
  [
    'it is nothing that a cache would show',
    [named('ann', { resource: { ...members, selection: { labelSelector: 'limbeck.dev/none' } } })],
    true,
  ],
])('where %s', async (_, provisos, expected) => {
  const cluster = new FakeCluster();
  cluster.put(members, member('ann'));
  expect(await holds(provisos, cluster, never)).toBe(expected);
});

test('what is on a later page is found, and no page is large', async () => {
  const cluster = new FakeCluster();
  for (let index = 0; index < 250; index += 1) cluster.put(members, member(`m${String(index)}`));
  const asked: unknown[] = [];
  const list = cluster.list.bind(cluster);
  cluster.list = (resource, options) => {
    asked.push(options.limit);
    return list(resource, options);
  };
  expect(await holds([named('m249')], cluster, never)).toBe(false);
  expect(await holds([named('m1')], cluster, never)).toBe(false);
  expect(await holds([named('none')], cluster, never)).toBe(true);
  expect(asked).toEqual([100, 100, 100, 100, 100, 100, 100]);
});
