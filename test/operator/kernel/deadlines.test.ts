import { describe, expect, test } from '@jest/globals';
import { backoffMs, watchBackoff } from '../../../operator/kernel/backoff.ts';
import { connectTimeoutMs, longestAwayMs, usualDeadlines } from '../../../operator/kernel/deadlines.ts';

const { crudMs, watchSilenceMs } = usualDeadlines;
const answeredLate = connectTimeoutMs + crudMs;
/** However often it has failed, and whatever chance says. */
const longestPause = backoffMs(watchBackoff, 1000, 1);
/** Of an API server, from one bookmark to the next, in the worst case. */
const bookmarkMs = 61_000;
/** For so long an API server keeps the changes that a watch may go on from. */
const keptMs = 75_000;

describe('whoever waits for a watch waits for longer than it may be away, which is', () => {
  test.each([
    ['stalled, and resumed late', [watchSilenceMs, answeredLate]],
    ['stalled, refused, and listed late', [watchSilenceMs, answeredLate, longestPause, answeredLate - 1]],
    ['broken twice in a storm', [longestPause, longestPause]],
  ])('%s', (_, spans) => {
    expect(longestAwayMs).toBeGreaterThan(spans.reduce((sum, ms) => sum + ms, 0));
  });
});

test('a watch on which nothing happens is not taken for a stalled one, and a stalled one is resumed, not listed', () => {
  expect(watchSilenceMs).toBeGreaterThan(bookmarkMs);
  expect(watchSilenceMs).toBeLessThanOrEqual(keptMs);
});
