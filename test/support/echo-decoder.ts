/**
 * A language model that has learnt one thing: it says again what it read eight tokens ago. After "one two " comes "one two
 * one two ", for ever. Every head of every layer must have found that token in the cache; where one has not, the model ends.
 *
 * Its tokens are the 256 bytes of UTF-8, so that a character may be several; <end>, which ends an answer; and <user> and
 * <bot>, which the chat template writes. Made by hand: keys say where a token lies, values which one it is, queries ask for
 * the place eight before the next.
 */
import { onnxModel, type Node, type Value, type Weight } from './onnx-model.ts';

/** Tokens ago. */
export const period = 8;
export const layers = 2;
export const heads = 2;
export const contextLength = 256;
export const endToken = 256;
export const vocabulary = 259;
export const headDim = 260;

/** As much likelier is what all heads found than everything else. */
export const sharpness = 4;

export function table(
  rows: number,
  columns: number,
  put: (set: (row: number, column: number, value: number) => void) => void,
) {
  const data = new Float32Array(rows * columns);
  put((row, column, value) => (data[row * columns + column] = value));
  return { shape: [rows, columns], data };
}

export const constants: readonly Weight[] = [
  {
    name: 'what',
    ...table(vocabulary, headDim, (set) => {
      for (let token = 0; token < vocabulary; token += 1) set(token, token, 1);
    }),
  },
  {
    name: 'where',
    ...table(contextLength, headDim, (set) => {
      for (let place = 0; place < contextLength; place += 1) set(place, place, 1);
    }),
  },
  {
    name: 'wanted',
    ...table(contextLength, headDim, (set) => {
      for (let place = period - 1; place < contextLength; place += 1) set(place, place + 1 - period, 100);
    }),
  },
  {
    name: 'vote',
    ...table(headDim, vocabulary, (set) => {
      for (let token = 0; token < vocabulary; token += 1) set(token, token, sharpness);
    }),
  },
  {
    name: 'doubt',
    ...table(1, vocabulary, (set) => set(0, endToken, sharpness * (layers * heads - 0.5))),
  },
  { name: 'axis1', shape: [1], data: BigInt64Array.of(1n) },
  { name: 'axes12', shape: [2], data: BigInt64Array.of(1n, 2n) },
  { name: 'one', shape: [1], data: Float32Array.of(1) },
  { name: 'hidden', shape: [1], data: Float32Array.of(-1e9) },
];

/** Rows of a table for each token, the same for every head: [batch, heads, tokens, headDim]. */
function looked(up: string, index: string, name: string): readonly Node[] {
  return [
    { op: 'Gather', inputs: [up, index], outputs: [`${name}.row`] },
    { op: 'Unsqueeze', inputs: [`${name}.row`, 'axis1'], outputs: [`${name}.one`] },
    { op: 'Concat', inputs: Array(heads).fill(`${name}.one`), outputs: [name], attributes: { axis: 1 } },
  ];
}

/** Scores of one layer → what its heads found, summed: [batch, tokens, headDim]. */
function found(layer: string, values: string): readonly Node[] {
  return [
    { op: 'Add', inputs: [`${layer}.scores`, 'bias'], outputs: [`${layer}.seen`] },
    { op: 'Softmax', inputs: [`${layer}.seen`], outputs: [`${layer}.share`], attributes: { axis: -1 } },
    { op: 'MatMul', inputs: [`${layer}.share`, values], outputs: [`${layer}.heads`] },
    {
      op: 'ReduceSum',
      inputs: [`${layer}.heads`, 'axis1'],
      outputs: [`${layer}.sum`],
      attributes: { keepdims: 0 },
    },
  ];
}

function splitLayer(layer: number): readonly Node[] {
  const [key, value] = [`new.${layer}.key`, `new.${layer}.value`];
  return [
    ...looked('where', 'position_ids', `k${layer}`),
    ...looked('what', 'input_ids', value),
    ...looked('wanted', 'position_ids', `q${layer}`),
    { op: 'Transpose', inputs: [`k${layer}`], outputs: [key], attributes: { perm: [0, 1, 3, 2] } },
    { op: 'MatMul', inputs: [`q${layer}`, `past.${layer}.key`], outputs: [`${layer}.old`] },
    { op: 'MatMul', inputs: [`q${layer}`, key], outputs: [`${layer}.fresh`] },
    { op: 'Concat', inputs: [`${layer}.old`, `${layer}.fresh`], outputs: [`${layer}.scores`], attributes: { axis: 3 } },
    { op: 'Concat', inputs: [`past.${layer}.value`, value], outputs: [`${layer}.values`], attributes: { axis: 2 } },
    ...found(`${layer}`, `${layer}.values`),
  ];
}

export const each = <T>(make: (layer: number) => T): readonly T[] =>
  Array.from({ length: layers }, (_, layer) => make(layer));

const sums: Node = { op: 'Sum', inputs: each((layer) => `${layer}.sum`), outputs: ['sum'] };

function voted(sum: string): readonly Node[] {
  return [
    { op: 'MatMul', inputs: [sum, 'vote'], outputs: ['votes'] },
    { op: 'Add', inputs: ['votes', 'doubt'], outputs: ['logits'] },
  ];
}

export const tokens: readonly Value[] = [
  { name: 'input_ids', type: 'INT64', shape: ['batch', 'tokens'] },
  { name: 'position_ids', type: 'INT64', shape: ['batch', 'tokens'] },
];

export function cacheValues(
  prefix: string,
  length: string,
  transposed: boolean,
  size: number = headDim,
): readonly Value[] {
  const rows = ['batch', heads, length, size];
  const key: Value['shape'] = transposed ? ['batch', heads, size, length] : rows;
  return each((layer) => [
    { name: `${prefix}.${layer}.key`, type: 'FP32' as const, shape: key },
    { name: `${prefix}.${layer}.value`, type: 'FP32' as const, shape: rows },
  ]).flat();
}

/** The model under the contract `split-v1`. */
export function splitEchoModel(): Buffer {
  return onnxModel({
    inputs: [
      ...tokens,
      { name: 'last', type: 'INT64', shape: ['batch'] },
      { name: 'bias', type: 'FP32', shape: ['batch', 1, 'tokens', 'all'] },
      ...cacheValues('past', 'past', true),
    ],
    outputs: [{ name: 'logits', type: 'FP32', shape: ['batch', vocabulary] }, ...cacheValues('new', 'tokens', true)],
    weights: constants,
    nodes: [
      ...each(splitLayer).flat(),
      sums,
      { op: 'Unsqueeze', inputs: ['last', 'axis1'], outputs: ['index'] },
      { op: 'GatherND', inputs: ['sum', 'index'], outputs: ['final'], attributes: { batch_dims: 1 } },
      ...voted('final'),
    ],
  });
}

/** Keys and values of one layer lie in one piece with those of before, as common exporters have it. */
function concatLayer(layer: number): readonly Node[] {
  const [key, value] = [`present.${layer}.key`, `present.${layer}.value`];
  return [
    ...looked('where', 'position_ids', `k${layer}`),
    ...looked('what', 'input_ids', `v${layer}`),
    ...looked('wanted', 'position_ids', `q${layer}`),
    { op: 'Concat', inputs: [`past_key_values.${layer}.key`, `k${layer}`], outputs: [key], attributes: { axis: 2 } },
    {
      op: 'Concat',
      inputs: [`past_key_values.${layer}.value`, `v${layer}`],
      outputs: [value],
      attributes: { axis: 2 },
    },
    { op: 'Transpose', inputs: [key], outputs: [`${layer}.keys`], attributes: { perm: [0, 1, 3, 2] } },
    { op: 'MatMul', inputs: [`q${layer}`, `${layer}.keys`], outputs: [`${layer}.scores`] },
    ...found(`${layer}`, value),
  ];
}

/** Attention mask → what is added to the scores: [batch, 1, 1, all]. The queries themselves never look ahead. */
const mask: readonly Node[] = [
  { op: 'Cast', inputs: ['attention_mask'], outputs: ['mask'], attributes: { to: 1 } },
  { op: 'Sub', inputs: ['one', 'mask'], outputs: ['padding'] },
  { op: 'Mul', inputs: ['padding', 'hidden'], outputs: ['flat'] },
  { op: 'Unsqueeze', inputs: ['flat', 'axes12'], outputs: ['bias'] },
];

/** The same model under the names of common exporters, some of which give the logits of the last token alone. */
export function concatEchoModel(given: 'all' | 'last' = 'all'): Buffer {
  const last: Node = { op: 'Gather', inputs: ['sum', 'minus1'], outputs: ['final'], attributes: { axis: 1 } };
  return onnxModel({
    inputs: [
      ...tokens,
      { name: 'attention_mask', type: 'INT64', shape: ['batch', 'all'] },
      ...cacheValues('past_key_values', 'past', false),
    ],
    outputs: [
      { name: 'logits', type: 'FP32', shape: ['batch', given === 'all' ? 'tokens' : 1, vocabulary] },
      ...cacheValues('present', 'all', false),
    ],
    weights: [...constants, { name: 'minus1', shape: [1], data: BigInt64Array.of(-1n) }],
    nodes: [...mask, ...each(concatLayer).flat(), sums, last, ...voted(given === 'all' ? 'sum' : 'final')],
  });
}
