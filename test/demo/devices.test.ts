import { expect, test } from '@jest/globals';
import { holdsDevice } from '../../demo/devices.ts';
import type { Pod } from '../../demo/kubectl.ts';

const pod = (limits?: Readonly<Record<string, string>>): Pod => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } },
  spec: { containers: [{}, limits === undefined ? {} : { resources: { limits } }] },
});

test.each([
  ['no limits', undefined, false],
  ['cores, memory and scratch', { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' }, false],
  ['a GPU', { cpu: '1', 'nvidia.com/gpu': '1' }, true],
  ['a shared GPU', { 'nvidia.com/gpu.shared': '1' }, true],
  ['a part of a GPU', { 'nvidia.com/mig-1g.5gb': '1' }, true],
  ["another maker's", { 'gpu.intel.com/i915': '1' }, true],
])('a pod with %s holds a device: %j, %p', (_, limits, holds) => {
  expect(holdsDevice(pod(limits))).toBe(holds);
});
