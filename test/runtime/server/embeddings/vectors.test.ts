import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { vectorsOf } from '../../../../runtime/server/embeddings/vectors.ts';
import type { Tensor } from '../../../../runtime/server/tensor.ts';

const output = (shape: readonly number[], data: readonly number[]): Tensor => {
  return { name: 'y', datatype: 'FP32', shape, data: Float32Array.from(data) };
};
const plain = { pooling: 'mean', normalise: false, width: undefined } as const;

describe('vectors', () => {
  const rows = output([2, 2, 2], [1, 2, 3, 6, 5, 7, 900, 900]);

  test.each([
    ['the mean of a text’s own tokens', plain, [2, 4], [5, 7]],
    ['the first token’s', { ...plain, pooling: 'cls' }, [1, 2], [5, 7]],
    ['cut, and as long as 1 again', { ...plain, width: 1 }, [1], [1]],
  ] as const)('are %s', (_what, making, first, second) => {
    const vectors = vectorsOf(rows, [2, 1], making).map((vector) => [...vector]);
    expect(vectors).toEqual([first, second]);
  });

  test('are what the graph gives where it pools', () => {
    const vectors = vectorsOf(output([2, 2], [3, 4, 0, 0]), [9, 9], { ...plain, pooling: 'none', normalise: true });
    // Nothing is made of nothing.
    expect(vectors.map((vector) => [...vector].map((value) => Math.fround(value)))).toEqual([
      [Math.fround(0.6), Math.fround(0.8)],
      [0, 0],
    ]);
  });

  test('are as long as 1 where that is asked for', () => {
    const value = fc.float({ min: -100, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 3, maxLength: 30 }), (values) => {
        fc.pre(values.some((each) => Math.abs(each) > 1e-3));
        const [vector] = vectorsOf(output([1, values.length], values), [1], {
          ...{ pooling: 'none', normalise: true, width: undefined },
        });
        expect(Math.hypot(...vector!)).toBeCloseTo(1, 5);
      }),
    );
  });

  test.each([
    ['no numbers', output([1, 2], [Number.NaN, 1]), 'invalid', 'NaN or an infinity'],
    ['another number of rows', output([2, 2], [1, 1, 1, 1]), 'unavailable', 'it gave [2,2]'],
  ])('are refused of %s', (_what, tensor, kind, sentence) => {
    const make = () => vectorsOf(tensor, [1], { ...plain, pooling: 'none' });
    expect(make).toThrow(
      expect.objectContaining({ fault: expect.objectContaining({ kind }), message: expect.stringContaining(sentence) }),
    );
  });
});
