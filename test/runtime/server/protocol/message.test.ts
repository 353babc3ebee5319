import { expect, test } from '@jest/globals';
import { policyOf } from '../../../../runtime/server/protocol/message.ts';

test.each([
  [{}, undefined],
  [{ priority: 0, timeout: 0 }, undefined],
  [{ priority: null, timeout: null }, undefined],
  [{ priority: 1 }, { level: 1, timeoutMs: Infinity }],
  [{ priority: 9 }, { level: 9, timeoutMs: Infinity }],
  [{ priority: 2 ** 53 - 1 }, { level: 9, timeoutMs: Infinity }],
  [{ priority: 2 ** 64 }, { level: 9, timeoutMs: Infinity }],
  [{ timeout: 2 ** 53 }, { level: 5, timeoutMs: 2 ** 53 / 1000 }],
  [{ timeout: 1 }, { level: 5, timeoutMs: 0.001 }],
  [
    { timeout: 2_000_000, priority: 3, other: 'x' },
    { level: 3, timeoutMs: 2000 },
  ],
])('the parameters %j say %j', (parameters, policy) => expect(policyOf(parameters)).toEqual(policy));

test('a priority beyond 2^53 is so in digits, too', () => {
  expect(policyOf({ priority: 2n ** 64n - 1n })).toEqual({ level: 9, timeoutMs: Infinity });
});

test.each([
  { priority: -1 },
  { priority: 1.5 },
  { timeout: '1' },
  { timeout: true },
  { timeout: Infinity },
  { timeout: [] },
])('the parameters %j are refused by name', (parameters) => {
  const [name = ''] = Object.keys(parameters);
  expect(() => policyOf(parameters)).toThrow(`the parameter '${name}' is not a whole number of 0 or more`);
});
