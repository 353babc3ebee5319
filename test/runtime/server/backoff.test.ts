import { describe, expect, test } from '@jest/globals';
import { retryDelayMs } from '../../../runtime/server/backoff.ts';

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
