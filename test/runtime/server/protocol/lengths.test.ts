import { describe, expect, test } from '@jest/globals';
import { checkLengths, lengthLimits } from '../../../../runtime/server/protocol/lengths.ts';
import type { Datatype } from '../../../../runtime/server/tensor.ts';

const MiB = 2 ** 20;

test.each([
  ['a square has room in the memory', { memoryBytes: 512 * MiB }, 0, { square: 2896, plain: Infinity }],
  ['a larger one in more', { memoryBytes: 2 ** 34 }, 0, { square: 16_384, plain: Infinity }],
  ['what the model declares is taken', { memoryBytes: 512 * MiB }, 4096, { square: 4096, plain: Infinity }],
  ['if its square has room at all', { memoryBytes: 512 * MiB }, 131_072, { square: 5792, plain: Infinity }],
  ['less is no limit', { memoryBytes: 512 * MiB }, 256, { square: 2896, plain: Infinity }],
  ['who says so is obeyed', { memoryBytes: 512 * MiB, maxSequenceLength: 8 }, 256, { square: 8, plain: 8 }],
])('%s', (_what, means, declared, limits) => expect(lengthLimits(means, declared)).toEqual(limits));

describe('of open dimensions', () => {
  const check = (open: readonly number[], shape: readonly number[], datatype: Datatype, plain = 8): void => {
    const spec = { name: 'x', datatype, shape: open };
    checkLengths([spec], [{ ...spec, shape, data: [] }], { square: 8, plain });
  };

  test.each<[string, number[], number[], Datatype]>([
    ['the batch axis may be of any length', [-1, -1], [1000, 8], 'INT64'],
    ['one may be as long as the limit', [-1, -1], [1, 8], 'INT64'],
    ['what the model itself asks for is its own affair', [-1, 64], [1, 64], 'INT64'],
    ['nothing may have no length', [-1, -1], [0, 0], 'INT64'],
    ['nor rows, of what the model asks for', [-1, 64], [0, 64], 'FP32'],
    ['nor columns, of as many rows', [-1, -1], [8, 0], 'FP32'],
    ['a scalar has none', [], [], 'FP32'],
  ])('%s', (_what, open, shape, datatype) => expect(() => check(open, shape, datatype)).not.toThrow());

  test.each<[string, number[], number[], Datatype]>([
    ['tokens may not be more', [-1, -1], [1, 9], 'INT64'],
    ['nor of fewer bits', [-1, -1], [1, 9], 'INT32'],
    ['nor another dimension', [-1, 4, -1], [1, 4, 9], 'FP32'],
  ])('%s', (_what, open, shape, datatype) => {
    const sentence = `input 'x' has shape [${shape.join(',')}], and no more than 8 are taken there`;
    expect(() => check(open, shape, datatype, Infinity)).toThrow(sentence);
  });

  test.each([
    ['a length without rows', [-1, -1], [0, 9]],
    ['rows without a length', [-1, -1], [9, 0]],
    ['several lengths together', [-1, -1, -1], [0, 3, 3]],
    ['a length beside what the model asks for', [-1, 4, -1], [0, 4, 9]],
  ])('%s is refused though there are no data', (_what, open, shape) => {
    const sentence = `input 'x' has shape [${shape.join(',')}] without elements, and no more than 8 are taken there`;
    expect(() => check(open, shape, 'FP32', Infinity)).toThrow(sentence);
  });

  test('rows of plain numbers may be as long as sound is, unless somebody says otherwise', () => {
    expect(() => check([-1, -1], [1, 480_000], 'FP32', Infinity)).not.toThrow();
    expect(() => check([-1, -1], [1, 9], 'FP32')).toThrow('no more than 8 are taken there');
  });
});
