import { expect, test } from '@jest/globals';
import { DecodingStatistics } from '../../../../runtime/server/decoding/statistics.ts';

test('a successor goes on counting where its predecessor still does, and has slots of its own', () => {
  const before = new DecodingStatistics();
  const after = new DecodingStatistics(before);
  const step = { tokens: [{ id: 1, token: 2 }], ended: [], writing: 1, waiting: 0, promptTokens: 3 };
  before.stepped(step);
  after.stepped({ ...step, writing: 2 });
  before.ended({ kind: 'length' }, 4);
  expect(after.totals).toMatchObject({ writtenTokens: 2, promptTokens: 10, cachedTokens: 4, endings: { length: 1 } });
  expect([before.writing, after.writing]).toEqual([1, 2]);
});
