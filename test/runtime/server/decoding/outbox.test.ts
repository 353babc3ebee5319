import { expect, test } from '@jest/globals';
import { Outbox } from '../../../../runtime/server/decoding/outbox.ts';

test('what is said in one turn is told together, and once', async () => {
  const told: (readonly number[])[] = [];
  const outbox = new Outbox<number>((items) => told.push(items));
  outbox.add(1);
  outbox.add(2);
  expect(told).toEqual([]);
  await Promise.resolve();
  outbox.add(3);
  outbox.flush();
  outbox.flush();
  await Promise.resolve();
  expect(told).toEqual([[1, 2], [3]]);
});
