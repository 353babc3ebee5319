import { expect, test } from '@jest/globals';
import { hostHasCuda, keepFullPrecision, providersFor } from '../../../runtime/server/providers.ts';

test.each([
  ['auto', true, ['cuda', 'cpu']],
  ['auto', false, ['cpu']],
  ['cpu', true, ['cpu']],
  ['cuda', true, ['cuda']],
  ['cuda', false, ['cuda']],
] as const)('%s, where there is CUDA: %p', (choice, hasCuda, providers) => {
  expect(providersFor(choice, hasCuda)).toEqual(providers);
});

test('the packages that are installed here have no library for a GPU', () => {
  expect(hostHasCuda()).toBe(false);
});

test.each([
  [{}, '0'],
  [{ NVIDIA_TF32_OVERRIDE: '1' }, '1'],
])('a GPU computes FP32 in full, unless somebody said otherwise: %p', (environment: NodeJS.ProcessEnv, said) => {
  keepFullPrecision(environment);
  expect(environment['NVIDIA_TF32_OVERRIDE']).toBe(said);
});
