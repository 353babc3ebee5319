import { describe, expect, test } from '@jest/globals';
import { preprocessingOf, type TablePreprocessing } from '../../../../runtime/server/samples/preprocessing.ts';
import { readCsv, readRecords } from '../../../../runtime/server/samples/table.ts';

const tableOf = (...columns: readonly object[]): TablePreprocessing => {
  const parsed = preprocessingOf({ kind: 'table', columns });
  if (typeof parsed === 'string' || parsed.kind !== 'table') throw new Error('no table');
  return parsed;
};

const age = { name: 'age', kind: 'number' };
const city = { name: 'city', kind: 'category', categories: ['Bergen', 'Oslo', '7', 'true'] };
const strict = tableOf(age, city);
const lenient = tableOf({ ...age, missing: 'NaN' }, { ...city, missing: 'NaN' });

const csv = (text: string, table: TablePreprocessing): Float64Array =>
  readCsv(text, table, { most: 10, check: () => undefined });

describe('a CSV', () => {
  test.each(['', 'age,city\n'])('%j with more rows than may come is counted before it is read', (header) => {
    const counted: number[] = [];
    const check = (count: number): void => {
      counted.push(count);
      if (count > 2) throw new Error('too many');
    };
    // What follows is no CSV any more: nobody has looked.
    const text = `${header}1,Oslo\nold,Rome\n3,Oslo\n4,Oslo\n"`;
    expect(() => readCsv(text, strict, { most: 2, check })).toThrow('too many');
    expect(counted[0]).toBeGreaterThan(2);
  });

  test.each<[string, string, readonly number[]]>([
    [
      'with a header in any order, and more columns',
      'name,city,age\r\nAda,Oslo,36\r\nBo,Bergen,1e1\r\n',
      [36, 1, 10, 0],
    ],
    ['without a header', '36,Oslo\n-.5,Bergen', [36, 1, -0.5, 0]],
    ['quoted, with a byte order mark', '\ufeff"age","city"\n"36","Oslo"\n\n', [36, 1]],
    ['numbers that are categories, spelled otherwise', '1,07\n2,7.0\n3,true', [1, 2, 2, 2, 3, 3]],
  ])('%s', (_name, text, expected) => {
    expect([...csv(text, strict)]).toEqual(expected);
  });

  test.each(['', 'NA', 'N/A', 'NaN', 'nan', 'NULL', 'null'])('%j is a missing value where it may be', (word) => {
    expect([...csv(`${word},Oslo\n1,${word}`, lenient)]).toEqual([NaN, 1, 1, NaN]);
    expect(() => csv(`${word},Oslo`, strict)).toThrow("'age' has no value in row 1");
  });

  test.each<[string, string, string]>([
    ['a word for a number', 'age,city\n1,Oslo\nold,Oslo', `'age' is "old" in row 2, which is no number`],
    ['hexadecimal', '0x10,Oslo', 'which is no number'],
    ['infinity', 'inf,Oslo', 'which is no number'],
    ['a number beyond 32 bits', '1e39,Oslo', "'age' in row 1 does not fit into 32 bits"],
    [
      'an unknown category',
      '1,Rome',
      `'city' is "Rome" in row 1, which is none of what the model has learnt: Bergen, Oslo`,
    ],
    ['a column too many', '1,Oslo,2', 'the first line has 3 cells: it is neither a header with age,city nor a row'],
    ['a ragged row', 'age,city\n1,Oslo\n2', 'row 2 has 1 cells, 2 were expected'],
    ['an open quote', '"1,Oslo', 'this is no CSV'],
    ['a header without one column', 'age,town\n1,Oslo', `'age' is "age" in row 1, which is no number`],
  ])('with %s is refused', (_name, text, sentence) => {
    expect(() => csv(text, strict)).toThrow(sentence);
  });
});

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
});
