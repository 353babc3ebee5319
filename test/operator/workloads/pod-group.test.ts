import { expect, test } from '@jest/globals';
import { coschedulingGroups, volcanoGroups } from '../../../operator/api/resources.ts';
import { gangAmong, podGroupOf, podGroupsOf } from '../../../operator/workloads/pod-group.ts';

const [plugin, volcano] = ['scheduling.x-k8s.io/v1alpha1', 'scheduling.volcano.sh/v1beta1'];

test.each<[string, readonly string[], string | undefined]>([
  ['the plugin', ['batch/v1', plugin], 'coscheduling'],
  ['Volcano', [volcano], 'volcano'],
  ['the plugin before Volcano', [volcano, plugin], 'coscheduling'],
  ['nobody', ['batch/v1', 'scheduling.k8s.io/v1'], undefined],
  ['nobody of a version that is not known', ['scheduling.x-k8s.io/v9'], undefined],
])('a cluster of %s', (_, served, gang) => {
  expect(gangAmong(new Set(served))).toBe(gang);
});

test('each has a kind of its own, and Volcano orders groups by their priority', () => {
  expect([podGroupsOf('coscheduling'), podGroupsOf('volcano')]).toEqual([coschedulingGroups, volcanoGroups]);
  const spec = (gang: 'coscheduling' | 'volcano', priorityClassName?: string) =>
    podGroupOf(gang, { name: 'g' }, { workers: 3, priorityClassName }).spec;
  expect(spec('volcano', 'high')).toEqual({ minMember: 3, priorityClassName: 'high' });
  expect([spec('coscheduling', 'high'), spec('volcano')]).toEqual([{ minMember: 3 }, { minMember: 3 }]);
});
