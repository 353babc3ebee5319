import { expect, test } from '@jest/globals';
import { roundMs, roundsFor } from '../../../runtime/server/slow-line.ts';

test.each([
  ['a byte', 1, 1],
  ['what 64 KiB/s are in a minute', 60 * (64 << 10), 1],
  ['a byte more', 60 * (64 << 10) + 1, 2],
  ['10 MiB', 10 << 20, 3],
])('a caller has a round of a minute for each begun 64 KiB/s of it: %s', (_what, bytes, rounds) => {
  expect(roundsFor(bytes, roundMs)).toBe(rounds);
});

test('whoever names a rate is obeyed', () => expect(roundsFor(1000, 1000, 100)).toBe(10));
