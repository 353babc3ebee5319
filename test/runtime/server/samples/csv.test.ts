import { describe, expect, test } from '@jest/globals';
import { invalid } from '../../../../runtime/server/protocol/errors.ts';
import { readCsv, type Floats } from '../../../../runtime/server/samples/csv.ts';
import type { TablePreprocessing } from '../../../../runtime/server/samples/preprocessing.ts';
import { age, city, lenient, strict, tableOf } from '../../../support/sample-tables.ts';

const longer = (length: number): Floats => new Float64Array(length);
const rows = { most: 10, check: () => undefined, goesOn: () => undefined, longer };
const csv = (text: string, table: TablePreprocessing): Promise<Floats> => readCsv(text, table, rows);

describe('a CSV', () => {
  test.each(['', 'age,city\n'])('%j with more rows than may come is read no further', async (header) => {
    const check = (count: number): void => {
      throw invalid(`${count} are too many`);
    };
    // What follows is no CSV any more: nobody has looked.
    const read = readCsv(`${header}1,Oslo\n2,Oslo\n3,Oslo\nold,Rome\n"`, strict, { ...rows, most: 2, check });
    await expect(read).rejects.toThrow('3 are too many');
  });

  test('of many rows lets others go on, and ends when nobody waits for it any more', async () => {
    let turns = 0;
    const goesOn = (): void => {
      turns += 1;
      if (turns > 3) throw invalid('gone');
    };
    const read = readCsv('1,Oslo\n'.repeat(100_000), strict, { ...rows, most: 100_000, goesOn });
    let others = 0;
    const count = (): void => {
      others += 1;
      if (turns <= 3) setImmediate(count);
    };
    setImmediate(count);
    await expect(read).rejects.toThrow('gone');
    expect(others).toBeGreaterThanOrEqual(3);
  });

  test('keeps every number, however many there are', async () => {
    const text = Array.from({ length: 5000 }, (_, row) => `${row},Oslo\n`).join('');
    const lengths: number[] = [];
    const told = (length: number): Floats => {
      lengths.push(length);
      return longer(length);
    };
    const elements = await readCsv(text, strict, { ...rows, most: 5000, longer: told });
    expect([...elements]).toEqual(Array.from({ length: 5000 }, (_, row) => [row, 1]).flat());
    // Room is asked for as they come, and for no more than there may be.
    expect(lengths).toEqual([1024, 2048, 4096, 8192, 10_000]);
  });

  test.each([0, 1, 2, 3])('reads letters that lie in two pieces, %i bytes along', async (along) => {
    const long = tableOf(city, age);
    const header = `city,age,${'x'.repeat(16_384 - 'city,age,'.length - 2 - along)}\n`;
    expect([...(await csv(`${header}Ærø,3,\n`, tableOf({ ...city, categories: ['Ærø'] }, age)))]).toEqual([0, 3]);
    await expect(csv(`${header}Ærø,3,\n`, long)).rejects.toThrow(`'city' is "Ærø"`);
  });

  // On busy cores megabytes may take longer than tests have.
  test('with a row of megabytes is refused before its end', async () => {
    await expect(csv(`"${'a'.repeat(5 << 20)}`, strict)).rejects.toThrow('has more than 4194304 bytes');
  }, 60_000);

  test.each<[string, string, readonly number[]]>([
    [
      'with a header in any order, and more columns',
      'name,city,age\r\nAda,Oslo,36\r\nBo,Bergen,1e1\r\n',
      [36, 1, 10, 0],
    ],
    ['without a header', '36,Oslo\n-.5,Bergen', [36, 1, -0.5, 0]],
    ['quoted, with a byte order mark', '\ufeff"age","city"\n"36","Oslo"\n\n', [36, 1]],
    ['numbers that are categories, spelled otherwise', '1,07\n2,7.0\n3,true', [1, 2, 2, 2, 3, 3]],
  ])('%s', async (_name, text, expected) => {
    expect([...(await csv(text, strict))]).toEqual(expected);
  });

  test.each(['', 'NA', 'N/A', 'NaN', 'nan', 'NULL', 'null'])('%j is a missing value where it may be', async (word) => {
    expect([...(await csv(`${word},Oslo\n1,${word}`, lenient))]).toEqual([NaN, 1, 1, NaN]);
    await expect(csv(`${word},Oslo`, strict)).rejects.toThrow("'age' has no value in row 1");
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
  ])('with %s is refused', async (_name, text, sentence) => {
    await expect(csv(text, strict)).rejects.toThrow(sentence);
  });
});
