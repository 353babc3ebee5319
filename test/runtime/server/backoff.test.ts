import { describe, expect, test } from '@jest/globals';
import { loadDelayMs, retryDelayMs } from '../../../runtime/server/backoff.ts';

describe('retryDelayMs', () => {
  test.each([
    [1, 0, 250],
    [1, 1, 500],
    [2, 1, 1000],
    [5, 1, 8000],
    [7, 1, 30_000],
    [10_000, 0, 15_000],
  ])('attempt %d with chance %d waits %d ms', (attempt, random, expected) => {
    expect(retryDelayMs(attempt, random)).toBe(expected);
  });
});

test('a load waits longer where a person is needed', () => {
  expect(loadDelayMs('ArtefactMissing', 1, 0)).toBe(250);
  expect(loadDelayMs('StoreUnavailable', 100, 1)).toBe(30_000);
  expect(loadDelayMs('LoadFailed', 1, 0)).toBe(60_000);
});
