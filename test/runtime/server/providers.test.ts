import { expect, test } from '@jest/globals';
import { hostCuda, keepFullPrecision, providersFor, untried } from '../../../runtime/server/providers.ts';

test.each([
  ['auto', true, ['cuda', 'cpu']],
  ['auto', false, ['cpu']],
  ['cpu', true, ['cpu']],
  ['cuda', true, ['cuda']],
  ['cuda', false, ['cuda']],
] as const)('%s, where there is CUDA: %p', (choice, hasCuda, providers) => {
  expect(providersFor(choice, { device: hasCuda, library: hasCuda })).toEqual(providers);
});

test.each([
  [true, false],
  [false, true],
])('CUDA takes a device and a library, not one alone: %p, %p', (device, library) => {
  expect(providersFor('auto', { device, library })).toEqual(['cpu']);
});

test.each([
  ['auto', { device: true, library: false }, true],
  ['auto', { device: true, library: true }, false],
  ['auto', { device: false, library: false }, false],
  ['auto', { device: false, library: true }, false],
  ['cpu', { device: true, library: false }, false],
  // That ends with an error of its own.
  ['cuda', { device: true, library: false }, false],
] as const)('%s with %j: a GPU is held in vain, and that is told: %p', (choice, cuda, told) => {
  const sentence = untried(choice, cuda);
  expect(sentence !== undefined).toBe(told);
  if (told) expect(sentence).toMatch(/there is a GPU, and no library for it here; take the image server-cuda/);
});

test('the packages that are installed here have no library for a GPU', () => {
  expect(hostCuda().library).toBe(false);
});

test.each(['/dev/nvidiactl', '/dev/dxg'])('a GPU is seen by %s, its library beside that for CPUs', (seen) => {
  expect(hostCuda((path) => path === seen)).toEqual({ device: true, library: false });
  const library = /onnxruntime-node\/bin\/napi-v6\/linux\/x64\/libonnxruntime_providers_cuda\.so$/;
  expect(hostCuda((path) => library.test(path))).toEqual({ device: false, library: true });
});

test.each([
  [{}, '0'],
  [{ NVIDIA_TF32_OVERRIDE: '1' }, '1'],
])('a GPU computes FP32 in full, unless somebody said otherwise: %p', (environment: NodeJS.ProcessEnv, said) => {
  keepFullPrecision(environment);
  expect(environment['NVIDIA_TF32_OVERRIDE']).toBe(said);
});
