import { describe, expect, test } from '@jest/globals';
import { timeoutMsOf, timeoutOf } from '../../process/grpc-timeout.ts';

describe('a header', () => {
  test.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['40m', 40],
    ['500u', 0.5],
    ['99999999n', 99.999999],
  ])('%s is %d ms', (header, timeoutMs) => expect(timeoutMsOf(header)).toBeCloseTo(timeoutMs, 9));

  test.each(['', '5', 'S', '5s', '5 S', '0S', '-1S', '1.5S', '123456789m', '1S, 2S', '5x', 'Infinity'])(
    '%p says nothing',
    (header) => expect(timeoutMsOf(header)).toBeUndefined(),
  );
});

describe('milliseconds', () => {
  test.each([
    [1e-9, '1n'],
    [0.5, '500000n'],
    [100, '100000u'],
    [19_999.8765, '19999876u'],
    [100_000, '100000m'],
    [86_400_000, '86400000m'],
    [1e8, '100000S'],
    [1e12, '16666666M'],
    [3.6e14, '99999999H'],
    [Infinity, '99999999H'],
  ])('%d are %s', (timeoutMs, header) => {
    // A fraction may be lost in the last digit, never won.
    expect(timeoutOf(timeoutMs)).toBe(header);
    expect(timeoutMsOf(header)).toBeGreaterThan(0);
  });
});
