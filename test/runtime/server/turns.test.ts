import { expect, test } from '@jest/globals';
import { Turns } from '../../../runtime/server/turns.ts';

const later = (): { promise: Promise<void>; resolve: () => void } => {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
};

test('one name waits for itself, and for nobody else', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const gate = later();
  const first = turns.take('a', async () => {
    await gate.promise;
    order.push('a1');
  });
  const second = turns.take('a', () => Promise.resolve(order.push('a2')));
  await turns.take('b', () => Promise.resolve(order.push('b')));
  expect(order).toEqual(['b']);
  gate.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(['b', 'a1', 'a2']);
});

test('a failure is told to its own caller alone', async () => {
  const turns = new Turns();
  const failed = turns.take('a', () => Promise.reject(new Error('no')));
  const next = turns.take('a', () => Promise.resolve('yes'));
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
