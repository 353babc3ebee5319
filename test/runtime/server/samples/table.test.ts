import { describe, expect, test } from '@jest/globals';
import { readRecords } from '../../../../runtime/server/samples/table.ts';
import { lenient, strict } from '../../../support/sample-tables.ts';
import { unlessItHangs } from '../../../support/unless-it-hangs.ts';

describe('records', () => {
  test('have columns by name, in any order', () => {
    expect([
      ...readRecords(
        [
          { city: 'Oslo', age: 3, more: [] },
          { age: '4', city: 7 },
        ],
        strict,
      ),
    ]).toEqual([3, 1, 4, 2]);
    expect([...readRecords([{ age: true, city: true }], strict)]).toEqual([1, 3]);
  });

  test('say null for what is missing, where it may be', () => {
    expect([...readRecords([{ age: null, city: null }], lenient)]).toEqual([NaN, NaN]);
  });

  test.each<[string, unknown, string]>([
    ['no object', [1, 'Oslo'], 'row 1 is not an object'],
    ['a column that is not there, though it may be missing', { age: 1 }, "row 1 has no 'city'"],
    ['an inherited one', { age: 1, toString: 1 }, "row 1 has no 'city'"],
    ['a list for a number', { age: [1], city: 'Oslo' }, "'age' is [1] in row 1, which is no number"],
    ['an object for a category', { age: 1, city: {} }, 'which is none of'],
  ])('with %s are refused', (_name, row, sentence) => {
    expect(() => readRecords([row], lenient)).toThrow(sentence);
  });

  test.each([
    ['3', 3],
    ['-3.', -3],
    ['+.5', 0.5],
    [' 2.5e-1 ', 0.25],
  ])('spell numbers as the trainer reads them: %j', (age, number) => {
    expect([...readRecords([{ age, city: 'Oslo' }], strict)]).toEqual([number, 1]);
  });

  test.each(['', '.', '+', '1e', 'e1', '1.e', '1.2.3', '0x1', '1_0', 'Infinity'])('have no number in %j', (age) => {
    expect(() => readRecords([{ age, city: 'Oslo' }], strict)).toThrow('is no number');
  });

  test.each([
    ['age', 'which is no number'],
    ['city', 'which is none of'],
  ])("with a million digits that are no number for '%s' are refused at once", (name, sentence) => {
    const row = { age: 1, city: 'Oslo', [name]: `${'1'.repeat(1e6)}x` };
    expect(() => unlessItHangs(() => readRecords([row], strict))).toThrow(sentence);
  });
});
