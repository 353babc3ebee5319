/** What REST and gRPC requests have in common once their syntax is undone: inputs and outputs against a signature. */
import { levelOf, levels } from '../line.ts';
import type { Tensor, TensorData } from '../tensor.ts';
import { invalid } from './errors.ts';
import { checkInput, inOrder, type SchedulePolicy, type Signature, type TensorSpec } from './request.ts';

/** More than any model has; keeps a hostile shape from costing time. */
const rankLimit = 32;

/** Whether a value is a length. */
export const isDim = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** A shape as the caller gave it. */
export function shapeOf(name: string, value: unknown): readonly number[] {
  if (Array.isArray(value) && value.length <= rankLimit && value.every(isDim)) return value;
  throw invalid(`the shape of input '${name}' is not a list of at most ${rankLimit} whole numbers`);
}

/** The input or output that a name stands for. */
export function specNamed(specs: readonly TensorSpec[], kind: string, name: unknown): TensorSpec {
  const spec = specs.find((candidate) => candidate.name === name);
  if (spec !== undefined) return spec;
  if (typeof name !== 'string') throw invalid(`an ${kind} has no name`);
  throw invalid(
    `the model has no ${kind} '${name.slice(0, 200)}'; it has ${specs.map((known) => `'${known.name}'`).join(', ')}`,
  );
}

/** An output that is asked for, by name. Refuses what the parameters ask for in vain. */
export function outputNamed(
  signature: Signature,
  asked: unknown,
  parameters: Readonly<Record<string, unknown>>,
): string {
  const { name } = specNamed(signature.outputs, 'output', asked);
  if (parameters['classification'] !== undefined)
    throw invalid(`output '${name}': classification is not offered; ask for the plain output`);
  if (parameters['shared_memory_region'] !== undefined) {
    throw invalid(`output '${name}': shared memory is not offered`);
  }
  return name;
}

/** One input of a request; its elements are read only after its head was found to fit. */
export interface GivenInput {
  readonly spec: TensorSpec;
  readonly datatype: unknown;
  readonly shape: readonly number[];
  readonly data: () => TensorData;
}

/** The inputs in the signature's order. Refuses what does not fit, is given twice, or is missing. */
export function inputsOf(given: Iterable<GivenInput>, signature: Signature): readonly Tensor[] {
  const inputs = new Map<string, Tensor>();
  for (const { spec, datatype, shape, data } of given) {
    if (inputs.has(spec.name)) throw invalid(`input '${spec.name}' is given twice`);
    checkInput(spec, datatype, shape);
    inputs.set(spec.name, { name: spec.name, datatype: spec.datatype, shape, data: data() });
  }
  return inOrder(signature, inputs);
}

/** Bytes of a short string among others, beside those that it has on the wire: measured. */
export const bytesOfString = 32;

/** What strings of a request take beyond what was read: as bytes each may be four, and a list of many fills the heap. */
export function stringsFootprint(inputs: readonly Tensor[]): number {
  let count = 0;
  for (const { datatype, data } of inputs) if (datatype === 'BYTES') count += data.length;
  return bytesOfString * count;
}

/** A parameter of the schedule-policy extension; 0 is as if it were not there. */
function policyPart(name: 'priority' | 'timeout', value: unknown): number {
  if (value === undefined || value === null) return 0;
  // Of either only the order matters, so that one which a double rounds is as good.
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0) return number;
  throw invalid(`the parameter '${name}' is not a whole number of 0 or more`);
}

/** What a request says of its scheduling: priority from 1, the most urgent; a timeout in microseconds. */
export function policyOf({ priority, timeout }: Readonly<Record<string, unknown>>): SchedulePolicy | undefined {
  const [level, micros] = [policyPart('priority', priority), policyPart('timeout', timeout)];
  if (level === 0 && micros === 0) return undefined;
  return {
    level: level === 0 ? levels.usual : levelOf(level),
    timeoutMs: micros === 0 ? Infinity : micros / 1000,
  };
}
