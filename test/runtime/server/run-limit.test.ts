import { expect, test } from '@jest/globals';
import { RunLimit } from '../../../runtime/server/run-limit.ts';

const minuteMs = 60_000;

test.each<[string, readonly [ms: number, elements: number][], number, number]>([
  ['nothing was run', [], 1, 5 * minuteMs],
  ['runs are short', [[20, 8]], 8, 5 * minuteMs],
  ['runs are long', [[minuteMs, 8]], 8, 20 * minuteMs],
  ['a run is larger than the longest', [[minuteMs, 8]], 16, 40 * minuteMs],
  ['a run is smaller than the longest', [[minuteMs, 8]], 1, 20 * minuteMs],
  [
    'others were shorter',
    [
      [minuteMs, 8],
      [1, 80],
    ],
    8,
    20 * minuteMs,
  ],
  ['the longest had no elements', [[minuteMs, 0]], 2, 40 * minuteMs],
])('where %s a run may take longer than five minutes only as it has before', (_when, runs, elements, limitMs) => {
  const limit = new RunLimit(undefined);
  for (const run of runs) limit.took(...run);
  expect(limit.of(elements)).toBe(limitMs);
});

test('what was asked for holds, whatever was measured', () => {
  const limit = new RunLimit(1000);
  limit.took(minuteMs, 1);
  expect(limit.of(100)).toBe(1000);
});
