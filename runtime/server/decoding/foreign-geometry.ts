/** The sizes of a decoder that another exporter wrote: from the graph's own shapes and the config.json beside it. Pure. */
import type { Signature, TensorSpec } from '../protocol/request.ts';
import { contractNamed } from './contract.ts';
import type { Geometry } from './geometry.ts';

type Config = Readonly<Record<string, unknown>>;

/** The words that model families use for one thing. */
const words = {
  contextLength: ['max_position_embeddings', 'n_positions', 'n_ctx', 'seq_length', 'max_seq_len'],
  vocabulary: ['vocab_size'],
} as const;

function numberOf(config: Config, names: readonly string[]): number | undefined {
  return names.map((name) => config[name]).find((value) => Number.isInteger(value) && Number(value) > 0) as
    number | undefined;
}

function endTokensOf(config: Config): readonly number[] {
  const tokens = [config['eos_token_id']].flat();
  return tokens.filter((token) => typeof token === 'number');
}

const isFixed = (dim: number | undefined): dim is number => dim !== undefined && dim > 0;

function specNamed({ inputs, outputs }: Signature, name: string): TensorSpec | undefined {
  return [...inputs, ...outputs].find((spec) => spec.name === name);
}

/** Why a graph of the right names cannot be run; undefined when it can. */
function faultOf(graph: Signature): string | undefined {
  const names = graph.inputs.map(({ name }) => name);
  if (!names.includes('position_ids')) {
    return 'the model has no input position_ids, without which sequences of different lengths cannot share a run: export it with position_ids';
  }
  if (!names.includes('attention_mask') && !names.includes('bias')) {
    return 'the model has no input attention_mask, without which it reads what pads the keys and values of a sequence: export it with attention_mask';
  }
  const half = graph.inputs.find(({ name, datatype }) => name.includes('past') && datatype !== 'FP32');
  return half && `'${half.name}' is ${half.datatype}; keys and values must be FP32`;
}

/** Sizes, or one sentence about what is missing. */
export function geometryFrom(graph: Signature, config: Config): Geometry | string {
  const contract = contractNamed([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  if (contract === undefined) return 'the graph has not the names of a decoder';
  const fault = faultOf(graph);
  if (fault !== undefined) return fault;
  const past = contract === 'concat' ? /^past_key_values\.\d+\.value$/ : /^past\.\d+\.value$/;
  const values = graph.inputs.filter(({ name }) => past.test(name));
  const [, heads, , headDim] = values[0]?.shape ?? [];
  if (!isFixed(heads) || !isFixed(headDim))
    return `'${values[0]?.name ?? ''}' has no fixed numbers of heads and elements`;
  const lengths = lengthsOf(graph, config);
  if (typeof lengths === 'string') return lengths;
  return { contract, layers: values.length, heads, headDim, ...lengths, endTokens: endTokensOf(config) };
}

function lengthsOf(graph: Signature, config: Config): Pick<Geometry, 'vocabulary' | 'contextLength'> | string {
  const told = specNamed(graph, 'logits')?.shape.at(-1);
  const vocabulary = isFixed(told) ? told : numberOf(config, words.vocabulary);
  if (vocabulary === undefined) return 'config.json says no vocab_size, and the graph leaves it open';
  const contextLength = numberOf(config, words.contextLength);
  if (contextLength === undefined)
    return `config.json beside model.onnx says none of ${words.contextLength.join(', ')}`;
  return { vocabulary, contextLength };
}
