/**
 * Open Inference Protocol v2 over REST ↔ the inner language: JSON, the binary tensor extension, and raw bodies.
 *
 * A body is JSON, or JSON followed by the bytes of the binary tensors in the JSON's order, or (JSON length 0) the bytes of
 * the only input. Everything is compared with the model's signature before memory is taken for it.
 */
import { datatypes, elementCount, type Tensor, type TensorData } from '../tensor.ts';
import { readBinaryData, readRawString, writeBinaryData, type CountStrings } from './binary-data.ts';
import { invalid } from './errors.ts';
import type { Reply } from './reply.ts';
import { isRecord, parseBigJson, parseJson } from './json.ts';
import { NeedsBigIntegers, readJsonData, writeJsonData } from './json-data.ts';
import { inputsOf, isDim, outputNamed, policyOf, shapeOf, specNamed, type GivenInput } from './message.ts';
import type { InferenceRequest, InferenceResult, RequestedOutput, Signature, TensorSpec } from './request.ts';

/** A body as it came off the wire, decompressed. */
export interface Body {
  readonly bytes: Buffer;
  /** Value of Inference-Header-Content-Length; undefined when the whole body is JSON. */
  readonly jsonLength: number | undefined;
  readonly countStrings?: CountStrings;
}

/** Parses Inference-Header-Content-Length against the body's length. */
export function jsonLengthOf(header: string | undefined, bodyLength: number): number | undefined {
  if (header === undefined) return undefined;
  const length = /^\d{1,10}$/.test(header) ? Number(header) : Infinity;
  if (length <= bodyLength) return length;
  throw invalid(
    `Inference-Header-Content-Length '${header.slice(0, 40)}' is not a length within the body of ${bodyLength} bytes`,
  );
}

/** Hands out the binary tensors in order. */
class Tail {
  readonly countStrings: CountStrings | undefined;
  #rest: Buffer;

  constructor(rest: Buffer, countStrings: CountStrings | undefined) {
    [this.#rest, this.countStrings] = [rest, countStrings];
  }

  take(name: string, size: number): Buffer {
    if (size > this.#rest.length) {
      throw invalid(`input '${name}' has binary_data_size ${size}, the body has ${this.#rest.length} bytes left`);
    }
    const taken = this.#rest.subarray(0, size);
    this.#rest = this.#rest.subarray(size);
    return taken;
  }

  close(): void {
    if (this.#rest.length > 0) throw invalid(`the body has ${this.#rest.length} bytes that belong to no input`);
  }
}

function parametersOf(value: Record<string, unknown>, what: string): Record<string, unknown> {
  const { parameters } = value;
  if (parameters === undefined || parameters === null) return {};
  if (isRecord(parameters)) return parameters;
  throw invalid(`the parameters of ${what} are not an object`);
}

function flagOf(parameters: Record<string, unknown>, key: string): boolean | undefined {
  const value = parameters[key];
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalid(`the parameter '${key}' is not true or false`);
}

function dataOf(
  spec: TensorSpec,
  input: Record<string, unknown>,
  [shape, tail]: [readonly number[], Tail],
): TensorData {
  const { binary_data_size: size, shared_memory_region: region } = parametersOf(input, `input '${spec.name}'`);
  if (region !== undefined) throw invalid(`input '${spec.name}' is in shared memory, which this server does not offer`);
  if (size === undefined) return readJsonData(spec, input['data'], shape);
  if (!isDim(size)) throw invalid(`the binary_data_size of input '${spec.name}' is not a whole number`);
  if (input['data'] !== undefined) throw invalid(`input '${spec.name}' has both data and binary_data_size`);
  return readBinaryData(spec, tail.take(spec.name, size), shape, tail.countStrings);
}

function* givenInputs(list: readonly unknown[], signature: Signature, tail: Tail): Generator<GivenInput> {
  for (const input of list) {
    if (!isRecord(input)) throw invalid('an input is not an object');
    const spec = specNamed(signature.inputs, 'input', input['name']);
    const shape = shapeOf(spec.name, input['shape']);
    yield { spec, datatype: input['datatype'], shape, data: () => dataOf(spec, input, [shape, tail]) };
  }
}

function readInputs(list: unknown, signature: Signature, tail: Tail): readonly Tensor[] {
  if (!Array.isArray(list)) throw invalid("'inputs' is not a list");
  const inputs = inputsOf(givenInputs(list, signature, tail), signature);
  tail.close();
  return inputs;
}

function outputOf(output: unknown, signature: Signature, fallback: boolean): RequestedOutput {
  if (!isRecord(output)) throw invalid('an output is not an object');
  const parameters = parametersOf(output, 'an output');
  const name = outputNamed(signature, output['name'], parameters);
  return { name, binary: flagOf(parameters, 'binary_data') ?? fallback };
}

function outputsOf(list: unknown, signature: Signature, binary: boolean): readonly RequestedOutput[] {
  if (list === undefined || list === null) return signature.outputs.map(({ name }) => ({ name, binary }));
  if (!Array.isArray(list)) throw invalid("'outputs' is not a list");
  if (list.length === 0) return signature.outputs.map(({ name }) => ({ name, binary }));
  if (list.length > signature.outputs.length) throw invalid('an output is requested twice');
  const outputs = list.map((output) => outputOf(output, signature, binary));
  if (new Set(outputs.map(({ name }) => name)).size < outputs.length) throw invalid('an output is requested twice');
  return outputs;
}

function requestOf(message: unknown, signature: Signature, tail: Tail): InferenceRequest {
  if (!isRecord(message)) throw invalid('the request is not an object');
  // Clients without an id leave it out or send null.
  const id = message['id'] ?? undefined;
  if (id !== undefined && typeof id !== 'string') throw invalid('the id is not a string');
  const parameters = parametersOf(message, 'the request');
  const policy = policyOf(parameters);
  const binary = flagOf(parameters, 'binary_data_output') ?? false;
  const outputs = outputsOf(message['outputs'], signature, binary);
  const inputs = readInputs(message['inputs'], signature, tail);
  return { ...(id !== undefined && { id }), ...(policy && { policy }), inputs, outputs };
}

/** The shape of a raw body: the signature's, with its one dynamic dimension filled by the number of elements. */
function rawShape({ name, datatype, shape }: TensorSpec, byteLength: number): readonly number[] {
  if (shape.filter((dim) => dim === -1).length > 1) {
    throw invalid(`a raw body needs an input with at most one dynamic dimension, '${name}' has [${shape.join(',')}]`);
  }
  const fixed = elementCount(shape.map((dim) => (dim === -1 ? 1 : dim)));
  const elements = datatype === 'BYTES' ? 1 : byteLength / datatypes[datatype].bytes;
  const open = elements / fixed;
  if (!Number.isInteger(open))
    throw invalid(`a raw body of ${byteLength} bytes does not fit the shape [${shape.join(',')}] of '${name}'`);
  return shape.map((dim) => (dim === -1 ? open : dim));
}

/** A body that is nothing but the bytes of the only input; all outputs are wanted as bytes. */
function decodeRaw(bytes: Buffer, signature: Signature): InferenceRequest {
  const [spec] = signature.inputs;
  if (spec === undefined || signature.inputs.length > 1) {
    throw invalid(`a raw body needs a model with one input, this one has ${signature.inputs.length}`);
  }
  const { name, datatype } = spec;
  const shape = rawShape(spec, bytes.length);
  const data = datatype === 'BYTES' ? readRawString(name, bytes) : readBinaryData(spec, bytes, shape);
  if (data.length !== elementCount(shape))
    throw invalid(`a raw string body is one element, '${name}' takes [${spec.shape.join(',')}]`);
  return {
    inputs: [{ name, datatype, shape, data }],
    outputs: signature.outputs.map((output) => ({ name: output.name, binary: true })),
  };
}

/** Reads the JSON part and what follows it; once more with big integers where the reader needs them. */
function decoded<T>({ bytes, jsonLength, countStrings }: Body, read: (message: unknown, tail: Tail) => T): T {
  const text = jsonLength === undefined ? bytes : bytes.subarray(0, jsonLength);
  const tail = (): Tail => new Tail(bytes.subarray(text.length), countStrings);
  try {
    return read(parseJson(text), tail());
  } catch (error) {
    if (!(error instanceof NeedsBigIntegers)) throw error;
    return read(parseBigJson(text), tail());
  }
}

/** Decodes a body against a model's signature, or refuses it with one sentence. */
export function decodeRequest(body: Body, signature: Signature): InferenceRequest {
  if (body.jsonLength === 0) return decodeRaw(body.bytes, signature);
  return decoded(body, (message, tail) => requestOf(message, signature, tail));
}

/** The same of a request whose parameters are of interest. */
export function decodeQuestion(
  body: Body,
  signature: Signature,
): { readonly request: InferenceRequest; readonly parameters: Readonly<Record<string, unknown>> } {
  if (body.jsonLength === 0) return { request: decodeRaw(body.bytes, signature), parameters: {} };
  return decoded(body, (message, tail) => ({
    request: requestOf(message, signature, tail),
    parameters: isRecord(message) ? parametersOf(message, 'the request') : {},
  }));
}

/** Who answers. */
export interface Answerer {
  readonly name: string;
  readonly version: string;
}

function headOf({ name, datatype, shape }: Tensor): string {
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join()}]`;
}

/** Encodes a result: JSON, or JSON and bytes when an output was wanted as bytes. */
export function encodeResult({ name, version }: Answerer, request: InferenceRequest, result: InferenceResult): Reply {
  const tail: Buffer[] = [];
  const outputs = result.outputs.map((tensor, index) => {
    if (request.outputs[index]?.binary !== true) return `${headOf(tensor)},"data":${writeJsonData(tensor)}}`;
    const bytes = writeBinaryData(tensor);
    tail.push(bytes);
    return `${headOf(tensor)},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  const id = request.id === undefined ? '' : `"id":${JSON.stringify(request.id)},`;
  const json = `{"model_name":${JSON.stringify(name)},"model_version":"${version}",${id}"outputs":[${outputs.join()}]}`;
  if (tail.length === 0) return { body: json, jsonLength: undefined };
  const head = Buffer.from(json);
  return { body: Buffer.concat([head, ...tail]), jsonLength: head.length };
}
