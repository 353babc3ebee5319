/**
 * Models of texts whose vectors can be worked out by hand: each token has a row of a table, and what fills a row has garbage
 * that no vector may have anything of. Tokens are bytes; the tokenizer puts <user> before a text and <end> behind it.
 */
import { echoTokenizer, echoTokenizerConfig } from './echo-artefact.ts';
import { endToken, vocabulary } from './echo-decoder.ts';
import type { Graph } from './onnx-model.ts';
import { manifested } from './sample-models.ts';

export const width = 4;
const userToken = 257;

/** The row of a token. */
export const rowOf = (token: number): readonly number[] => [token / 256, 1 - token / 300, Math.sin(token), 1];

/** The tokens of a text. */
export const tokensOf = (text: string): readonly number[] => [userToken, ...Buffer.from(text), endToken];

/** The mean of some tokens' rows. */
export function meanOf(tokens: readonly number[]): readonly number[] {
  const rows = tokens.map(rowOf);
  return Array.from({ length: width }, (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
}

/** A vector as long as 1. */
export function unit(vector: readonly number[]): readonly number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

const table = Float32Array.from({ length: vocabulary * width }, (_, i) => rowOf(Math.floor(i / width))[i % width]!);

const common: Omit<Graph, 'outputs'> = {
  inputs: [
    { name: 'input_ids', type: 'INT64', shape: ['batch', 'sequence'] },
    { name: 'attention_mask', type: 'INT64', shape: ['batch', 'sequence'] },
  ],
  weights: [
    { name: 'table', shape: [vocabulary, width], data: table },
    { name: 'axis1', shape: [1], data: BigInt64Array.of(1n) },
    { name: 'axis2', shape: [1], data: BigInt64Array.of(2n) },
    { name: 'one', shape: [1], data: Float32Array.of(1) },
    { name: 'garbage', shape: [1], data: Float32Array.of(1000) },
  ],
  nodes: [
    { op: 'Gather', inputs: ['table', 'input_ids'], outputs: ['rows'] },
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['flat'], attributes: { to: 1 } },
    { op: 'Unsqueeze', inputs: ['flat', 'axis2'], outputs: ['mask'] },
    { op: 'Mul', inputs: ['rows', 'mask'], outputs: ['own'] },
  ],
};

/** A vector for each token. */
export const tokenVectors: Graph = {
  ...common,
  outputs: [{ name: 'last_hidden_state', type: 'FP32', shape: ['batch', 'sequence', width] }],
  nodes: [
    ...common.nodes,
    { op: 'Sub', inputs: ['one', 'mask'], outputs: ['filling'] },
    { op: 'Mul', inputs: ['filling', 'garbage'], outputs: ['foreign'] },
    { op: 'Add', inputs: ['own', 'foreign'], outputs: ['last_hidden_state'] },
  ],
};

/** A vector for each text: the mean, made in the graph. */
export const textVectors: Graph = {
  ...common,
  outputs: [{ name: 'sentence_embedding', type: 'FP32', shape: ['batch', width] }],
  nodes: [
    ...common.nodes,
    { op: 'ReduceSum', inputs: ['own', 'axis1'], outputs: ['sum'], attributes: { keepdims: 0 } },
    { op: 'ReduceSum', inputs: ['mask', 'axis1'], outputs: ['count'], attributes: { keepdims: 0 } },
    { op: 'Div', inputs: ['sum', 'count'], outputs: ['sentence_embedding'] },
  ],
};

/** The same, rounded by a scale that all texts of a run share. */
export const roundedVectors: Graph = {
  ...textVectors,
  nodes: [
    ...textVectors.nodes.slice(0, -1),
    { op: 'Div', inputs: ['sum', 'count'], outputs: ['exact'] },
    { op: 'DynamicQuantizeLinear', inputs: ['exact'], outputs: ['rounded', 'scale', 'zero'] },
    { op: 'DequantizeLinear', inputs: ['rounded', 'scale', 'zero'], outputs: ['sentence_embedding'] },
  ],
};

const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
const known = (id: number, token: string) => ({ [token]: { id: token, ids: [id], tokens: [token] } });

const tokenizer = {
  ...echoTokenizer,
  post_processor: {
    type: 'TemplateProcessing',
    single: [special('<user>'), { Sequence: { id: 'A', type_id: 0 } }, special('<end>')],
    pair: [special('<user>'), { Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
    special_tokens: { ...known(userToken, '<user>'), ...known(endToken, '<end>') },
  },
};

type Files = Readonly<Record<string, Buffer | string>>;

/** The tokenizer's files, which say how many tokens a text may have. */
function tokenizerFiles(name: string, length: number): Files {
  return {
    [`${name}/tokenizer.json`]: JSON.stringify(tokenizer),
    [`${name}/tokenizer_config.json`]: JSON.stringify({ ...echoTokenizerConfig, model_max_length: length }),
  };
}

/** A model of token vectors with its manifest. */
export function embeddingArtefact(name: string, embedding: object, length = 64): Files {
  return { ...manifested(name, tokenVectors, { task: 'embedding', embedding }), ...tokenizerFiles(name, length) };
}

/** A model that pools by itself, as tools leave it: without a manifest. */
export function foreignEmbeddingArtefact(name: string, model: Buffer): Files {
  return { [`${name}/model.onnx`]: model, ...tokenizerFiles(name, 64) };
}
