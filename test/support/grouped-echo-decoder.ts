/** The echo model as exporters write it that have all of attention in one operator, which puts what is new where it belongs. */
import {
  cacheValues,
  constants,
  contextLength,
  each,
  heads,
  period,
  sharpness,
  table,
  tokens,
  vocabulary,
} from './echo-decoder.ts';
import { onnxModel, type Node, type Weight } from './onnx-model.ts';

/** The operator wants a multiple of 8. */
export const groupedHeadDim = 264;
const width = heads * groupedHeadDim;

/** A table whose rows have a 1 each, in the column of their own number. */
const diagonal = (name: string, rows: number): Weight => ({
  name,
  ...table(rows, groupedHeadDim, (set) => {
    for (let row = 0; row < rows; row += 1) set(row, row, 1);
  }),
});

const weights: readonly Weight[] = [
  ...constants.filter(({ name }) => name === 'doubt' || name === 'axis1'),
  diagonal('what', vocabulary),
  diagonal('where', contextLength),
  {
    name: 'wanted',
    // The operator divides by the root of the size of a head.
    ...table(contextLength, groupedHeadDim, (set) => {
      for (let place = period - 1; place < contextLength; place += 1)
        set(place, place + 1 - period, 100 * Math.sqrt(groupedHeadDim));
    }),
  },
  {
    name: 'vote',
    ...table(width, vocabulary, (set) => {
      for (let head = 0; head < heads; head += 1)
        for (let token = 0; token < vocabulary; token += 1) set(head * groupedHeadDim + token, token, sharpness);
    }),
  },
  { name: 'one64', shape: [1], data: BigInt64Array.of(1n) },
];

/** Rows of a table for each token, the same for every head: [batch, tokens, heads * size]. */
const looked = (up: string, index: string, name: string): readonly Node[] => [
  { op: 'Gather', inputs: [up, index], outputs: [`${name}.row`] },
  { op: 'Concat', inputs: Array<string>(heads).fill(`${name}.row`), outputs: [name], attributes: { axis: 2 } },
];

const layer = (index: number): readonly Node[] => [
  ...looked('where', 'position_ids', `k${index}`),
  ...looked('what', 'input_ids', `v${index}`),
  ...looked('wanted', 'position_ids', `q${index}`),
  {
    op: 'GroupQueryAttention',
    domain: 'com.microsoft',
    inputs: [
      ...[`q${index}`, `k${index}`, `v${index}`],
      ...[`past_key_values.${index}.key`, `past_key_values.${index}.value`, 'lengths', 'total'],
    ],
    outputs: [`${index}.found`, `present.${index}.key`, `present.${index}.value`],
    attributes: { num_heads: heads, kv_num_heads: heads },
  },
];

/** How many tokens each sequence has, less one, and how many there is room for. */
const lengths: readonly Node[] = [
  { op: 'ReduceSum', inputs: ['attention_mask', 'axis1'], outputs: ['counts'], attributes: { keepdims: 0 } },
  { op: 'Sub', inputs: ['counts', 'one64'], outputs: ['lasts'] },
  { op: 'Cast', inputs: ['lasts'], outputs: ['lengths'], attributes: { to: 6 } },
  { op: 'Shape', inputs: ['attention_mask'], outputs: ['shape'] },
  { op: 'Gather', inputs: ['shape', 'one64'], outputs: ['room'], attributes: { axis: 0 } },
  { op: 'Cast', inputs: ['room'], outputs: ['total'], attributes: { to: 6 } },
];

/** The model. */
export function groupedEchoModel(): Buffer {
  return onnxModel({
    inputs: [
      ...tokens,
      { name: 'attention_mask', type: 'INT64', shape: ['batch', 'all'] },
      ...cacheValues('past_key_values', 'past', false, groupedHeadDim),
    ],
    outputs: [
      { name: 'logits', type: 'FP32', shape: ['batch', 'tokens', vocabulary] },
      ...cacheValues('present', 'all', false, groupedHeadDim),
    ],
    weights,
    nodes: [
      ...lengths,
      ...each(layer).flat(),
      { op: 'Sum', inputs: each((index) => `${index}.found`), outputs: ['sum'] },
      { op: 'MatMul', inputs: ['sum', 'vote'], outputs: ['votes'] },
      { op: 'Add', inputs: ['votes', 'doubt'], outputs: ['logits'] },
    ],
  });
}
