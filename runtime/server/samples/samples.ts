/** What people have → the model's input: rows of a table, pictures, or texts, as the manifest says. */
import type { Caller } from '../batcher.ts';
import type { TextCodec } from '../decoding/text-codec.ts';
import { requireCaller } from '../patience.ts';
import { invalid } from '../protocol/errors.ts';
import type { TensorSpec } from '../protocol/request.ts';
import { datatypes, elementCount, type Tensor } from '../tensor.ts';
import { readCsv } from './csv.ts';
import { readPicture } from './picture.ts';
import { sampleShape, type ImagePreprocessing, type Preprocessing, type TablePreprocessing } from './preprocessing.ts';
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

async function tableOf(upload: Upload, table: TablePreprocessing, caller: Caller): Promise<Float64Array> {
  if (upload.kind === 'json') {
    const rows = listOf(upload.body, 'table');
    checkCount(rows.length, table);
    return readRecords(rows, table);
  }
  if (upload.parts.length !== 1) throw invalid(`the body has ${upload.parts.length} parts; a table is one CSV`);
  const most = Math.floor(mostElements / table.columns.length);
  const rows = { most, check: (count: number) => checkCount(count, table), goesOn: () => requireCaller(caller) };
  return readCsv(upload.parts.map(textOf).join(''), table, rows);
}

async function picturesOf(upload: Upload, image: ImagePreprocessing, caller: Caller): Promise<Float64Array> {
  const files =
    upload.kind === 'parts' ? upload.parts : stringsOf(upload.body, 'image').map((text) => Buffer.from(text, 'base64'));
  checkCount(files.length, image);
  const width = elementCount(sampleShape(image));
  const elements = new Float64Array(files.length * width);
  for (const [index, file] of files.entries()) {
    requireCaller(caller);
    elements.set(await readPicture(file, `image ${index + 1}`, image), index * width);
  }
  return elements;
}

async function elementsOf(upload: Upload, { preprocessing, codec, caller }: Reader): Promise<Float64Array> {
  switch (preprocessing.kind) {
    case 'table':
      return tableOf(upload, preprocessing, caller);
    case 'image':
      return picturesOf(upload, preprocessing, caller);
    case 'text': {
      const texts = upload.kind === 'parts' ? upload.parts.map(textOf) : stringsOf(upload.body, 'text');
      checkCount(texts.length, preprocessing);
      if (codec === undefined) throw new TypeError('a model of texts was loaded without its tokenizer');
      return readTexts(texts, codec, preprocessing, () => requireCaller(caller));
    }
  }
}

/** The input of a request: [samples, ...the shape of one]. Refuses what the model has not learnt to take. */
export async function samplesOf(upload: Upload, reader: Reader): Promise<Tensor> {
  const { input, preprocessing } = reader;
  const elements = await elementsOf(upload, reader);
  const shape = sampleShape(preprocessing);
  const count = elements.length / elementCount(shape);
  checkCount(count, preprocessing);
  const data = datatypes[input.datatype].zeros(elements.length);
  if (data instanceof BigInt64Array) data.set(Array.from(elements, BigInt));
  else if (!Array.isArray(data) && !(data instanceof BigUint64Array)) data.set(elements);
  return { name: input.name, datatype: input.datatype, shape: [count, ...shape], data };
}
