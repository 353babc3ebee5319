import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from '@jest/globals';
import { BodyBudget } from '../../../runtime/server/body.ts';
import { holdStrings, type Face } from '../../../runtime/server/face.ts';

const mebibyte = 1 << 20;

/** A response that is not over, strings that count for it, and what others may take meanwhile. */
function holding(bytes: number) {
  const bodies = new BodyBudget(bytes);
  const response = Object.assign(new EventEmitter(), { closed: false });
  const free = (): number => {
    const taken = bodies.takeFree(bytes);
    bodies.give(taken);
    return taken;
  };
  const counted = holdStrings({ bodies } as Face, response as unknown as ServerResponse);
  return { counted, free, close: () => void response.emit('close') };
}

test('strings of all inputs are held from when they are counted until the request is answered', () => {
  const { counted, free, close } = holding(8 * mebibyte);
  counted('a', 1 << 15);
  expect(free()).toBe(7 * mebibyte);
  counted('b', 1 << 16);
  expect(free()).toBe(5 * mebibyte);
  close();
  expect(free()).toBe(8 * mebibyte);
});

test('those of an input that is read again are held once', () => {
  const { counted, free } = holding(8 * mebibyte);
  for (let time = 0; time < 3; time += 1) counted('a', 1 << 16);
  expect(free()).toBe(6 * mebibyte);
});

test('a few are not held', () => {
  const { counted, free } = holding(8 * mebibyte);
  counted('a', 1000);
  expect(free()).toBe(8 * mebibyte);
});

test('more than there is room for are refused, and not held', () => {
  const { counted, free } = holding(8 * mebibyte);
  expect(() => counted('a', 1 << 20)).toThrow('so many values that it takes more than 8388608 bytes');
  expect(free()).toBe(8 * mebibyte);
});
