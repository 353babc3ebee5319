import { expect, test } from '@jest/globals';
import { probesOf, probesPerFeature, telling } from '../../../../runtime/server/explain/probes.ts';
import type { Method } from '../../../../runtime/server/explain/parameters.ts';

const ends = { row: Float64Array.of(4, 0, 8), baseline: Float64Array.of(0, 0, 4) };
const single = [[0], [1], [2]];

const rows = (method: Method, features = single) =>
  [...probesOf(method, features, ends)].map(({ feature, weight, fill }) => {
    const row = new Float64Array(3);
    fill(row);
    return [feature, weight, [...row]];
  });

test('a feature that is its baseline is not asked about; a missing value is a value', () => {
  expect(telling(single, ends)).toEqual([0, 2]);
  expect(telling([[0]], { row: Float64Array.of(NaN), baseline: Float64Array.of(NaN) })).toEqual([]);
  expect(telling([[0]], { row: Float64Array.of(0), baseline: Float64Array.of(NaN) })).toEqual([0]);
});

test('occlusion puts the baseline in the place of one feature after the other', () => {
  expect(rows({ kind: 'occlusion' })).toEqual([
    [0, -1, [0, 0, 8]],
    [2, -1, [4, 0, 4]],
  ]);
  expect(rows({ kind: 'occlusion' }, [[0, 2]])).toEqual([[0, -1, [0, 0, 4]]]);
});

test('on the way each feature takes its steps alone, while the others are in the middle of them', () => {
  expect(rows({ kind: 'integrated', steps: 2 })).toEqual([
    [0, 1, [2, 0, 5]],
    [0, -1, [0, 0, 5]],
    [0, 1, [4, 0, 7]],
    [0, -1, [2, 0, 7]],
    [2, 1, [1, 0, 6]],
    [2, -1, [1, 0, 4]],
    [2, 1, [3, 0, 8]],
    [2, -1, [3, 0, 6]],
  ]);
});

test('what a feature costs', () => {
  expect(probesPerFeature({ kind: 'occlusion' })).toBe(1);
  expect(probesPerFeature({ kind: 'integrated', steps: 8 })).toBe(16);
});
