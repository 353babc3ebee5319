/** What a caller may ask of an explanation, compared with the model before anything is computed. */
import { invalid } from '../protocol/errors.ts';
import { largest } from '../protocol/json-data.ts';
import type { Signature, TensorSpec } from '../protocol/request.ts';

/**
 * How attributions are found:
 * - occlusion: by how much the output falls when a feature is replaced by its baseline;
 * - integrated: what a feature adds on the straight way from the baseline to the input, in so many steps. After integrated
 *   gradients (Sundararajan, Taly, Yan: Axiomatic Attribution for Deep Networks, 2017), with differences for gradients.
 */
export type Method = { readonly kind: 'occlusion' } | { readonly kind: 'integrated'; readonly steps: number };

/** What is explained, and how. */
export interface Question {
  readonly method: Method;
  /** The input that attributions are for; all others stay as they are. */
  readonly input: TensorSpec;
  readonly output: TensorSpec;
  /** Index into the last axis of the output, one for all rows or one for each; undefined: the largest of each row. */
  readonly targets: readonly number[] | undefined;
  /** Stands for no information: one value, or one for each index of the axis after the batch. */
  readonly baseline: readonly number[];
  /** Height and width of the parts of an image that are features; undefined: chosen by its size. */
  readonly patch: readonly [number, number] | undefined;
}

/** What is known of the model besides its signature. */
export interface Known extends Signature {
  readonly labels?: readonly string[];
  readonly baseline?: readonly (number | null)[];
}

type Parameters = Readonly<Record<string, unknown>>;

const names = ['method', 'steps', 'input', 'output', 'target', 'baseline', 'patch'];
const mostSteps = 256;
const usualSteps = 16;
/** More than an explanation has rows. */
const mostTargets = 16_384;

/** Types whose values can be moved along a line. */
const isReal = ({ datatype }: TensorSpec): boolean => datatype === 'FP32' || datatype === 'FP64';
/** Types of tokens and codes: a value can be replaced, and not be halved. */
const isCode = ({ datatype }: TensorSpec): boolean => datatype === 'INT32' || datatype === 'INT64';

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** A whole number within bounds. Where a request has integers beyond 2^53, all of them are big. */
function wholeOf(value: unknown, what: string, [least, most]: readonly [number, number]): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most) return number;
  throw invalid(`'${what}' is not a whole number from ${least} to ${most}`);
}

function methodOf({ method = 'occlusion', steps }: Parameters): Method {
  if (method === 'integrated') {
    return { kind: method, steps: steps === undefined ? usualSteps : wholeOf(steps, 'steps', [1, mostSteps]) };
  }
  if (method !== 'occlusion') throw invalid("'method' is none of 'occlusion', 'integrated'");
  if (steps !== undefined) throw invalid("'steps' belongs to the method 'integrated'");
  return { kind: method };
}

/** The named one, or the first that can be explained. */
function specOf(
  kind: 'input' | 'output',
  asked: unknown,
  { specs, suits, types }: { specs: readonly TensorSpec[]; suits: (spec: TensorSpec) => boolean; types: string },
): TensorSpec {
  const found = asked === undefined ? specs.find(suits) : specs.find(({ name }) => name === asked);
  if (found !== undefined && suits(found)) return found;
  const all = specs.map(({ name, datatype }) => `'${name}' (${datatype})`).join(', ');
  throw invalid(
    asked === undefined
      ? `the model has no ${kind} of type ${types}; it has ${all}`
      : `'${kind}' names none that can be explained; the model has ${all}, explained are ${types}`,
  );
}

/** Where each label is first. */
function indicesOf(labels: readonly string[]): ReadonlyMap<string, number> {
  return new Map(labels.map((label, index) => [label, index] as const).reverse());
}

function targetsOf(value: unknown, { shape }: TensorSpec, labels: readonly string[]): readonly number[] | undefined {
  if (value === undefined) return undefined;
  const classes = shape.length < 2 ? 1 : (shape.at(-1) ?? 1);
  const most = classes === -1 ? 2 ** 31 : classes - 1;
  const list = listOf(value);
  if (list.length > mostTargets)
    throw invalid(`'target' has ${list.length} classes, at most ${mostTargets} rows are explained`);
  const indices = list.some((one) => typeof one === 'string') ? indicesOf(labels) : undefined;
  return list.map((one) => {
    if (typeof one !== 'string') return wholeOf(one, 'target', [0, most]);
    const index = indices?.get(one);
    if (index === undefined)
      throw invalid(`'target' names the class '${one.slice(0, 200)}', which the model does not have`);
    return index;
  });
}

/** null stands for NaN, a missing value, which JSON has not; what the input would round to an infinity is refused. */
function baselineOf(value: unknown, input: TensorSpec): readonly number[] {
  return listOf(value).map((one) => {
    if (isCode(input)) return wholeOf(one, 'baseline', [-(2 ** 31), 2 ** 31 - 1]);
    if (one === null) return NaN;
    const number = typeof one === 'bigint' ? Number(one) : one;
    if (typeof number !== 'number') throw invalid("'baseline' is not a number or null, or a list of these");
    const limit = input.datatype === 'FP32' ? largest.FP32 : largest.FP64;
    if (Math.abs(number) <= limit) return number;
    throw invalid(`'baseline' holds ${number}, which is not ${input.datatype}`);
  });
}

function patchOf(value: unknown): readonly [number, number] | undefined {
  if (value === undefined) return undefined;
  const [height, width = height, ...more] = listOf(value).map((one) => wholeOf(one, 'patch', [1, 65_536]));
  if (height === undefined || width === undefined || more.length > 0)
    throw invalid("'patch' is not a size, or a height and a width");
  return [height, width];
}

/** Parses the parameters of a request against the model. */
export function questionOf(parameters: Parameters, model: Known): Question {
  const stranger = Object.keys(parameters).find((name) => !names.includes(name));
  if (stranger !== undefined) {
    throw invalid(`an explanation has no parameter '${stranger.slice(0, 200)}'; it has ${names.join(', ')}`);
  }
  const suits = (spec: TensorSpec): boolean => isReal(spec) || isCode(spec);
  const types = 'FP32, FP64, INT32 and INT64';
  const input = specOf('input', parameters['input'], { specs: model.inputs, suits, types });
  const output = specOf('output', parameters['output'], {
    specs: model.outputs,
    suits: isReal,
    types: 'FP32 and FP64',
  });
  const method = methodOf(parameters);
  if (method.kind === 'integrated' && !isReal(input))
    throw invalid(`there is no way between the values of '${input.name}' (${input.datatype}); use occlusion`);
  return {
    ...{ method, input, output },
    targets: targetsOf(parameters['target'], output, model.labels ?? []),
    baseline: baselineOf(parameters['baseline'] === undefined ? (model.baseline ?? 0) : parameters['baseline'], input),
    patch: patchOf(parameters['patch']),
  };
}
