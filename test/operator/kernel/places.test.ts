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
    const { well, failing, admits } = held({}, ['a', 0, 'fails'], ['b', 0]).admission(slowMs);
    expect([well, failing, admits('c')]).toEqual([true, true, true]);
  });

  test.each([
    ['two that are quick hold both places', ['a', 500], ['b', 500], { well: false, failing: false }],
    ['one that is slow holds none', ['a', 0], ['b', 500], { well: true, failing: true }],
    [
      'one that fails leaves a place to who is well alone',
      ['a', 500, 'fails'],
      undefined,
      { well: true, failing: false },
    ],
    ['also when it is slow', ['a', 0, 'fails'], undefined, { well: true, failing: false }],
  ] as const)('%s', (_, first, second, expected) => {
    const keys = second === undefined ? [first] : [first, second];
    expect(held({ places: 2, failingAtOnce: 1 }, ...keys).admission(slowMs)).toMatchObject(expected);
  });

  test('a group with as many slow ones as there are places has no more of them; others have', () => {
    const places = held({ places: 2, groupOf }, ['a1', 0], ['a2', 0], ['b1', 0]);
    const { admits } = places.admission(slowMs);
    expect([admits('a3'), admits('b2')]).toEqual([false, true]);
    places.giveBack('a1');
    expect([places.has('a1'), places.admission(slowMs).admits('a3')]).toEqual([false, true]);
  });

  test('the next one that becomes slow is the oldest that is not', () => {
    const places = held({}, ['a', 0], ['b', 300], ['c', 600]);
    expect([999, 1000, 1300, 1600].map((nowMs) => places.nextSlowAtMs(nowMs))).toEqual([1000, 1300, 1600, Infinity]);
  });
});
