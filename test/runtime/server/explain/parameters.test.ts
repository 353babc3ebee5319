import { expect, test } from '@jest/globals';
import { questionOf } from '../../../../runtime/server/explain/parameters.ts';

const modelOf = (datatype: 'FP32' | 'FP64') => ({
  inputs: [{ name: 'x', datatype, shape: [-1, 3] }],
  outputs: [{ name: 'y', datatype, shape: [-1, 2] }],
});

test.each([
  ['FP32', Infinity],
  ['FP32', [0, -1e300, 0]],
  ['FP64', [-Infinity]],
] as const)('a baseline of %s is not %j', (datatype, baseline) => {
  expect(() => questionOf({ baseline }, modelOf(datatype))).toThrow(`which is not ${datatype}`);
});

test.each([
  ['FP32', [3.4e38, -1], [3.4e38, -1]],
  ['FP64', 1e300, [1e300]],
  ['FP32', [null, 2n ** 64n], [NaN, 2 ** 64]],
] as const)('a baseline of %s is %p', (datatype, baseline, expected) => {
  expect(questionOf({ baseline }, modelOf(datatype)).baseline).toEqual(expected);
});
