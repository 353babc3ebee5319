import { expect, test } from '@jest/globals';
import type { ConditionDraft } from '../../../operator/kernel/objects.ts';
import { gpuCondition } from '../../../operator/workloads/gpu-use.ts';

const gpuProfiles = {
  cpu: {},
  gpu: { resourceName: 'nvidia.com/gpu' },
  many: { resourceName: 'amd.com/gpu', count: 4 },
};
const before: ConditionDraft = { type: 'GpuUsed', status: 'False', reason: 'ComputesOnCpu', message: 'as it was' };
const of = (profile: string | undefined, device: 'cpu' | 'cuda' | undefined, said?: ConditionDraft) => {
  const attempt = profile === undefined ? {} : { profile };
  return gpuCondition({ attempt, device }, { gpuProfiles }, said);
};

test.each([
  ['gpu', 'cuda', 'True ComputesOnGpu'],
  ['gpu', 'cpu', 'False ComputesOnCpu'],
  ['many', 'cpu', 'False ComputesOnCpu'],
] as const)('an attempt of profile %s that computes on %s: %s', (profile, device, expected) => {
  for (const said of [undefined, before]) {
    const is = of(profile, device, said);
    expect(`${is?.type ?? ''} ${is?.status ?? ''} ${is?.reason ?? ''}`).toBe(`GpuUsed ${expected}`);
  }
});

test.each(['cpu', 'cuda'] as const)('nothing is said of an attempt that holds no GPU and computes on %s', (device) => {
  expect([of('cpu', device), of('cpu', device, before)]).toEqual([undefined, undefined]);
});

test.each([
  ['tells nothing', 'gpu', undefined],
  ['is not listed any more', undefined, 'cuda'],
  ['ran on a profile that the installation no longer has', 'large', 'cuda'],
  ['ran on a profile that is called as what every object has', 'constructor', 'cuda'],
] as const)('what was said stays while an attempt %s', (_, profile, device) => {
  expect([of(profile, device), of(profile, device, before)]).toEqual([undefined, before]);
});

test('the sentence has what is held in vain, and the remedy', () => {
  expect(of('many', 'cpu')?.message).toBe(
    'Each worker holds 4 amd.com/gpu by the profile many and computes on the CPU: PyTorch has no CUDA there, or finds no GPU. ' +
      'Give it an image with CUDA (gpuProfiles.many.images.trainer of the installation, or model.custom.image; ' +
      'docs/training.md), or name a profile without GPUs in a new job.',
  );
});
