/** manifest.json beside model.onnx, as crds/contracts/model-manifest.schema.json defines it. */
import { isDatatype } from './tensor.ts';
import type { Geometry } from './decoding/geometry.ts';
import { embeddingOf, type EmbeddingMember } from './embeddings/embedder.ts';
import { isRecord } from './protocol/json.ts';
import { shapeFits, type Signature, type TensorSpec } from './protocol/request.ts';
import { preprocessingOf, type Preprocessing } from './samples/preprocessing.ts';

/** What the server uses of a manifest. */
export interface Manifest extends Signature {
  /** Of model.onnx, in hexadecimal. */
  readonly sha256: string;
  /** Class names by index of the output's last axis. */
  readonly labels?: readonly string[];
  /** Of an input that says nothing: one value for all, or one for each index of the axis after the batch; null is NaN. */
  readonly baseline?: readonly (number | null)[];
  /** How the input is made of what people have. */
  readonly preprocessing?: Preprocessing;
  /** What the scores of the labels are; logits where the manifest is silent. */
  readonly outputsAre?: OutputsAre;
  /** Of a model whose output stands for a text. */
  readonly embedding?: EmbeddingMember;
  /** Of a language model that writes token by token. */
  readonly decoder?: Geometry;
}

/** Scores that softmax makes probabilities of, or probabilities already. */
export type OutputsAre = 'logits' | 'probabilities';

/** What a manifest may have besides the signature. */
type Extras = Omit<Manifest, 'sha256' | keyof Signature>;

/** A manifest, or one sentence that says what is wrong with it. */
export type ParsedManifest =
  { readonly ok: true; readonly manifest: Manifest } | { readonly ok: false; readonly message: string };

const isDim = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= -1;

function specOf(value: unknown): TensorSpec | undefined {
  if (!isRecord(value)) return undefined;
  const { name, datatype, shape } = value;
  if (typeof name !== 'string' || !isDatatype(datatype)) return undefined;
  return Array.isArray(shape) && shape.every(isDim) ? { name, datatype, shape } : undefined;
}

function specsOf(value: unknown): readonly TensorSpec[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const specs = value.map(specOf);
  return specs.every((spec) => spec !== undefined) ? specs : undefined;
}

function labelsOf(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) && value.every((label) => typeof label === 'string') ? value : undefined;
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 1;

const isTokens = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((token) => Number.isInteger(token) && Number(token) >= 0);

function geometryOf(value: unknown): Geometry | string {
  if (!isRecord(value)) return 'decoder is not an object';
  const { contract, endTokens, layers, heads, headDim, vocabulary, contextLength } = value;
  if (contract !== 'split-v1' && contract !== 'concat') return "decoder.contract is none of 'split-v1', 'concat'";
  if (!isTokens(endTokens)) return 'decoder.endTokens is not a list of tokens';
  const sizes = { layers, heads, headDim, vocabulary, contextLength };
  const wrong = Object.entries(sizes).find(([, size]) => !isCount(size));
  if (wrong !== undefined) return `decoder.${wrong[0]} is not a whole number above 0`;
  return { contract, endTokens, ...(sizes as Omit<Geometry, 'contract' | 'endTokens'>) };
}

function baselineOf(value: unknown): readonly (number | null)[] | undefined {
  const isValue = (one: unknown): one is number | null => one === null || typeof one === 'number';
  return Array.isArray(value) && value.length > 0 && value.every(isValue) ? value : undefined;
}

const outputsAreOf = (value: unknown): OutputsAre | undefined =>
  value === 'logits' || value === 'probabilities' ? value : undefined;

type Read<T> = (value: unknown) => T | undefined;

/** Members that are only right or wrong, and what the wrong ones are not. */
const optional: readonly [keyof Extras, Read<Extras[keyof Extras]>, string][] = [
  ['labels', labelsOf, 'a list of strings'],
  ['baseline', baselineOf, 'a list of numbers or null'],
  ['outputsAre', outputsAreOf, "'logits' or 'probabilities'"],
];

/** Members with a reason of their own for being wrong. */
const structured: readonly [keyof Extras, (value: unknown) => object | string][] = [
  ['preprocessing', preprocessingOf],
  ['embedding', embeddingOf],
  ['decoder', geometryOf],
];

/** What a manifest has besides the signature, or what is wrong with it. */
function extrasOf(value: Readonly<Record<string, unknown>>): Extras | string {
  const found: Partial<Record<keyof Extras, unknown>> = {};
  for (const [name, read, wanted] of optional) {
    if (value[name] === undefined) continue;
    const parsed = read(value[name]);
    if (parsed === undefined) return `${name} is not ${wanted}`;
    found[name] = parsed;
  }
  for (const [name, read] of structured) {
    if (value[name] === undefined) continue;
    const parsed = read(value[name]);
    if (typeof parsed === 'string') return parsed;
    found[name] = parsed;
  }
  return found as Extras;
}

function manifestOf(value: unknown): Manifest | string {
  if (!isRecord(value)) return 'it is not an object';
  if (value['manifestVersion'] !== 'v1') return "manifestVersion is not 'v1'";
  const { sha256 } = value;
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) return 'sha256 is not 64 hexadecimal digits';
  const [inputs, outputs] = [specsOf(value['inputs']), specsOf(value['outputs'])];
  if (inputs === undefined) return 'inputs is not a list of name, datatype and shape';
  if (outputs === undefined) return 'outputs is not a list of name, datatype and shape';
  const extras = extrasOf(value);
  return typeof extras === 'string' ? extras : { sha256, inputs, outputs, ...extras };
}

/** Parses the text of a manifest. */
export function parseManifest(text: string): ParsedManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, message: 'manifest.json is not JSON' };
  }
  const manifest = manifestOf(value);
  return typeof manifest === 'string'
    ? { ok: false, message: `manifest.json is not valid: ${manifest}` }
    : { ok: true, manifest };
}

function conflict(kind: string, promised: TensorSpec, found: TensorSpec | undefined): string | undefined {
  if (found === undefined) return `the manifest promises the ${kind} '${promised.name}', the model has none`;
  if (found.datatype !== promised.datatype) {
    return `the manifest says that '${promised.name}' is ${promised.datatype}, the model says ${found.datatype}`;
  }
  // An output whose shape the model file leaves open is taken at the manifest's word.
  if (found.shape.length === 0 || shapeFits(found.shape, promised.shape)) return undefined;
  return `the manifest says that '${promised.name}' is [${promised.shape.join(',')}], the model says [${found.shape.join(',')}]`;
}

/** Undefined when the model keeps the manifest's promises; otherwise one sentence with the first that it breaks. */
export function brokenPromise(manifest: Signature, model: Signature): string | undefined {
  const check = (kind: string, promised: readonly TensorSpec[], found: readonly TensorSpec[]): string | undefined => {
    if (promised.length !== found.length) {
      return `the manifest names ${promised.length} ${kind}s, the model has ${found.length}`;
    }
    const conflicts = promised.map((spec) =>
      conflict(
        kind,
        spec,
        found.find(({ name }) => name === spec.name),
      ),
    );
    return conflicts.find((sentence) => sentence !== undefined);
  };
  return check('input', manifest.inputs, model.inputs) ?? check('output', manifest.outputs, model.outputs);
}
