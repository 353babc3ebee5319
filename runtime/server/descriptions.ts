/** What the server and its models say of themselves, in the protocol's documents; REST and gRPC send the same. */
import type { LanguageModel } from './decoding/language-model.ts';
import type { Model } from './model.ts';
import type { Datatype } from './tensor.ts';
import type { TensorSpec } from './protocol/request.ts';
import type { NotReady } from './repository.ts';

/** What is told of the server itself. */
export interface ServerFacts {
  readonly name: string;
  readonly version: string;
}

/** Extensions of the protocol, by Triton's names. */
export const extensions = [
  'binary_tensor_data',
  'model_configuration',
  'model_repository',
  'schedule_policy',
  'statistics',
] as const;

const spelled = ({ name, datatype, shape }: TensorSpec): TensorSpec => ({ name, datatype, shape });

/** The model's metadata as the protocol has it, with class names and the facts of this server as extras. */
export function metadataOf(model: Model, versions: readonly string[]) {
  const { facts } = model;
  return {
    name: model.name,
    versions,
    platform: 'onnx_onnxv1',
    inputs: facts?.inputs.map(spelled) ?? [],
    outputs: facts?.outputs.map(spelled) ?? [],
    ...(facts?.labels && { labels: facts.labels }),
    parameters: {
      provider: facts?.provider,
      max_batch: facts?.maxBatch,
      sha256: facts?.sha256,
      bytes: model.bytes,
      ...textParameters(model),
    },
  };
}

/** What a language model has room for, stated so that nobody has to find out. */
function decoderOf({ geometry, slots, keyValueBytes }: LanguageModel) {
  const { contract, contextLength, vocabulary } = geometry;
  return { contract, context_length: contextLength, vocabulary, slots, key_value_bytes: keyValueBytes };
}

/** What a model of texts can take. */
function textParameters({ facts, language }: Model): object {
  if (language !== undefined) return decoderOf(language);
  if (facts?.embedder === undefined) return {};
  const { pooling, normalise, contextLength } = facts.embedder;
  return { embedding: { pooling, normalise }, context_length: contextLength };
}

/** Triton's name of a datatype in a configuration. */
function typeOf(datatype: Datatype): string {
  return `TYPE_${datatype === 'BYTES' ? 'STRING' : datatype}`;
}

/**
 * The configuration in Triton's form. `max_batch_size` is 0, which says that shapes have their batch axis in them, as they
 * have everywhere else in this server; what requests are joined to is told by the metadata.
 */
export function configOf({ name, facts, memory }: Model) {
  const values = (specs: readonly TensorSpec[] = []) =>
    specs.map((spec) => ({ name: spec.name, data_type: typeOf(spec.datatype), dims: spec.shape }));
  return {
    name,
    platform: 'onnx_onnxv1',
    backend: 'onnxruntime',
    default_model_filename: 'model.onnx',
    max_batch_size: 0,
    input: values(facts?.inputs),
    output: values(facts?.outputs),
    instance_group: [{ name, kind: facts?.provider === 'cuda' ? 'KIND_GPU' : 'KIND_CPU', count: memory.sessions }],
  };
}

const nanos = (milliseconds: number): number => Math.round(milliseconds * 1e6);

/** Triton's statistics of a model; durations are nanoseconds. */
export function statisticsOf({ name, version, statistics }: Model) {
  const { succeeded, failed, executions, inferences, lastInferenceAt } = statistics;
  const none = { count: 0, ns: 0 };
  return {
    name,
    version,
    last_inference: lastInferenceAt,
    inference_count: inferences,
    execution_count: executions,
    inference_stats: {
      success: { count: succeeded, ns: nanos(statistics.requestMs) },
      fail: { count: failed, ns: nanos(statistics.failedMs) },
      queue: { count: succeeded, ns: nanos(statistics.queueMs) },
      // Nothing is copied before or after a run that would be worth a clock.
      compute_input: none,
      compute_infer: { count: executions, ns: nanos(statistics.computeMs) },
      compute_output: none,
      cache_hit: none,
      cache_miss: none,
    },
    batch_stats: [...statistics.batches].map(([rows, { count, computeMs }]) => ({
      batch_size: rows,
      compute_input: none,
      compute_infer: { count, ns: nanos(computeMs) },
      compute_output: none,
    })),
  };
}

/** One line of the repository's index. */
export interface IndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: 'READY' | 'LOADING' | 'UNAVAILABLE';
  readonly reason: string;
}

/** How a model stands; `undefined` is ready. */
export function indexEntryOf(
  { name, version }: { readonly name: string; readonly version: string },
  notReady: NotReady | undefined,
): IndexEntry {
  if (notReady === undefined) return { name, version, state: 'READY', reason: '' };
  const state = notReady.reason === 'Loading' ? 'LOADING' : 'UNAVAILABLE';
  return { name, version, state, reason: `${notReady.reason}: ${notReady.message}` };
}
