/**
 * KServe v1 `:predict` ↔ the inner language: rows in, rows out, without types or shapes.
 *
 * `{"instances": [row, ...]}`; a row is a value of the only input, or an object with a value for each input. Answered by
 * `{"predictions": [row, ...]}`, where a row is a value of the only output, or an object with one for each output. A string may
 * come as `{"b64": "..."}`, the base64 of its UTF-8.
 */
import type { Tensor } from '../tensor.ts';
import { invalid } from './errors.ts';
import { isRecord, parseBigJson, parseJson } from './json.ts';
import { jsonElements, NeedsBigIntegers, readJsonData } from './json-data.ts';
import { inputsOf, type GivenInput } from './message.ts';
import { checkInput, type InferenceRequest, type InferenceResult, type Signature, type TensorSpec } from './request.ts';

/** Lengths of nested lists, read along their first elements; what does not agree with them is refused later. */
function shapeOf(value: unknown): readonly number[] {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = (inner as readonly unknown[])[0]) shape.push(inner.length);
  return shape;
}

function rowsOf(message: unknown): readonly unknown[] {
  if (!isRecord(message)) throw invalid('the request is not an object');
  // The second name is what column-wise clients of the same protocol send for the same thing.
  const name = ['instances', 'inputs'].find((given) => (message[given] ?? undefined) !== undefined) ?? 'instances';
  const rows = message[name];
  if (!Array.isArray(rows)) throw invalid(`'${name}' is not a list of rows`);
  return rows;
}

/** The base64 that a value is instead of a string; undefined for every other value. */
function base64Of(value: unknown): string | undefined {
  if (!isRecord(value) || Object.keys(value).length !== 1) return undefined;
  const { b64 } = value;
  return typeof b64 === 'string' ? b64 : undefined;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOfBase64({ name }: TensorSpec, base64: string): string {
  try {
    if (/^[\w+/-]*={0,2}$/.test(base64)) return utf8.decode(Buffer.from(base64, 'base64'));
  } catch {
    // Said below.
  }
  throw invalid(`input '${name}' holds something else than base64 of UTF-8`);
}

/** Strings that come as base64, at any depth, as what they are. */
function plainStrings(spec: TensorSpec, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((inner) => plainStrings(spec, inner));
  const base64 = base64Of(value);
  return base64 === undefined ? value : textOfBase64(spec, base64);
}

function columnOf({ name }: TensorSpec, rows: readonly unknown[]): readonly unknown[] {
  return rows.map((row) => {
    if (isRecord(row) && Object.hasOwn(row, name)) return row[name];
    throw invalid(`an instance has no value for the input '${name}'`);
  });
}

function checkNames({ inputs }: Signature, rows: readonly unknown[]): void {
  const known = new Set(inputs.map(({ name }) => name));
  const stranger = rows.flatMap((row) => (isRecord(row) ? Object.keys(row) : [])).find((name) => !known.has(name));
  if (stranger !== undefined) throw invalid(`the model has no input '${stranger.slice(0, 200)}'`);
}

/** An empty list has no inner lengths: those of the signature stand in. */
function givenOf(spec: TensorSpec, rows: readonly unknown[]): GivenInput {
  const column = spec.datatype === 'BYTES' ? rows.map((row) => plainStrings(spec, row)) : rows;
  const found = shapeOf(column);
  const shape = column.length === 0 ? [0, ...spec.shape.slice(1).map((dim) => Math.max(dim, 0))] : found;
  checkInput(spec, spec.datatype, shape);
  return { spec, datatype: spec.datatype, shape, data: () => readJsonData(spec, column, shape) };
}

function requestOf(message: unknown, signature: Signature): InferenceRequest {
  const rows = rowsOf(message);
  const [only] = signature.inputs;
  const isNamed = (row: unknown): boolean =>
    isRecord(row) && (only?.datatype !== 'BYTES' || base64Of(row) === undefined);
  const bare = signature.inputs.length === 1 && only !== undefined && !rows.some(isNamed);
  if (!bare) checkNames(signature, rows);
  const given = signature.inputs.map((spec) => givenOf(spec, bare ? rows : columnOf(spec, rows)));
  return {
    inputs: inputsOf(given, signature),
    outputs: signature.outputs.map(({ name }) => ({ name, binary: false })),
  };
}

/** Decodes a body against a model's signature, or refuses it with one sentence. */
export function decodeInstances(bytes: Buffer, signature: Signature): InferenceRequest {
  try {
    return requestOf(parseJson(bytes), signature);
  } catch (error) {
    if (!(error instanceof NeedsBigIntegers)) throw error;
    return requestOf(parseBigJson(bytes), signature);
  }
}

/** The text of `elements` as nested lists of the given lengths. */
function nested(elements: readonly string[], shape: readonly number[]): string {
  const [, ...rest] = shape;
  if (shape.length === 0) return elements[0] ?? 'null';
  if (rest.length === 0) return `[${elements.join()}]`;
  const width = rest.reduce((product, dim) => product * dim, 1);
  const parts = Array.from({ length: shape[0] ?? 0 }, (_, index) =>
    nested(elements.slice(index * width, (index + 1) * width), rest),
  );
  return `[${parts.join()}]`;
}

function rowTexts(tensor: Tensor, count: number): readonly string[] {
  const [rows, ...rest] = tensor.shape;
  if (rows !== count) {
    throw invalid(
      `output '${tensor.name}' has the shape [${tensor.shape.join(',')}], which is not one row an instance`,
    );
  }
  const elements = jsonElements(tensor);
  const width = rest.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: rows }, (_, row) => nested(elements.slice(row * width, (row + 1) * width), rest));
}

/** The answer's text: one prediction for each instance. */
export function encodePredictions({ inputs }: InferenceRequest, { outputs }: InferenceResult): string {
  const count = inputs[0]?.shape[0] ?? 0;
  const columns = outputs.map((output) => rowTexts(output, count));
  const [only] = columns;
  if (columns.length === 1 && only !== undefined) return `{"predictions":[${only.join()}]}`;
  const rows = Array.from({ length: count }, (_, row) => {
    const members = outputs.map(({ name }, column) => `${JSON.stringify(name)}:${columns[column]?.[row] ?? 'null'}`);
    return `{${members.join()}}`;
  });
  return `{"predictions":[${rows.join()}]}`;
}
