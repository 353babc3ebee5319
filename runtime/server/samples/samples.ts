/** What people have → the model's input: rows of a table, pictures, or texts, as the manifest says. */
import type { Caller } from '../batcher.ts';
import type { Share } from '../body.ts';
import type { TextCodec } from '../decoding/text-codec.ts';
import { requireCaller } from '../patience.ts';
import { invalid, Refusal } from '../protocol/errors.ts';
import type { TensorSpec } from '../protocol/request.ts';
import { datatypes, elementCount, setNumbers, type Tensor, type TensorData } from '../tensor.ts';
import { readCsv, type Floats } from './csv.ts';
import { readPicture } from './picture.ts';
import {
  sampleShape,
  type ImagePreprocessing,
  type Preprocessing,
  type TablePreprocessing,
  type TextPreprocessing,
} from './preprocessing.ts';
import { readRecords } from './table.ts';
import { readTexts } from './text.ts';
import { textOf, type Members, type Upload } from './upload.ts';

/** Elements of all samples of a request: 32 MiB as the model takes them. */
const mostElements = 1 << 23;

/** What is known of a model that takes samples. */
export interface Reader {
  readonly input: TensorSpec;
  readonly preprocessing: Preprocessing;
  /** Of a model of texts. */
  readonly codec: TextCodec | undefined;
  readonly caller: Caller;
  /** Holds what samples become: a picture of a few bytes may be hundreds of thousands. */
  readonly share: Pick<Share, 'make'>;
}

const listNames = { table: 'rows', image: 'images', text: 'texts' } as const;

/** The only list of a JSON body. */
function listOf(body: Members, kind: Preprocessing['kind']): readonly unknown[] {
  const name = listNames[kind];
  const list = body[name];
  if (Array.isArray(list)) return list;
  throw invalid(`the model takes ${kind === 'table' ? 'rows of a table' : name}: the body must be {"${name}": [...]}`);
}

/** UTF-8 has no half of a surrogate pair: a tokenizer would read another letter in its place. */
const isText = (value: unknown): value is string => typeof value === 'string' && value.isWellFormed();

function stringsOf(body: Members, kind: 'image' | 'text'): readonly string[] {
  const list = listOf(body, kind);
  if (list.every(isText)) return list;
  throw invalid(
    `'${listNames[kind]}' is not a list of ${kind === 'image' ? 'files in base64' : 'strings that are UTF-8'}`,
  );
}

/** Refused before memory is taken for it. */
function checkCount(count: number, preprocessing: Preprocessing): void {
  if (count === 0) throw invalid('there is no sample in the body');
  const width = elementCount(sampleShape(preprocessing));
  if (count * width <= mostElements) return;
  throw invalid(`${count} samples of ${width} elements are more than ${mostElements}: send them in several requests`);
}

function tooLarge(mostBytes: number): Refusal {
  const sentence = `the samples, and the body that they came in, take more than ${mostBytes} bytes as the model takes them`;
  return new Refusal({ kind: 'tooLarge' }, `${sentence}: send them in several requests`);
}

/** Of numbers until they are as the model takes them. */
const bytesOfNumber = 8;

/** Zeros for so many samples, as the model takes them, once they are held; `besideBytes` for each element is what it has elsewhere. */
function zerosFor(count: number, { input, preprocessing, share }: Reader, besideBytes = 0): TensorData {
  checkCount(count, preprocessing);
  const length = count * elementCount(sampleShape(preprocessing));
  const { bytes, zeros } = datatypes[input.datatype];
  share.make(length * (bytes + besideBytes), tooLarge);
  return zeros(length);
}

async function csvOf(text: string, table: TablePreprocessing, { input, caller, share }: Reader): Promise<Floats> {
  let held = 0;
  const longer = (length: number): Floats => {
    share.make((length - held) * datatypes[input.datatype].bytes, tooLarge);
    held = length;
    return input.datatype === 'FP64' ? new Float64Array(length) : new Float32Array(length);
  };
  const most = Math.floor(mostElements / table.columns.length);
  const check = (count: number): void => checkCount(count, table);
  return readCsv(text, table, { most, check, longer, goesOn: () => requireCaller(caller) });
}

async function tableOf(upload: Upload, table: TablePreprocessing, reader: Reader): Promise<TensorData> {
  if (upload.kind === 'json') {
    const rows = listOf(upload.body, 'table');
    const data = zerosFor(rows.length, reader, bytesOfNumber);
    setNumbers(data, readRecords(rows, table), 0);
    return data;
  }
  if (upload.parts.length !== 1) throw invalid(`the body has ${upload.parts.length} parts; a table is one CSV`);
  return csvOf(upload.parts.map(textOf).join(''), table, reader);
}

async function picturesOf(upload: Upload, image: ImagePreprocessing, reader: Reader): Promise<TensorData> {
  const files =
    upload.kind === 'parts' ? upload.parts : stringsOf(upload.body, 'image').map((text) => Buffer.from(text, 'base64'));
  const data = zerosFor(files.length, reader);
  const width = elementCount(sampleShape(image));
  for (const [index, file] of files.entries()) {
    requireCaller(reader.caller);
    setNumbers(data, await readPicture(file, `image ${index + 1}`, image), index * width);
  }
  return data;
}

async function textsOf(upload: Upload, text: TextPreprocessing, reader: Reader): Promise<TensorData> {
  const texts = upload.kind === 'parts' ? upload.parts.map(textOf) : stringsOf(upload.body, 'text');
  const data = zerosFor(texts.length, reader);
  const { codec, caller } = reader;
  if (codec === undefined) throw new TypeError('a model of texts was loaded without its tokenizer');
  let from = 0;
  for await (const row of readTexts(texts, codec, text, () => requireCaller(caller))) {
    setNumbers(data, row, from);
    from += row.length;
  }
  return data;
}

function dataOf(upload: Upload, reader: Reader): Promise<TensorData> {
  const { preprocessing } = reader;
  switch (preprocessing.kind) {
    case 'table':
      return tableOf(upload, preprocessing, reader);
    case 'image':
      return picturesOf(upload, preprocessing, reader);
    case 'text':
      return textsOf(upload, preprocessing, reader);
  }
}

/**
 * The input of a request: [samples, ...the shape of one]. Refuses what the model has not learnt to take, and what its memory has no
 * room for.
 */
export async function samplesOf(upload: Upload, reader: Reader): Promise<Tensor> {
  const { input, preprocessing } = reader;
  const data = await dataOf(upload, reader);
  const shape = sampleShape(preprocessing);
  const count = data.length / elementCount(shape);
  checkCount(count, preprocessing);
  return { name: input.name, datatype: input.datatype, shape: [count, ...shape], data };
}
