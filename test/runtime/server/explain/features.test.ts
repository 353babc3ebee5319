import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { featuresOf, spreadBaseline } from '../../../../runtime/server/explain/features.ts';

describe('features', () => {
  test.each<[string, readonly number[], [number, number] | undefined, number[][]]>([
    ['a scalar row is one', [], undefined, [[0]]],
    ['a row of a table has one for each column', [3], undefined, [[0], [1], [2]]],
    [
      'a small image has one for each pixel, of all channels',
      [2, 1, 2],
      undefined,
      [
        [0, 2],
        [1, 3],
      ],
    ],
    [
      'an image has patches',
      [1, 2, 4],
      [2, 2],
      [
        [0, 1, 4, 5],
        [2, 3, 6, 7],
      ],
    ],
    ['which are cut at its edge', [1, 3, 1], [2, 2], [[0, 1], [2]]],
  ])('%s', (_, shape, patch, expected) => {
    expect(featuresOf(shape, patch)).toEqual(expected);
  });

  test('have every element once, whatever the sizes', () => {
    const size = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(fc.tuple(size, size, size), fc.option(fc.tuple(size, size), { nil: undefined }), (shape, patch) => {
        const elements = featuresOf(shape, patch).flat();
        const count = shape[0] * shape[1] * shape[2];
        expect(elements.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
    );
  });

  test('of an ordinary photograph are some two hundred patches', () => {
    expect(featuresOf([3, 224, 224], undefined)).toHaveLength(14 * 14);
  });

  test('patches are for images alone', () => {
    expect(() => featuresOf([3], [1, 1])).toThrow("'patch' is for images");
  });
});

describe('a baseline', () => {
  test('is one value for all, or one for each index of the first axis', () => {
    expect([...spreadBaseline([7], [2, 2])]).toEqual([7, 7, 7, 7]);
    expect([...spreadBaseline([1, 2], [2, 2])]).toEqual([1, 1, 2, 2]);
    expect([...spreadBaseline([1, NaN], [2])]).toEqual([1, NaN]);
    expect([...spreadBaseline([3], [])]).toEqual([3]);
  });

  test('of another length is refused', () => {
    expect(() => spreadBaseline([1, 2, 3], [2, 2])).toThrow('it takes 1, or 2');
  });
});
