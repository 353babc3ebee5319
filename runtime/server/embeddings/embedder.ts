/** Which models give embeddings of texts, and how: what the manifest says of it, and what the graph can do. Pure. */
import { isRecord } from '../protocol/json.ts';
import type { Signature, TensorSpec } from '../protocol/request.ts';

/** How a text's tokens become one vector: their mean, the first one's, or in the graph itself. */
export type Pooling = 'mean' | 'cls' | 'none';

/** What a manifest says of a model's embeddings. */
export interface EmbeddingMember {
  /** Of an output with a vector for each token. */
  readonly pooling?: Exclude<Pooling, 'none'>;
  /** Whether vectors are made as long as 1. */
  readonly normalise: boolean;
  /** The output that has the vectors. */
  readonly output?: string;
  /** Most tokens of a text. */
  readonly contextLength?: number;
  /** Lengths to which a vector may be cut at the caller's wish, for models that were trained so. */
  readonly dimensions: readonly number[];
}

/** A model that gives embeddings. */
export interface Embedder {
  /** In the graph's order: input_ids, and where there are any attention_mask and token_type_ids. */
  readonly inputs: readonly TensorSpec[];
  readonly output: string;
  readonly pooling: Pooling;
  readonly normalise: boolean;
  readonly contextLength: number;
  readonly dimensions: readonly number[];
  /** Whether a text must be run by itself: scales that all of a run share would have something of the others. */
  readonly alone?: boolean;
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 1;

type Check = readonly [name: string, isRight: (value: unknown) => boolean, wanted: string];

const checks: readonly Check[] = [
  ['pooling', (value) => value === 'mean' || value === 'cls', "none of 'mean', 'cls'"],
  ['normalise', (value) => typeof value === 'boolean', 'neither true nor false'],
  ['output', (value) => typeof value === 'string', 'no string'],
  ['contextLength', isCount, 'not a whole number above 0'],
  ['dimensions', (value) => Array.isArray(value) && value.every(isCount), 'no list of whole numbers above 0'],
];

/** The member `embedding` of a manifest, or what is wrong with it. */
export function embeddingOf(value: unknown): EmbeddingMember | string {
  if (!isRecord(value)) return 'embedding is not an object';
  const wrong = checks.find(([name, isRight]) => value[name] !== undefined && !isRight(value[name]));
  if (wrong !== undefined) return `embedding.${wrong[0]} is ${wrong[2]}`;
  return { normalise: false, dimensions: [], ...value };
}

const known = ['input_ids', 'attention_mask', 'token_type_ids'];

function inputsFault(inputs: readonly TensorSpec[]): string | undefined {
  if (!inputs.some(({ name }) => name === 'input_ids')) return 'the model has no input input_ids';
  for (const { name, datatype, shape } of inputs) {
    if (!known.includes(name)) return `the input '${name}' is none of ${known.join(', ')}`;
    if (datatype !== 'INT64' && datatype !== 'INT32') return `the input '${name}' is ${datatype}, not INT64 or INT32`;
    if (shape.length !== 2) return `the input '${name}' is not [batch, sequence]`;
    if (shape[0] !== -1 && shape[0] !== 1) return `the input '${name}' takes ${shape[0] ?? 0} texts at once`;
  }
  return undefined;
}

const usualOutputs = ['sentence_embedding', 'last_hidden_state', 'token_embeddings'];

function outputOf({ outputs }: Signature, wanted: string | undefined): TensorSpec | undefined {
  const names = wanted === undefined ? usualOutputs : [wanted];
  return names.map((name) => outputs.find((output) => output.name === name)).find((output) => output !== undefined);
}

function poolingOf({ name, datatype, shape }: TensorSpec, member: EmbeddingMember | undefined): Pooling | Fault {
  if (datatype !== 'FP32') return { fault: `the output '${name}' is ${datatype}, not FP32` };
  const pooling = member?.pooling;
  const rank = shape.length === 0 && pooling !== undefined ? 3 : shape.length;
  if (rank === 2) return pooling === undefined ? 'none' : { fault: `'${name}' is pooled in the graph already` };
  if (rank !== 3) return { fault: `the output '${name}' is neither [batch, width] nor [batch, sequence, width]` };
  return (
    pooling ?? {
      fault: `'${name}' has a vector for each token, and embedding.pooling does not say what is made of them`,
    }
  );
}

interface Fault {
  readonly fault: string;
}

/** Most tokens that are told: by the manifest, the files beside the model, the graph. */
function lengthOf(inputs: readonly TensorSpec[], told: readonly (number | undefined)[]): number | undefined {
  const fixed = inputs.map(({ shape }) => shape[1] ?? -1).filter((length) => length > 0);
  const lengths = [...fixed, ...told.filter((length) => length !== undefined)];
  return lengths.length === 0 ? undefined : Math.min(...lengths);
}

function makingOf(member: EmbeddingMember | undefined): Pick<Embedder, 'normalise' | 'dimensions'> {
  return { normalise: member?.normalise ?? false, dimensions: member?.dimensions ?? [] };
}

/** The embedder that a model is, or one sentence why it is none. `fileLength` is what its tokenizer's files say. */
export function embedderOf(
  signature: Signature,
  member: EmbeddingMember | undefined,
  fileLength: number | undefined,
): Embedder | string {
  const { inputs } = signature;
  const wrong = inputsFault(inputs);
  if (wrong !== undefined) return wrong;
  const output = outputOf(signature, member?.output);
  if (output === undefined) return `the model has no output ${member?.output ?? usualOutputs.join(' or ')}`;
  const pooling = poolingOf(output, member);
  if (typeof pooling === 'object') return pooling.fault;
  const contextLength = lengthOf(inputs, [member?.contextLength ?? fileLength]);
  if (contextLength === undefined)
    return 'nothing says how many tokens a text may have: embedding.contextLength is missing';
  return { inputs, output: output.name, pooling, contextLength, ...makingOf(member) };
}

/** Whether a model is an embedder as far as its graph and its manifest say, or claims to be one. */
export function mayEmbed(signature: Signature, member: EmbeddingMember | undefined): boolean {
  return member !== undefined || typeof embedderOf(signature, member, 1) !== 'string';
}
