import { expect, test } from '@jest/globals';
import {
  logitsBytes,
  slotBytes,
  slotDemandBytes,
  type Geometry,
} from '../../../../runtime/server/decoding/geometry.ts';

const geometry: Geometry = {
  contract: 'split-v1',
  ...{ layers: 4, heads: 8, headDim: 64, vocabulary: 1000, contextLength: 1024, endTokens: [] },
};

test('a slot is keys and values of every layer and head at full length', () => {
  expect(slotBytes(geometry)).toBe(2 * 4 * 8 * 64 * 1024 * 4);
  expect(slotBytes(geometry)).toBe(16 * 2 ** 20);
});

test('a graph that gives all of them back has them three times', () => {
  expect(slotDemandBytes(geometry)).toBe(slotBytes(geometry));
  expect(slotDemandBytes({ ...geometry, contract: 'concat' })).toBe(3 * slotBytes(geometry));
});

test.each([
  ['a token of each slot', 'split-v1', { slots: 16, prefillTokens: 256 }, 16],
  ['every token of a piece of a prompt', 'concat', { slots: 16, prefillTokens: 256 }, 256],
  ['of a context at most', 'concat', { slots: 16, prefillTokens: 4096 }, 1024],
  ['every slot where these are more', 'concat', { slots: 64, prefillTokens: 16 }, 64],
] as const)('logits of a run are of %s, and their copy', (_what, contract, sizes, rows) => {
  expect(logitsBytes({ ...geometry, contract }, sizes)).toBe(2 * rows * 1000 * 4);
});
