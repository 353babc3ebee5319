import { expect, test } from '@jest/globals';
import { slotBytes, type Geometry } from '../../../../runtime/server/decoding/geometry.ts';

const geometry: Geometry = {
  contract: 'split-v1',
  ...{ layers: 4, heads: 8, headDim: 64, vocabulary: 1000, contextLength: 1024, endTokens: [] },
};

test('a slot is keys and values of every layer and head at full length', () => {
  expect(slotBytes(geometry)).toBe(2 * 4 * 8 * 64 * 1024 * 4);
  expect(slotBytes(geometry)).toBe(16 * 2 ** 20);
});
