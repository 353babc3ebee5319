import { describe, expect, test } from '@jest/globals';
import { backoffMs, keyBackoff, watchBackoff } from '../../../operator/kernel/backoff.ts';

describe('backoffMs', () => {
  test.each([
    ['the first retry of a key is at once', keyBackoff, 1, 0, 5],
    ['it doubles', keyBackoff, 4, 0, 40],
    ['up to a cap', keyBackoff, 60, 0, 1_000_000],
    ['chance adds nothing to keys', keyBackoff, 1, 0.9, 5],
    ['a watch waits longer', watchBackoff, 1, 0, 800],
    ['and up to twice as long by chance', watchBackoff, 1, 0.5, 1200],
    ['its cap is half a minute, before chance', watchBackoff, 20, 0, 30_000],
    ['no failure waits like the first', keyBackoff, 0, 0, 5],
  ])('%s', (_, policy, failures, chance, expected) => {
    expect(backoffMs(policy, failures, chance)).toBe(expected);
  });
});
