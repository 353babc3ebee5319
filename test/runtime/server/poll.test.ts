import { expect, test } from '@jest/globals';
import { poll } from '../../../runtime/server/poll.ts';

/** So many times. */
function times(count: number): () => Promise<boolean> {
  let left = count;
  return () => Promise.resolve(left-- > 0);
}

test('a look that lasts keeps no other from being taken', async () => {
  let looks = 0;
  const rescan = (): Promise<void> => {
    looks += 1;
    return new Promise(() => undefined);
  };
  await poll(rescan, times(3), { warn: () => undefined });
  expect(looks).toBe(3);
});

test('one that fails is told of, and the next is taken', async () => {
  const told: unknown[] = [];
  const rescan = (): Promise<void> => Promise.reject(new Error('gone'));
  await poll(rescan, times(2), { warn: (...line) => void told.push(line) });
  await new Promise(setImmediate);
  expect(told).toEqual(new Array(2).fill(['the model folder cannot be read', { error: 'gone' }]));
});
