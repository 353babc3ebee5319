import { describe, expect, test } from '@jest/globals';
import { Places, slowMs, withoutBounds, type PlaceRules } from '../../../operator/kernel/places.ts';

const held = (
  rules: Partial<PlaceRules>,
  ...keys: readonly (readonly [key: string, sinceMs: number, fails?: 'fails'])[]
) => {
  const places = new Places({ ...withoutBounds, ...rules });
  for (const [key, sinceMs, fails] of keys) places.take(key, { sinceMs, isFailing: fails !== undefined });
  return places;
};
const groupOf = (key: string): string => key.slice(0, 1);

describe('Places', () => {
  test('without bounds everything is admitted', () => {
    const { isFree, admits } = held({}, ['a', 0, 'fails'], ['b', 0]).admission(slowMs);
    expect([isFree, admits('c', false), admits('c', true)]).toEqual([true, true, true]);
  });

  test.each([
    ['two that are quick hold both places', ['a1', 500], ['b1', 500], { isFree: false, fails: true }],
    ['one that is slow holds none', ['a1', 0], ['b1', 500], { isFree: true, fails: true }],
    [
      'one that fails leaves a place to who is well alone',
      ['a1', 500, 'fails'],
      undefined,
      { isFree: true, fails: false },
    ],
    ['also when it is slow', ['a1', 0, 'fails'], undefined, { isFree: true, fails: false }],
    [
      'and takes none from who fails in another group',
      ['b1', 0, 'fails'],
      ['b2', 0, 'fails'],
      { isFree: true, fails: true },
    ],
  ] as const)('%s', (_, first, second, expected) => {
    const keys = second === undefined ? [first] : [first, second];
    const { isFree, admits } = held({ places: 2, failingAtOnce: 1, groupOf }, ...keys).admission(slowMs);
    expect([{ isFree, fails: admits('a', true) }, admits('a', false)]).toEqual([expected, true]);
  });

  test('a group with as many slow ones as there are places has no more of them; others have', () => {
    const places = held({ places: 2, groupOf }, ['a1', 0], ['a2', 0], ['b1', 0]);
    const { admits } = places.admission(slowMs);
    expect([admits('a', false), admits('b', false)]).toEqual([false, true]);
    places.giveBack('a1');
    expect([places.has('a1'), places.admission(slowMs).admits('a', false)]).toEqual([false, true]);
  });

  test('where many are slow, a group holds one key at a time, be it slow or not', () => {
    const { isFree, admits } = held({ places: 2, slowAtOnce: 2, groupOf }, ['a1', 0], ['b1', 0], ['c1', 900]).admission(
      slowMs,
    );
    expect([isFree, ...['a', 'b', 'c', 'd'].map((group) => admits(group, false))]).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
  });

  test('the next one that becomes slow is the oldest that is not', () => {
    const places = held({}, ['a', 0], ['b', 300], ['c', 600]);
    expect([999, 1000, 1300, 1600].map((nowMs) => places.nextSlowAtMs(nowMs))).toEqual([1000, 1300, 1600, Infinity]);
  });
});
