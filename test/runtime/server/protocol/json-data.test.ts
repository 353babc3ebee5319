import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  checkString,
  NeedsBigIntegers,
  readJsonData,
  writeJsonData,
} from '../../../../runtime/server/protocol/json-data.ts';
import type { Datatype } from '../../../../runtime/server/tensor.ts';

const read = (datatype: Datatype, data: unknown, shape?: number[]): unknown[] =>
  Array.from(
    readJsonData({ name: 'x', datatype }, data, shape ?? [Array.isArray(data) ? data.length : 0]) as ArrayLike<unknown>,
  );

describe('elements from JSON', () => {
  test.each([
    ['FP32', [1, -0.5, 3.4e38], [1, -0.5, Math.fround(3.4e38)]],
    ['FP64', [1e308], [1e308]],
    ['FP32', [10n ** 20n, -(2n ** 64n), 1], [Math.fround(1e20), -(2 ** 64), 1]],
    ['FP64', [10n ** 20n], [1e20]],
    ['FP16', [1, 65504, -2], [0x3c00, 0x7bff, 0xc000]],
    ['BOOL', [true, false, 1, 0], [1, 0, 1, 0]],
    ['UINT8', [0, 255], [0, 255]],
    ['INT8', [-128, 127], [-128, 127]],
    ['INT16', [-32768], [-32768]],
    ['UINT16', [65535], [65535]],
    ['INT32', [2147483647], [2147483647]],
    ['UINT32', [4294967295], [4294967295]],
    ['INT64', [1, -(2n ** 63n)], [1n, -(2n ** 63n)]],
    ['UINT64', [2n ** 64n - 1n], [2n ** 64n - 1n]],
    ['BYTES', ['', 'ü€😀'], ['', 'ü€😀']],
  ] as const)('%s takes %p', (datatype, data, expected) => expect(read(datatype, data)).toEqual(expected));

  test.each([
    ['FP32', ['1'], 'holds "1", which is not FP32'],
    ['FP32', [null], 'holds null'],
    ['FP32', [true], 'holds true'],
    ['FP32', [1e39], 'holds 1e+39'],
    ['FP32', [10n ** 39n], 'holds 1000000000'],
    ['FP16', [10n ** 20n], 'holds 100000000000000000000, which is not FP16'],
    ['FP64', [Infinity], 'holds Infinity, which is not FP64'],
    ['FP16', [65520], 'holds 65520, which is not FP16'],
    ['UINT8', [300], 'holds 300, which is not UINT8'],
    ['UINT8', [-1], 'holds -1'],
    ['UINT8', [1.5], 'holds 1.5'],
    ['INT32', [2 ** 31], 'holds 2147483648'],
    ['INT64', [2n ** 63n], 'holds 9223372036854775808, which is not INT64'],
    ['INT64', [0.5], 'holds 0.5'],
    ['UINT64', [-1], 'holds -1'],
    ['INT64', [[2n ** 53n + 1n]], 'holds [9007199254740993], which is not INT64'],
    ['UINT64', [{ a: 2n ** 63n }], 'holds {"a":9223372036854775808}, which is not UINT64'],
    ['BOOL', [2], 'holds 2, which is not BOOL'],
    ['BYTES', [1], 'holds 1, which is not BYTES'],
    ['BYTES', ['a\0b'], 'NUL'],
    ['BYTES', ['ok', '\ud800'], 'half a surrogate pair'],
    ['BYTES', ['a\udc00b'], 'half a surrogate pair'],
    ['BYTES', [[{ a: ['b'] }, null]], 'holds [{"a":…},null], which is not BYTES'],
    ['FP32', 'text', 'are not a list'],
    ['FP32', undefined, 'are not a list'],
    ['FP32', { 0: 1 }, 'are not a list'],
    ['FP32', [[1]], 'which is not FP32'],
  ] as const)('%s refuses %p', (datatype, data, sentence) => expect(() => read(datatype, data)).toThrow(sentence));

  test.each([
    [
      [2, 2],
      [1, 2, 3, 4],
    ],
    [
      [2, 2],
      [
        [1, 2],
        [3, 4],
      ],
    ],
    [
      [1, 2, 2],
      [
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ],
    [[4], [1, 2, 3, 4]],
  ])('shape %j takes %j', (shape, data) => expect(read('FP32', data, shape)).toEqual([1, 2, 3, 4]));

  test('a scalar and no elements at all', () => {
    expect(read('FP32', [7], [])).toEqual([7]);
    expect(read('FP32', [], [0, 5])).toEqual([]);
  });

  test.each([
    [[2, 2], [1, 2, 3], 'has 3 elements, its shape [2,2] asks for 4'],
    [[2 ** 34, 64], [1], 'has 1 elements'],
    [[2 ** 52, 2 ** 52, 2 ** 52], [1], 'has 1 elements'],
    [[2, 2], [[1, 2], [3]], 'do not have its shape [2,2]'],
    [[2, 2], [[1, 2], 3], 'do not have its shape'],
    [[2, 2], [[1, 2, 3, 4]], 'do not have its shape'],
    [[2, 1], [[[1]], [[2]]], 'which is not FP32'],
  ])('shape %j refuses %j', (shape, data, sentence) => expect(() => read('FP32', data, shape)).toThrow(sentence));

  test.each(['FP32', 'BYTES'] as const)('%s refuses a value of whatever depth', (datatype) => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    expect(() => read(datatype, [deep])).toThrow(`holds [[…]], which is not ${datatype}`);
  });

  test('a rounded integer asks for bigints', () => {
    expect(() => read('INT64', [2 ** 53])).toThrow(NeedsBigIntegers);
    expect(() => read('INT64', [1e21])).toThrow("input 'x' holds 1e+21, which is rounded; write it in digits alone");
  });

  test('strings without NUL pass', () => expect(checkString('x', 'ok')).toBe('ok'));
});

describe('elements to JSON', () => {
  test('what was written is read back bit by bit', () => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true, noDefaultInfinity: true }), (data) => {
        const tensor = { name: 'y', datatype: 'FP32' as const, shape: [data.length], data: Float32Array.from(data) };
        const again = readJsonData(tensor, JSON.parse(writeJsonData(tensor)), [data.length]);
        // JSON has no negative zero in this writing; it equals zero.
        expect(Array.from(again as Float32Array, (value) => value + 0)).toEqual(Array.from(data, (value) => value + 0));
      }),
    );
  });

  test.each([
    ['INT64', BigInt64Array.of(-(2n ** 63n), 5n), '[-9223372036854775808,5]'],
    ['BOOL', Uint8Array.of(1, 0), '[true,false]'],
    ['FP16', Uint16Array.of(0x3c00, 0xc000), '[1,-2]'],
    ['BYTES', ['a"b', 'I', 'N'], '["a\\"b","I","N"]'],
    ['UINT8', new Uint8Array(0), '[]'],
  ] as const)('%s', (datatype, data, expected) => {
    expect(writeJsonData({ name: 'y', datatype, shape: [data.length], data: data as never })).toBe(expected);
  });

  test.each([NaN, Infinity, -Infinity])('%d has no word in JSON', (value) => {
    const tensor = { name: 'y', datatype: 'FP32' as const, shape: [1], data: Float32Array.of(value) };
    expect(() => writeJsonData(tensor)).toThrow("output 'y' holds NaN or an infinity");
  });
});
