import { expect, test } from '@jest/globals';
import { questionOf } from '../../../../runtime/server/explain/parameters.ts';

const modelOf = (datatype: 'FP32' | 'FP64') => ({
  inputs: [{ name: 'x', datatype, shape: [-1, 3] }],
  outputs: [{ name: 'y', datatype, shape: [-1, 2] }],
});

/** As `modelOf`, with so many labels, and how often one of them was read. */
function labelled(count: number) {
  let reads = 0;
  const get = (target: readonly string[], key: string | symbol): unknown => {
    if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
    return Reflect.get(target, key);
  };
  const names = Array.from({ length: count }, (_, index) => `class ${String(index).padStart(4, '0')}`);
  const outputs = [{ name: 'y', datatype: 'FP32' as const, shape: [-1, count] }];
  const labels = new Proxy<readonly string[]>(names, { get });
  return { model: { ...modelOf('FP32'), outputs, labels }, names, reads: () => reads };
}

test('a class is known by its label, of equal ones by the first, or by its index', () => {
  const model = { ...modelOf('FP32'), labels: ['a', 'b', 'a'] };
  expect(questionOf({ target: 'a' }, model).targets).toEqual([0]);
  expect(questionOf({ target: ['b', 0, 'a'] }, model).targets).toEqual([1, 0, 0]);
  expect(() => questionOf({ target: ['b', 'c'] }, model)).toThrow("'target' names the class 'c', which the model");
});

test('labels are read once, however many classes are named', () => {
  const { model, names, reads } = labelled(1000);
  const target = new Array(100).fill(names.at(-1));
  expect(questionOf({ target }, model).targets).toEqual(new Array(100).fill(999));
  expect(reads()).toBeLessThan(10_000);
});

test('more classes than rows can be explained are refused before one is looked up', () => {
  const { model, names, reads } = labelled(1000);
  const target = new Array(16_385).fill(names.at(-1));
  expect(() => questionOf({ target }, model)).toThrow("'target' has 16385 classes, at most 16384 rows are explained");
  expect(reads()).toBe(0);
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
