/** Writes small ONNX models: just enough of the protobuf encoding for graphs that tests can read at a glance. */
/// <reference lib="esnext.float16" />

/** ONNX element types by Open Inference Protocol name (TensorProto.DataType). */
const elementTypes = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} as const;

export type ElementType = keyof typeof elementTypes;

/** Of which the protocol's clients know nothing. */
const foreignTypes = { BF16: 16 } as const;

/** A named input or output; a string in the shape is a symbolic (dynamic) dimension. */
export interface Value {
  readonly name: string;
  readonly type: ElementType | keyof typeof foreignTypes;
  readonly shape: readonly (number | string)[];
  /** A list of such tensors. */
  readonly isSequence?: boolean;
}

type Attribute = number | readonly number[] | Graph;

export interface Node {
  readonly op: string;
  /** Whose operator it is; ONNX' own when absent. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integers, lists of them, or graphs, by name. */
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/** A constant of the graph: FP32, FP16, or INT64 where an operator wants axes. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float16Array | BigInt64Array;
  /** Where its bytes are instead of in the model: a path relative to it. They are all of that file. */
  readonly file?: string;
}

export interface Graph {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly nodes: readonly Node[];
  readonly weights?: readonly Weight[];
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const integer = (field: number, value: number): Buffer => Buffer.concat([varint(field << 3), varint(value)]);

const bytes = (field: number, value: Uint8Array): Buffer =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);

const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value));

const message = (field: number, parts: readonly Buffer[]): Buffer => bytes(field, Buffer.concat(parts));

function valueInfo(field: number, { name, type, shape, isSequence = false }: Value): Buffer {
  const dims = shape.map((dim) => message(1, [typeof dim === 'number' ? integer(1, dim) : text(2, dim)]));
  const tensor = message(1, [integer(1, { ...elementTypes, ...foreignTypes }[type]), message(2, dims)]);
  return message(field, [text(1, name), message(2, [isSequence ? message(4, [message(1, [tensor])]) : tensor])]);
}

/** One integer is type 2 in field 3, a list is type 7 in field 8, a graph type 5 in field 6. */
function attribute(value: Attribute): readonly Buffer[] {
  if (typeof value === 'number') return [integer(3, value), integer(20, 2)];
  if ('nodes' in value) return [message(6, graphOf(value)), integer(20, 5)];
  return [...value.map((item) => integer(8, item)), integer(20, 7)];
}

function node({ op, domain, inputs, outputs, attributes = {} }: Node): Buffer {
  const given = Object.entries(attributes);
  return message(1, [
    ...inputs.map((name) => text(1, name)),
    ...outputs.map((name) => text(2, name)),
    text(4, op),
    ...given.map(([name, value]) => message(5, [text(1, name), ...attribute(value)])),
    ...(domain === undefined ? [] : [text(7, domain)]),
  ]);
}

function typeOf(data: Weight['data']): ElementType {
  if (data instanceof Float32Array) return 'FP32';
  return data instanceof BigInt64Array ? 'INT64' : 'FP16';
}

/** External data is type 1 in field 14, and named in field 13. */
function weight({ name, shape, data, file }: Weight): Buffer {
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const content =
    file === undefined ? [bytes(9, raw)] : [message(13, [text(1, 'location'), text(2, file)]), integer(14, 1)];
  const type = elementTypes[typeOf(data)];
  return message(5, [...shape.map((dim) => integer(1, dim)), integer(2, type), text(8, name), ...content]);
}

function graphOf({ inputs, outputs, nodes, weights = [] }: Graph): readonly Buffer[] {
  return [
    ...nodes.map(node),
    text(2, 'g'),
    ...weights.map(weight),
    ...inputs.map((value) => valueInfo(11, value)),
    ...outputs.map((value) => valueInfo(12, value)),
  ];
}

/** The bytes of a model file: IR version 8, opset 17. */
export function onnxModel(graph: Graph): Buffer {
  const domains = new Set(graph.nodes.flatMap(({ domain }) => domain ?? []));
  const imports = [...domains].map((domain) => message(8, [text(1, domain), integer(2, 1)]));
  const version = message(8, [text(1, ''), integer(2, 17)]);
  return Buffer.concat([integer(1, 8), message(7, graphOf(graph)), version, ...imports]);
}

/** y = x, after x rounds of a loop that does nothing; both are one INT64. */
export function loopModel(): Buffer {
  const whole = (name: string, shape: readonly number[] = [1]): Value => ({ name, type: 'INT64', shape });
  const flag = (name: string): Value => ({ name, type: 'BOOL', shape: [] });
  const same = (from: string, to: string): Node => ({ op: 'Identity', inputs: [from], outputs: [to] });
  const body: Graph = {
    inputs: [whole('round', []), flag('on'), whole('before')],
    outputs: [flag('still'), whole('after')],
    nodes: [same('on', 'still'), same('before', 'after')],
  };
  return onnxModel({
    inputs: [whole('x')],
    outputs: [whole('y')],
    nodes: [{ op: 'Loop', inputs: ['x', '', 'x'], outputs: ['y'], attributes: { body } }],
  });
}

/** y = x for one element type; x and y are [batch, width]. */
export function identityModel(type: ElementType, shape: readonly (number | string)[] = ['batch', 'width']): Buffer {
  return onnxModel({
    inputs: [{ name: 'x', type, shape }],
    outputs: [{ name: 'y', type, shape }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
}

/** y = x, INT64 [batch, length], and on the way a mask of zeros that is as long and as wide as x is long. */
export function maskModel(): Buffer {
  const value = (name: string): Value => ({ name, type: 'INT64', shape: ['batch', 'length'] });
  return onnxModel({
    inputs: [value('x')],
    outputs: [value('y')],
    weights: [{ name: 'both', shape: [2], data: BigInt64Array.of(1n, 1n) }],
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
      { op: 'Gather', inputs: ['shape', 'both'], outputs: ['square'] },
      { op: 'ConstantOfShape', inputs: ['square'], outputs: ['mask'] },
      { op: 'ReduceSum', inputs: ['mask'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Cast', inputs: ['sum'], outputs: ['whole'], attributes: { to: elementTypes.INT64 } },
      { op: 'Add', inputs: ['x', 'whole'], outputs: ['y'] },
    ],
  });
}

/** y [batch, 1] = table[x], x [batch], of a table of four: an index beyond 3 fails inside the model. */
export function gatherModel(): Buffer {
  return onnxModel({
    inputs: [{ name: 'x', type: 'INT64', shape: ['batch'] }],
    outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
    weights: [{ name: 'table', shape: [4, 1], data: Float32Array.of(0, 1, 2, 3) }],
    nodes: [{ op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] }],
  });
}

/** Reproducible weights in [-0.5, 0.5). */
function weights(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

/** logits = relu(x·W1 + b1)·W2 + b2; x is [batch, sizes[0]], logits are [batch, sizes[2]]. */
export function mlpModel([inputs, hidden, classes]: readonly [number, number, number]): Buffer {
  return onnxModel({
    inputs: [{ name: 'x', type: 'FP32', shape: ['batch', inputs] }],
    outputs: [{ name: 'logits', type: 'FP32', shape: ['batch', classes] }],
    weights: [
      { name: 'w1', shape: [inputs, hidden], data: weights(inputs * hidden, 1) },
      { name: 'b1', shape: [hidden], data: weights(hidden, 2) },
      { name: 'w2', shape: [hidden, classes], data: weights(hidden * classes, 3) },
      { name: 'b2', shape: [classes], data: weights(classes, 4) },
    ],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w1'], outputs: ['h'] },
      { op: 'Add', inputs: ['h', 'b1'], outputs: ['a'] },
      { op: 'Relu', inputs: ['a'], outputs: ['r'] },
      { op: 'MatMul', inputs: ['r', 'w2'], outputs: ['o'] },
      { op: 'Add', inputs: ['o', 'b2'], outputs: ['logits'] },
    ],
  });
}

/** y = x + w; all are [1], and w is whatever a file beside the model holds. */
export function externalModel(file: string): Buffer {
  const value = (name: string): Value => ({ name, type: 'FP32', shape: [1] });
  return onnxModel({
    inputs: [value('x')],
    outputs: [value('y')],
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    weights: [{ name: 'w', shape: [1], data: new Float32Array(1), file }],
  });
}
