/**
 * The protocol's gRPC messages ↔ the inner language. Elements come typed in `contents` or as bytes in
 * `raw_input_contents`, one way for all inputs of a request; the answer comes the way the request came.
 */
import { readBinaryData, writeBinaryData } from '../protocol/binary-data.ts';
import { invalid } from '../protocol/errors.ts';
import { readJsonData } from '../protocol/json-data.ts';
import { inputsOf, outputNamed, policyOf, shapeOf, specNamed } from '../protocol/message.ts';
import type {
  InferenceRequest,
  InferenceResult,
  RequestedOutput,
  SchedulePolicy,
  Signature,
  TensorSpec,
} from '../protocol/request.ts';
import type { Datatype, Tensor, TensorData } from '../tensor.ts';
import type {
  Contents,
  InferRequestMessage,
  InferResponseMessage,
  Parameter,
  RequestedOutputMessage,
  TensorMessage,
} from './messages.ts';

/** Where the elements of a datatype lie in `contents`; halves have no place there. */
const places = {
  BOOL: 'bool_contents',
  INT8: 'int_contents',
  INT16: 'int_contents',
  INT32: 'int_contents',
  INT64: 'int64_contents',
  UINT8: 'uint_contents',
  UINT16: 'uint_contents',
  UINT32: 'uint_contents',
  UINT64: 'uint64_contents',
  FP32: 'fp32_contents',
  FP64: 'fp64_contents',
  BYTES: 'bytes_contents',
} as const satisfies Partial<Record<Datatype, keyof Contents>>;

function placeOf(datatype: Datatype): keyof Contents | undefined {
  return datatype === 'FP16' ? undefined : places[datatype];
}

/** Elements of a typed list in the words of JSON, whose checks then hold here too. */
function elementsOf({ name, datatype }: TensorSpec, contents: Contents): readonly unknown[] {
  const place = placeOf(datatype);
  if (place === undefined) throw invalid(`input '${name}' is ${datatype}, which travels in raw_input_contents alone`);
  const strays = Object.entries(contents).filter(([key, list]) => key !== place && (list as unknown[]).length > 0);
  if (strays.length > 0) throw invalid(`input '${name}' is ${datatype}: its elements belong in ${place} alone`);
  const list: readonly unknown[] = contents[place] ?? [];
  if (place === 'int64_contents' || place === 'uint64_contents') return list.map((text) => BigInt(String(text)));
  return list;
}

/** Single precision has infinities and NaN, which JSON has not: they pass here as they do in raw bytes. */
function floatsOf(spec: TensorSpec, contents: Contents, shape: readonly number[]): TensorData | undefined {
  const list = spec.datatype === 'FP32' ? contents.fp32_contents : contents.fp64_contents;
  if (list === undefined || list.every(Number.isFinite)) return undefined;
  const floats = spec.datatype === 'FP32' ? Float32Array.from(list) : Float64Array.from(list);
  return readBinaryData(spec, Buffer.from(floats.buffer), shape);
}

function typedData(spec: TensorSpec, contents: Contents, shape: readonly number[]): TensorData {
  const elements = elementsOf(spec, contents);
  if (spec.datatype === 'BYTES') {
    const parts = (contents.bytes_contents ?? []).flatMap((bytes) => [lengthOf(bytes), bytes]);
    return readBinaryData(spec, Buffer.concat(parts), shape);
  }
  const special = spec.datatype.startsWith('FP') ? floatsOf(spec, contents, shape) : undefined;
  return special ?? readJsonData(spec, elements, shape);
}

function lengthOf({ length }: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length);
  return bytes;
}

function wantedOf(outputs: readonly RequestedOutputMessage[], signature: Signature, raw: boolean): RequestedOutput[] {
  if (outputs.length === 0) return signature.outputs.map(({ name }) => ({ name, binary: raw }));
  const names = outputs.map(({ name, parameters = {} }) => outputNamed(signature, name, parameters));
  if (new Set(names).size < names.length) throw invalid('an output is requested twice');
  return names.map((name) => ({ name, binary: raw }));
}

function checkRaw({ inputs, raw_input_contents: raw }: InferRequestMessage): void {
  if (raw.length === 0) return;
  if (raw.length !== inputs.length) {
    throw invalid(`the request has ${inputs.length} inputs and ${raw.length} raw_input_contents`);
  }
  const typed = inputs.find(({ contents }) => contents !== undefined && contents !== null && hasElements(contents));
  if (typed !== undefined) throw invalid(`input '${typed.name}' has contents although there are raw_input_contents`);
}

const hasElements = (contents: Contents): boolean =>
  Object.values(contents).some((list: readonly unknown[]) => list.length > 0);

/** A whole number, which clients write by either sign; whatever else it is, is told to be none. */
function numberOf(parameter: Parameter | undefined): unknown {
  const whole = parameter?.uint64_param ?? parameter?.int64_param;
  return whole === undefined
    ? (parameter?.string_param ?? parameter?.bool_param ?? parameter?.double_param)
    : Number(whole);
}

function schedulingOf({ parameters = {} }: InferRequestMessage): SchedulePolicy | undefined {
  return policyOf({ priority: numberOf(parameters['priority']), timeout: numberOf(parameters['timeout']) });
}

/** Decodes a request against a model's signature, or refuses it with one sentence. */
export function decodeMessage(message: InferRequestMessage, signature: Signature): InferenceRequest {
  checkRaw(message);
  const raw = message.raw_input_contents;
  const outputs = wantedOf(message.outputs, signature, raw.length > 0);
  const inputs = inputsOf(
    message.inputs.map((input, index) => {
      const spec = specNamed(signature.inputs, 'input', input.name);
      const shape = shapeOf(input.name, input.shape.map(Number));
      const bytes = raw[index];
      const data = (): TensorData =>
        bytes === undefined ? typedData(spec, input.contents ?? {}, shape) : readBinaryData(spec, bytes, shape);
      return { spec, datatype: input.datatype, shape, data };
    }),
    signature,
  );
  const policy = schedulingOf(message);
  return { id: message.id, ...(policy && { policy }), inputs, outputs };
}

function contentsOf({ datatype, data }: Tensor): Contents {
  const place = placeOf(datatype);
  if (place === undefined) throw new TypeError(`${datatype} has no typed contents`);
  if (Array.isArray(data)) return { bytes_contents: data.map((text) => Buffer.from(text)) };
  return { [place]: Array.from(data as Iterable<number | bigint>, (value) => elementOf(datatype, value)) };
}

function elementOf(datatype: Datatype, value: number | bigint): number | string | boolean {
  if (typeof value === 'bigint') return String(value);
  return datatype === 'BOOL' ? value === 1 : value;
}

/** Encodes a result the way its request came; what has halves among it comes as bytes. */
export function encodeMessage(
  { name, version }: { readonly name: string; readonly version: string },
  request: InferenceRequest,
  { outputs }: InferenceResult,
): InferResponseMessage {
  const raw = request.outputs[0]?.binary === true || outputs.some(({ datatype }) => placeOf(datatype) === undefined);
  const head = ({ name: output, datatype, shape }: Tensor): TensorMessage => ({ name: output, datatype, shape });
  return {
    model_name: name,
    model_version: version,
    id: request.id ?? '',
    outputs: outputs.map((tensor) => (raw ? head(tensor) : { ...head(tensor), contents: contentsOf(tensor) })),
    raw_output_contents: raw ? outputs.map(writeBinaryData) : [],
  };
}
