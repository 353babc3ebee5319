import { expect, test } from '@jest/globals';
import { canonicalQuantity, wholeUnits } from '../../../operator/workloads/quantity.ts';
import { leftAlone, quantityPairs } from '../../support/quantities.ts';

const all = [...quantityPairs, ...leftAlone];

test.each(all)('the canonical form of %s is %s', (declared, stored) => {
  expect(canonicalQuantity(declared)).toBe(stored);
});

test.each(all)('%s, once it is %s, stays so', (_, stored) => {
  expect(canonicalQuantity(stored)).toBe(stored);
});

test.each(['', 'much', '1.5m', '1.2345', '-1', '1e3', '1KiB', '1mi'])('%j is left to be refused', (text) => {
  expect(canonicalQuantity(text)).toBe(text);
});

test.each([
  [1024, 1024],
  ['1Ki', 1024],
  ['512Mi', 512 * 2 ** 20],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['2G', 2e9],
  ['1T', 1e12],
  ['2k', 2000],
  ['1500m', 1],
  ['much', 0],
])('the amount %s is %i whole units', (quantity, units) => {
  expect(wholeUnits(quantity)).toBe(units);
});
