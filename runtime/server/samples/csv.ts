/**
 * A CSV → the numbers of each column. It is read piece by piece, for a parser blocks: others go on in between, and nothing is
 * kept of it but numbers.
 */
import { setImmediate as others } from 'node:timers/promises';
import { parse } from 'csv-parse';
import { invalid, Refusal } from '../protocol/errors.ts';
import type { TablePreprocessing } from './preprocessing.ts';
import { elementOf } from './table.ts';

/** Cells of a CSV that stand for a missing value: the trainer's list. */
const missingWords: ReadonlySet<string> = new Set(['', 'NA', 'N/A', 'NaN', 'nan', 'NULL', 'null']);

/** Bytes of a CSV between two turns of the event loop: a few milliseconds. */
const pieceBytes = 1 << 14;

/** A short table grows once. */
const leastElements = 1024;

/** Longest row of a CSV: a cell costs more in memory than on the wire, where it may be a comma. */
const mostRowBytes = 4 << 20;

/** Where in a record each column is: by the header, or in the model's order. */
function placesOf(first: readonly string[], { columns }: TablePreprocessing): readonly number[] | undefined {
  const found = new Map(columns.map(({ name }) => [name, -1]));
  for (const [at, cell] of first.entries()) if (found.get(cell) === -1) found.set(cell, at);
  const places = columns.map(({ name }) => found.get(name) ?? -1);
  return places.includes(-1) ? undefined : places;
}

/** Numbers of a table as models take them. */
export type Floats = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** How many rows may come; `check` refuses more. */
export interface Rows {
  readonly most: number;
  readonly check: (count: number) => void;
  /** So many zeros in the place of those of before, which are given up in the same turn. Refuses what has no room. */
  readonly longer: (length: number) => Floats;
  /** Throws when nobody waits for them any more. */
  readonly goesOn: () => void;
}

/** Takes records one by one and keeps their numbers alone: as lists of texts they have fifty times the memory. */
class CsvReader {
  readonly #table: TablePreprocessing;
  readonly #rows: Rows;
  #first = true;
  #places: readonly number[] | undefined;
  #width = 0;
  #count = 0;
  #elements: Floats = new Float32Array(0);

  constructor(table: TablePreprocessing, rows: Rows) {
    this.#table = table;
    this.#rows = rows;
  }

  take(record: readonly string[]): void {
    const isHeader = this.#first && this.#begin(record);
    this.#first = false;
    if (isHeader) return;
    if (record.length !== this.#width)
      throw invalid(raggedness(record.length, [this.#count, this.#width], this.#table));
    this.#count += 1;
    if (this.#count > this.#rows.most) this.#rows.check(this.#count);
    const { columns } = this.#table;
    const begin = (this.#count - 1) * columns.length;
    this.#grow(begin + columns.length);
    for (const [index, column] of columns.entries()) {
      const cell = record[this.#places?.[index] ?? index];
      const value = cell === undefined || missingWords.has(cell) ? null : cell;
      this.#elements[begin + index] = elementOf(value, column, `row ${this.#count}`);
    }
  }

  get elements(): Floats {
    return this.#elements.subarray(0, this.#count * this.#table.columns.length);
  }

  /** Whether the first record is a header. */
  #begin(record: readonly string[]): boolean {
    this.#places = placesOf(record, this.#table);
    this.#width = this.#places === undefined ? this.#table.columns.length : record.length;
    return this.#places !== undefined;
  }

  #grow(length: number): void {
    if (length <= this.#elements.length) return;
    const most = this.#rows.most * this.#table.columns.length;
    const larger = this.#rows.longer(
      Math.max(length, Math.min(most, Math.max(leastElements, 2 * this.#elements.length))),
    );
    larger.set(this.#elements);
    this.#elements = larger;
  }
}

/** A parser that gives every record away. */
function parserInto(take: (record: readonly string[]) => void) {
  const parser = parse({
    ...{ bom: true, skip_empty_lines: true, relax_column_count: true },
    on_record: (record: readonly string[]) => {
      take(record);
      return null;
    },
  });
  const failed = new Promise<never>((_resolve, reject) => parser.once('error', reject));
  failed.catch(() => undefined);
  const said = (tell: (done: (error?: Error | null) => void) => void): Promise<void> => {
    const done = new Promise<void>((resolve, reject) => tell((error) => (error ? reject(error) : resolve())));
    return Promise.race([done, failed]);
  };
  return {
    write: (piece: Buffer) => said((done) => parser.write(piece, done)),
    // What comes out of it, which is nothing, is read: else it would never end.
    end: () => said((done) => parser.once('end', done).resume().end()),
  };
}

/** A CSV, with a header that names the columns in any order, or without one and the columns in the model's order. */
export async function readCsv(text: string, table: TablePreprocessing, rows: Rows): Promise<Floats> {
  const bytes = Buffer.from(text);
  const reader = new CsvReader(table, rows);
  let rowFrom = 0;
  let at = 0;
  const parser = parserInto((record) => {
    rowFrom = at;
    reader.take(record);
  });
  try {
    for (; at < bytes.length; at += pieceBytes) {
      rows.goesOn();
      if (at - rowFrom > mostRowBytes) throw invalid(`a row of the CSV has more than ${mostRowBytes} bytes`);
      await parser.write(bytes.subarray(at, at + pieceBytes));
      await others();
    }
    await parser.end();
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw invalid(`this is no CSV: ${error instanceof Error ? error.message.slice(0, 200) : ''}`);
  }
  return reader.elements;
}

function raggedness(cells: number, [at, width]: readonly [number, number], { columns }: TablePreprocessing): string {
  if (at > 0) return `row ${at + 1} has ${cells} cells, ${width} were expected`;
  const names = columns.map(({ name }) => name);
  const list = names.slice(0, 20).join(',') + (names.length > 20 ? ',...' : '');
  return `the first line has ${cells} cells: it is neither a header with ${list} nor a row of these ${width}`;
}
