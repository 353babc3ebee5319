import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  concatBatch,
  datatypeOf,
  datatypes,
  elementCount,
  elementsOf,
  isDatatype,
  splitBatch,
  type Datatype,
  type Tensor,
} from '../../../runtime/server/tensor.ts';

const names = Object.keys(datatypes) as Datatype[];

/** Tensors [nᵢ, ...rest] of one datatype with recognisable elements. */
const parts = fc
  .record({
    datatype: fc.constantFrom(...names),
    rows: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 6 }),
    rest: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
    seed: fc.integer({ min: 0, max: 100 }),
  })
  .map(({ datatype, rows, rest, seed }): Tensor[] => {
    let next = seed;
    return rows.map((count) => {
      const shape = [count, ...rest];
      const data = datatypes[datatype].zeros(elementCount(shape));
      for (let i = 0; i < data.length; i += 1) {
        const value = (next += 1) % 128;
        data[i] = datatype === 'BYTES' ? `s${value}` : datatype.endsWith('INT64') ? BigInt(value) : value;
      }
      return { name: 'x', datatype, shape, data };
    });
  });

describe('tensors', () => {
  test('splitting what was joined gives the parts back', () => {
    fc.assert(
      fc.property(parts, (tensors) => {
        const rows = tensors.map(({ shape }) => shape[0] ?? 0);
        const joined = concatBatch(tensors);
        expect(joined.shape[0]).toBe(rows.reduce((a, b) => a + b, 0));
        const again = splitBatch(joined, rows);
        expect(again).toHaveLength(tensors.length);
        again.forEach((tensor, index) => {
          expect(tensor.shape).toEqual(tensors[index]!.shape);
          expect(Array.from(tensor.data as ArrayLike<unknown>)).toEqual(
            Array.from(tensors[index]!.data as ArrayLike<unknown>),
          );
        });
      }),
    );
  });

  test('a run without rows is as long as one with a row', () => {
    const none: Tensor = { name: 'x', datatype: 'FP32', shape: [0, 60_000], data: new Float32Array(0) };
    expect(elementsOf([none, { ...none, shape: [2, 3] }, { ...none, shape: [] }])).toBe(60_007);
  });

  test('a batch that lost rows is refused', () => {
    const tensor: Tensor = { name: 'y', datatype: 'FP32', shape: [2, 1], data: new Float32Array(2) };
    expect(() => splitBatch(tensor, [1, 2])).toThrow('a batch of 3 rows came back as [2, 1]');
  });

  test('one tensor is joined without a copy', () => {
    const tensor: Tensor = { name: 'x', datatype: 'FP32', shape: [1], data: new Float32Array(1) };
    expect(concatBatch([tensor])).toBe(tensor);
    expect(() => concatBatch([])).toThrow('nothing to join');
  });

  test.each(names)('%s is found under its ONNX Runtime name and has its size', (name) => {
    expect(datatypeOf(datatypes[name].onnx)).toBe(name);
    const zeros = datatypes[name].zeros(3);
    expect(zeros).toHaveLength(3);
    if (!Array.isArray(zeros)) expect(zeros.BYTES_PER_ELEMENT).toBe(datatypes[name].bytes);
  });

  test('words that are no datatypes', () => {
    for (const word of ['BF16', 'float', 'toString', '', 1, undefined]) expect(isDatatype(word)).toBe(false);
    expect(datatypeOf('bfloat16')).toBeUndefined();
  });

  test('elements of shapes', () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([0, 5])).toBe(0);
    expect(elementCount([2 ** 34, 64])).toBe(2 ** 40);
  });
});
