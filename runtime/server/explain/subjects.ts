/** The rows of a request one by one, and requests made of changed ones. Pure. */
import { invalid } from '../protocol/errors.ts';
import type { InferenceRequest, TensorSpec } from '../protocol/request.ts';
import { concatBatch, datatypes, setNumbers, splitBatch, type Tensor, type TensorData } from '../tensor.ts';
import { spreadBaseline } from './features.ts';
import type { Question } from './parameters.ts';

/** One row that is explained. */
export interface Subject {
  readonly row: Float64Array;
  /** That of all rows, which is changed by nobody. */
  readonly baseline: Float64Array;
  /** The row's part of every input, under its name. */
  readonly inputs: ReadonlyMap<string, Tensor>;
}

/** A row to ask about: the subject's, with these elements in the place of its own. */
export interface Asked {
  readonly subject: Subject;
  readonly elements: Float64Array;
}

/** The rows of a request. Refuses inputs that differ in their number. */
export function subjectsOf({ input, baseline }: Question, inputs: readonly Tensor[]): readonly Subject[] {
  const count = inputs[0]?.shape[0] ?? 0;
  const rows = inputs.map((tensor) => {
    if (tensor.shape[0] === count) return splitBatch(tensor, new Array<number>(count).fill(1));
    throw invalid(`input '${tensor.name}' has ${tensor.shape[0] ?? 0} rows, '${inputs[0]?.name ?? ''}' has ${count}`);
  });
  const shape = inputs.find(({ name }) => name === input.name)?.shape ?? [];
  // Without rows the others of its lengths may be anything.
  if (count === 0) return [];
  const shared = spreadBaseline(baseline, shape.slice(1));
  return Array.from({ length: count }, (_, index) => {
    const own = new Map(rows.flatMap((split) => split.slice(index, index + 1)).map((part) => [part.name, part]));
    const part = own.get(input.name);
    if (part === undefined) throw invalid(`input '${input.name}' is missing`);
    return { row: numbersOf(part), baseline: shared, inputs: own };
  });
}

function numbersOf({ name, data }: Tensor): Float64Array {
  const numbers = Float64Array.from(data as ArrayLike<number>, Number);
  if (data instanceof BigInt64Array && numbers.some((number) => !Number.isSafeInteger(number)))
    throw invalid(`input '${name}' has integers beyond 2^53, which are no codes of anything`);
  return numbers;
}

/** One request about many rows, for one output. Its tensors may be given away: the subject is asked about again. */
export function requestOf({ input, output }: Question, rows: readonly Asked[]): InferenceRequest {
  const names = [...(rows[0]?.subject.inputs.keys() ?? [])];
  const parts = (name: string): Tensor[] => rows.flatMap(({ subject }) => subject.inputs.get(name) ?? []);
  const inputs = names.map((name) => (name === input.name ? changed(input, rows) : joined(parts(name))));
  return { inputs, outputs: [{ name: output.name, binary: false }] };
}

/** Of a single part the tensor would be the subject's own. */
function joined(parts: readonly Tensor[]): Tensor {
  const tensor = concatBatch(parts);
  return parts.length === 1 ? { ...tensor, data: tensor.data.slice() } : tensor;
}

function changed(input: TensorSpec, rows: readonly Asked[]): Tensor {
  const { name, datatype } = input;
  const [, ...rowShape] = rows[0]?.subject.inputs.get(name)?.shape ?? [];
  const width = rows[0]?.elements.length ?? 0;
  const data: TensorData = datatypes[datatype].zeros(rows.length * width);
  rows.forEach(({ elements }, index) => setNumbers(data, elements, index * width));
  return { name, datatype, shape: [rows.length, ...rowShape], data };
}
