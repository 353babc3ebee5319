import { describe, expect, test } from '@jest/globals';
import { greyOf, rgbOfInks } from '../../../../runtime/server/samples/colours.ts';
import type { Pixels } from '../../../../runtime/server/samples/resample.ts';

const of = (channels: number, ...data: readonly number[]): Pixels => ({
  width: data.length / channels,
  height: 1,
  channels,
  data: Uint8Array.from(data),
});

describe('a pixel', () => {
  test.each<[string, Pixels, readonly number[]]>([
    ['white', of(4, 0, 0, 0, 0), [255, 255, 255]],
    ['black, however much of the others there is', of(4, 10, 20, 255, 255), [0, 0, 0]],
    ['each ink alone', of(4, 255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 255, 0), [0, 255, 255, 255, 0, 255, 255, 255, 0]],
    ['some of all', of(4, 51, 102, 153, 51), [163, 122, 82]],
  ])('of four inks is light that they leave: %s', async (_name, inks, expected) => {
    expect([...(await rgbOfInks(inks)).data]).toEqual(expected);
  });

  test('of three colours is as light as they look', async () => {
    expect([...(await greyOf(of(3, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255))).data]).toEqual([76, 150, 29, 255]);
  });
});

test.each([
  ['grey', greyOf, 3],
  ['inks', rgbOfInks, 4],
] as const)('of a large picture others get their turn: %s', async (_name, convert, channels) => {
  const large = { width: 1000, height: 1000, channels, data: new Uint8Array(channels * 1_000_000).fill(255) };
  let turns = 0;
  const count = (): void => {
    turns += 1;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  const { data } = await convert(large);
  clearImmediate(next);
  expect(turns).toBeGreaterThanOrEqual(5);
  expect(data.at(-1)).toBe(channels === 3 ? 255 : 0);
});
