import { describe, expect, test } from '@jest/globals';
import { WriteMemory } from '../../../operator/kernel/memory.ts';
import { members } from '../../support/toy.ts';

const root = { namespace: 'default', name: 'alpha' };
const wish = { resource: members, key: { namespace: 'default', name: 'alpha-ann' }, hash: 'one', wholeHash: 'one' };

const stored = (resourceVersion: string, more: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'alpha-ann', resourceVersion, ...more },
});

/** Sent so often, a second after one another; the last time at 0. */
function sentOften(times: number): WriteMemory {
  const memory = new WriteMemory();
  for (let ago = times - 1; ago >= 0; ago -= 1) memory.sent(root, wish, stored('1'), -1000 * ago);
  return memory;
}

describe('a wish that others undo', () => {
  test.each([
    ['four times is for people', 4, 0],
    ['the fifth time it rests for a second', 5, 1000],
    ['and longer each time', 7, 4000],
    ['for a minute at most', 40, 60_000],
  ])('%s', (_, times, restMs) => {
    expect(sentOften(times).restMs(root, wish, 0)).toBe(restMs);
  });

  test('is sent again when its rest is over, and counts from the beginning after a while', () => {
    const memory = sentOften(8);
    expect([7999, 8000].map((nowMs) => memory.restMs(root, wish, nowMs))).toEqual([1, 0]);
    memory.sent(root, wish, stored('1'), 700_000);
    expect(memory.restMs(root, wish, 700_000)).toBe(0);
  });

  test('is another one when something else is wished, elsewhere, or by another root', () => {
    const memory = sentOften(9);
    const others = [
      { ...wish, hash: 'two' },
      { ...wish, key: root },
    ];
    expect(memory.restMs(root, { ...wish, wholeHash: 'two' }, 0)).toBeGreaterThan(0);
    expect(others.map((other) => memory.restMs(root, other, 0))).toEqual([0, 0]);
    expect(memory.restMs({ namespace: 'other', name: 'alpha' }, wish, 0)).toBe(0);
    memory.sent(root, { ...wish, hash: 'two' }, stored('1'), 0);
    expect(memory.restMs(root, wish, 0)).toBe(0);
  });

  test('counts from the beginning once the object was removed', () => {
    const memory = sentOften(9);
    memory.removed(root, wish.resource, wish.key);
    expect(memory.restMs(root, wish, 0)).toBe(0);
  });
});

test.each<[string, object, string | undefined, boolean]>([
  ['as it was sent', {}, '7', true],
  ['changed by somebody', {}, '8', false],
  ['of a version that nobody knows', {}, undefined, false],
  ['wished otherwise', { hash: 'two' }, '7', false],
  ['wished with something else in what does not tell it', { wholeHash: 'two' }, '7', false],
  ['another one', { key: root }, '7', false],
])('what was sent is %s', (_, other, resourceVersion, expected) => {
  const memory = new WriteMemory();
  memory.sent(root, wish, stored('7'), 0);
  expect(memory.isAsSent(root, { ...wish, ...other }, resourceVersion)).toBe(expected);
});

test.each<[string, object, object, boolean]>([
  ['as it was sent', {}, {}, true],
  ['changed by somebody', {}, { generation: 4 }, false],
  ["another object's, which was made anew", {}, { uid: 'later' }, false],
  ['of a kind without generations, and so not known', {}, { generation: undefined }, false],
  ['wished otherwise', { hash: 'two' }, {}, false],
  ['wished with something else in what does not tell it', { wholeHash: 'two' }, {}, false],
])('a spec is %s', (_, other, found, expected) => {
  const memory = new WriteMemory();
  const answer = { uid: 'one', generation: 3 };
  memory.sent(root, wish, stored('7', answer), 0);
  const { metadata } = stored('9', { ...answer, ...found });
  expect(memory.isSpecAsSent(root, { ...wish, ...other }, metadata)).toBe(expected);
});
