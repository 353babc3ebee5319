/**
 * What a manifest says of the way from what people have (rows of a table, pictures, texts) to the model's only input. The
 * trainer writes it; for a model from elsewhere a person does. Pure.
 */
import { isRecord } from '../protocol/json.ts';
import { shapeFits, type TensorSpec } from '../protocol/request.ts';

/** A column of a table: a number, or the index of a category. NaN stands for a missing value where one is allowed. */
export interface Column {
  readonly name: string;
  readonly mayBeMissing: boolean;
  /** Index of each category by its name; undefined for a number. */
  readonly categories: ReadonlyMap<string, number> | undefined;
}

export interface TablePreprocessing {
  readonly kind: 'table';
  readonly columns: readonly Column[];
}

/** Pixels 0..255 are spread over `range`, then per channel (pixel - mean) / deviation. */
export interface ImagePreprocessing {
  readonly kind: 'image';
  readonly channels: 1 | 3;
  readonly height: number;
  readonly width: number;
  /** Whether channels come before or after height and width. */
  readonly layout: 'channelsFirst' | 'channelsLast';
  readonly range: readonly [number, number];
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Tokens of a text are cut to `contextLength`, and shorter rows filled with `padding`. */
export interface TextPreprocessing {
  readonly kind: 'text';
  readonly contextLength: number;
  readonly padding: number;
}

export type Preprocessing = TablePreprocessing | ImagePreprocessing | TextPreprocessing;

type Members = Readonly<Record<string, unknown>>;

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 1;
const isFinite = (value: unknown): value is number => Number.isFinite(value);
const isWord = (value: unknown): value is string => typeof value === 'string';

function columnOf(value: unknown): Column | string {
  if (!isRecord(value) || !isWord(value['name'])) return 'a column has no name';
  const { name, kind, categories, missing } = value;
  if (missing !== undefined && missing !== 'NaN') return `missing of the column '${name}' is not 'NaN'`;
  const mayBeMissing = missing === 'NaN';
  if (kind === 'number') return { name, mayBeMissing, categories: undefined };
  if (kind !== 'category') return `kind of the column '${name}' is none of 'number', 'category'`;
  if (!Array.isArray(categories) || !categories.every(isWord)) return `the column '${name}' has no list of categories`;
  return { name, mayBeMissing, categories: new Map(categories.map((category, index) => [category, index])) };
}

function tableOf({ columns }: Members): TablePreprocessing | string {
  if (!Array.isArray(columns) || columns.length === 0) return 'columns is not a list of columns';
  const parsed = columns.map(columnOf);
  const wrong = parsed.find((column) => typeof column === 'string');
  if (wrong !== undefined) return wrong;
  const known = parsed.filter((column) => typeof column !== 'string');
  const names = new Set(known.map(({ name }) => name));
  return names.size < known.length ? 'two columns have one name' : { kind: 'table', columns: known };
}

/** One number for each channel. */
function perChannel(value: unknown, fallback: number, channels: number): readonly number[] | undefined {
  if (value === undefined) return new Array<number>(channels).fill(fallback);
  return Array.isArray(value) && value.length === channels && value.every(isFinite) ? value : undefined;
}

function rangeOf(value: unknown = [0, 255]): readonly [number, number] | undefined {
  const [low, high, ...more]: readonly unknown[] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  return isFinite(low) && isFinite(high) && low < high && more.length === 0 ? [low, high] : undefined;
}

type Size = Pick<ImagePreprocessing, 'channels' | 'height' | 'width' | 'layout'>;

function sizeOf({ channels, height, width, layout = 'channelsFirst' }: Members): Size | string {
  if (channels !== 1 && channels !== 3) return 'channels is neither 1 nor 3';
  if (!isCount(height) || !isCount(width)) return 'height or width is not a whole number above 0';
  if (layout === 'channelsFirst' || layout === 'channelsLast') return { channels, height, width, layout };
  return "layout is none of 'channelsFirst', 'channelsLast'";
}

function imageOf(members: Members): ImagePreprocessing | string {
  const { mode, resize = 'bilinear' } = members;
  const size = sizeOf(members);
  if (typeof size === 'string') return size;
  const { channels } = size;
  if (mode !== (channels === 1 ? 'grey' : 'RGB')) return "mode is not 'grey' for 1 channel or 'RGB' for 3";
  if (resize !== 'bilinear') return "resize is not 'bilinear'";
  const range = rangeOf(members['range']);
  if (range === undefined) return 'range is not two numbers, the lower first';
  const mean = perChannel(members['mean'], 0, channels);
  const deviation = perChannel(members['deviation'], 1, channels);
  if (mean === undefined || deviation?.every((one) => one > 0) !== true)
    return 'mean or deviation is not one number for each channel, deviations above 0';
  return { kind: 'image', ...size, range, mean, deviation };
}

function textOf({ tokenizer, contextLength, padding }: Members): TextPreprocessing | string {
  if (tokenizer !== 'tokenizer.json') return "tokenizer is not 'tokenizer.json'";
  if (!isCount(contextLength)) return 'contextLength is not a whole number above 0';
  if (!Number.isInteger(padding) || Number(padding) < 0) return 'padding is not a token';
  return { kind: 'text', contextLength, padding: Number(padding) };
}

const readers: Readonly<Record<string, (members: Members) => Preprocessing | string>> = {
  table: tableOf,
  image: imageOf,
  text: textOf,
};

/** The preprocessing of a manifest, or what is wrong with it. */
export function preprocessingOf(value: unknown): Preprocessing | string {
  if (!isRecord(value)) return 'preprocessing is not an object';
  const { kind } = value;
  const read = isWord(kind) && Object.hasOwn(readers, kind) ? readers[kind] : undefined;
  if (read === undefined) return "preprocessing.kind is none of 'table', 'image', 'text'";
  const found = read(value);
  return typeof found === 'string' ? `preprocessing: ${found}` : found;
}

/** The shape of one sample, without the batch axis. */
export function sampleShape(preprocessing: Preprocessing): readonly number[] {
  switch (preprocessing.kind) {
    case 'table':
      return [preprocessing.columns.length];
    case 'text':
      return [preprocessing.contextLength];
    case 'image': {
      const { channels, height, width, layout } = preprocessing;
      return layout === 'channelsFirst' ? [channels, height, width] : [height, width, channels];
    }
  }
}

/** Types whose elements the samples of a kind can be. */
const datatypesOf = {
  table: ['FP32', 'FP64'],
  image: ['FP32', 'FP64', 'UINT8'],
  text: ['INT32', 'INT64'],
} as const satisfies Record<Preprocessing['kind'], readonly string[]>;

/** Undefined when samples fit the model's inputs; otherwise one sentence that says why not. */
export function preprocessingFault(
  preprocessing: Preprocessing,
  [input, ...others]: readonly TensorSpec[],
): string | undefined {
  if (input === undefined || others.length > 0)
    return `the manifest's preprocessing fills one input, the model has ${others.length + Number(input !== undefined)}`;
  const types: readonly string[] = datatypesOf[preprocessing.kind];
  if (!types.includes(input.datatype))
    return `the manifest's preprocessing is for ${types.join(' or ')}, '${input.name}' is ${input.datatype}`;
  const shape = sampleShape(preprocessing);
  if (shapeFits(input.shape.slice(1), shape)) return undefined;
  return `the manifest's preprocessing makes [${shape.join(',')}] of a sample, '${input.name}' takes [${input.shape.slice(1).join(',')}]`;
}
