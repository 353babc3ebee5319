/** Rows with names → the numbers of each column, by the rules with which the trainer read its own tables. Pure. */
import { invalid } from '../protocol/errors.ts';
import { isRecord } from '../protocol/json.ts';
import type { Column, TablePreprocessing } from './preprocessing.ts';

/** What a row says of a column: undefined when it does not name it, null when the value is missing. */
type Row = (column: Column, index: number) => unknown;

/** Digits are split in one way alone: else a long row of them that is no number would be tried in as many ways as it has. */
const isDecimal = (text: string): boolean => /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(text);

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 80);

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  if (typeof value !== 'string' || !isDecimal(value.trim())) return undefined;
  return Number(value);
}

/** How the trainer spells a value: whole numbers without a point, truth as true and false. */
function wordsOf(value: unknown): readonly string[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (typeof value !== 'string') return [];
  return isDecimal(value.trim()) ? [value, String(Number(value))] : [value];
}

function categoryOf(value: unknown, { name, categories }: Column, where: string): number {
  for (const word of wordsOf(value)) {
    const index = categories?.get(word);
    if (index !== undefined) return index;
  }
  const known = [...(categories?.keys() ?? [])];
  const list = known.slice(0, 20).join(', ') + (known.length > 20 ? ', ...' : '');
  throw invalid(`'${name}' is ${shown(value)} in ${where}, which is none of what the model has learnt: ${list}`);
}

/** The number of a column in a row; undefined is a row that does not name it, null a missing value. `where` names the row to the caller. */
export function elementOf(value: unknown, column: Column, where: string): number {
  const { name, mayBeMissing, categories } = column;
  if (value === undefined) throw invalid(`${where} has no '${name}'`);
  if (value === null || Number.isNaN(value)) {
    if (mayBeMissing) return NaN;
    throw invalid(`'${name}' has no value in ${where}, and the model was trained without missing values`);
  }
  if (categories !== undefined) return categoryOf(value, column, where);
  const number = numberOf(value);
  if (number === undefined) throw invalid(`'${name}' is ${shown(value)} in ${where}, which is no number`);
  if (!Number.isFinite(Math.fround(number))) throw invalid(`'${name}' in ${where} does not fit into 32 bits`);
  return number;
}

function elementsOf(rows: readonly Row[], { columns }: TablePreprocessing): Float64Array {
  const elements = new Float64Array(rows.length * columns.length);
  rows.forEach((row, at) => {
    for (const [index, column] of columns.entries())
      elements[at * columns.length + index] = elementOf(row(column, index), column, `row ${at + 1}`);
  });
  return elements;
}

/** Objects with the columns by name; what else they have is not looked at. */
export function readRecords(rows: readonly unknown[], table: TablePreprocessing): Float64Array {
  const readers = rows.map((row, at): Row => {
    if (!isRecord(row)) throw invalid(`row ${at + 1} is not an object with a value for each column`);
    return ({ name }) => (Object.hasOwn(row, name) ? row[name] : undefined);
  });
  return elementsOf(readers, table);
}
