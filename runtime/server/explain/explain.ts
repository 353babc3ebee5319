/**
 * Why a model answers as it does: attributions of an input's features, found by asking the model itself about changed rows,
 * in batches and through its ordinary queue. One batch of an explanation is under way at a time: requests pass between.
 */
import type { Caller } from '../batcher.ts';
import type { ModelFacts } from '../loader.ts';
import { invalid } from '../protocol/errors.ts';
import { noNumber } from '../protocol/json-data.ts';
import type { InferenceRequest, InferenceResult } from '../protocol/request.ts';
import { sum } from '../sum.ts';
import { elementCount, type Tensor } from '../tensor.ts';
import { featuresOf, type Feature } from './features.ts';
import type { Question } from './parameters.ts';
import { probesOf, probesPerFeature, telling, type Probe } from './probes.ts';
import { requestOf, subjectsOf, type Asked, type Subject } from './subjects.ts';

/** Rows that one explanation may ask a model about. */
const mostRows = 16_384;

/** Of the input that is explained, all rows together: each is held as 8 bytes, several times. */
const mostElements = 1 << 22;

/** Of one row of the request. */
export interface Explanation {
  /** Index into the last axis of the output. */
  readonly target: number;
  /** What the model says of the row, and of the baseline in its place. */
  readonly value: number;
  readonly baselineValue: number;
  /** What the attributions leave unexplained: value - baselineValue - their sum. */
  readonly gap: number;
  /** For each element of the row; the elements of a patch have equal shares of its attribution. */
  readonly attributions: Float64Array;
}

/** The model that is asked. */
export interface Oracle {
  readonly facts: ModelFacts;
  readonly infer: (request: InferenceRequest, caller?: Caller) => Promise<InferenceResult>;
  readonly caller: Caller;
}

/** Explains every row of a request. Refuses what the model cannot be asked, and what would take too many rows. */
export async function explain(
  question: Question,
  inputs: readonly Tensor[],
  oracle: Oracle,
): Promise<readonly Explanation[]> {
  const ask = asking(question, oracle);
  const [count = 0, ...rowShape] = inputs.find(({ name }) => name === question.input.name)?.shape ?? [];
  // Before anything is made for each row or element of it.
  checkSize(count, rowShape);
  const subjects = subjectsOf(question, inputs);
  if (count === 0) return [];
  const features = featuresOf(rowShape, question.patch);
  checkWay(question, features, subjects);
  checkCost(question, features, subjects);
  const values = await ask(subjects.map((subject) => ({ subject, elements: subject.row })));
  const baselines = await ask(subjects.map((subject) => ({ subject, elements: subject.baseline })));
  const targets = values.map((scores, index) => targetOf(question, scores, [index, values.length]));
  const sums = await sumsOf(ask, { question, features, subjects, targets });
  return targets.map((target, index) => {
    const [value, baselineValue] = [values[index]?.[target] ?? NaN, baselines[index]?.[target] ?? NaN];
    const subject = subjects[index];
    const own = subject && telling(features, subject);
    const offset = question.method.kind === 'occlusion' ? value : 0;
    const whole = (own ?? []).map((feature) => [feature, (sums[index]?.[feature] ?? 0) + offset] as const);
    const total = sum(whole.map(([, attribution]) => attribution));
    const attributions = spread(features, whole, subject?.row.length ?? 0);
    const gap = value - baselineValue - total;
    return told(question, { target, value, baselineValue, gap, attributions });
  });
}

/** Refuses what JSON would tell as null. */
function told({ output }: Question, explanation: Explanation): Explanation {
  // What is infinite or NaN among the attributions is so in the gap, too.
  const { value, baselineValue, gap } = explanation;
  if ([value, baselineValue, gap].every(Number.isFinite)) return explanation;
  throw noNumber(output.name);
}

type Ask = (rows: readonly Asked[]) => Promise<readonly Float64Array[]>;

/** Asks about rows, so many at a time as the model takes; what it says of each, one number for each target. */
function asking(question: Question, { facts, infer, caller }: Oracle): Ask {
  const stubborn = facts.inputs.find(({ shape }) => shape[0] !== -1 && shape[0] !== 1);
  if (stubborn !== undefined)
    throw invalid(`input '${stubborn.name}' is [${stubborn.shape.join(',')}], which has no axis for single rows`);
  const atOnce = facts.inputs.some(({ shape }) => shape[0] === 1) ? 1 : Math.max(1, facts.maxBatch);
  return async (rows) => {
    const scores: Float64Array[] = [];
    for (let start = 0; start < rows.length; start += atOnce) {
      const some = rows.slice(start, start + atOnce);
      const { outputs } = await infer(requestOf(question, some), caller);
      scores.push(...scoresOf(outputs[0], some.length));
    }
    return scores;
  };
}

function scoresOf(output: Tensor | undefined, count: number): readonly Float64Array[] {
  const [rows, width = 1, ...more] = output?.shape ?? [];
  if (output === undefined || rows !== count || more.length > 0) {
    const shape = `[${output?.shape.join(',') ?? ''}]`;
    throw invalid(
      `output '${output?.name ?? ''}' is ${shape} for ${count} rows; explained are one number or one list a row`,
    );
  }
  const data = Float64Array.from(output.data as ArrayLike<number>);
  return Array.from({ length: count }, (_, row) => data.subarray(row * width, (row + 1) * width));
}

/** From or to a missing value, NaN, there is no way. */
function checkWay({ method, input }: Question, features: readonly Feature[], subjects: readonly Subject[]): void {
  if (method.kind !== 'integrated') return;
  const isLost = (subject: Subject): boolean =>
    telling(features, subject)
      .flatMap((feature) => features[feature] ?? [])
      .some((element) => Number.isNaN(subject.row[element]) || Number.isNaN(subject.baseline[element]));
  if (subjects.some(isLost))
    throw invalid(`a value of '${input.name}', or its baseline, is missing: there is no way to it; use occlusion`);
}

function checkCost({ method }: Question, features: readonly Feature[], subjects: readonly Subject[]): void {
  const each = subjects.map((subject) => 2 + probesPerFeature(method) * telling(features, subject).length);
  checkRows(sum(each));
}

function checkSize(count: number, rowShape: readonly number[]): void {
  checkRows(2 * count);
  const elements = count * elementCount(rowShape);
  if (elements > mostElements)
    throw invalid(`the input has ${elements} elements, at most ${mostElements} are explained in one request`);
  // Beside a length of 0 others may be anything: no data bound them.
  if (count > 0 && elements === 0) throw invalid('the rows of the input are empty: there is nothing to explain');
}

function checkRows(cost: number): void {
  if (cost <= mostRows) return;
  throw invalid(
    `this takes ${cost} rows of the model, at most ${mostRows} are allowed: ask for fewer rows, larger patches or fewer steps`,
  );
}

function targetOf(
  { targets, output }: Question,
  scores: Float64Array,
  [index, count]: readonly [number, number],
): number {
  if (targets === undefined) {
    // Beside NaN none is the largest.
    if (scores.some(Number.isNaN)) throw noNumber(output.name);
    return scores.reduce((best, score, at) => (score > (scores[best] ?? NaN) ? at : best), 0);
  }
  if (targets.length !== 1 && targets.length !== count)
    throw invalid(`'target' has ${targets.length} classes for ${count} rows; it takes one for all, or one for each`);
  const target = (targets.length === 1 ? targets[0] : targets[index]) ?? 0;
  if (target < scores.length) return target;
  throw invalid(`'target' is ${target}, the output has ${scores.length} classes`);
}

interface Task {
  readonly question: Question;
  readonly features: readonly Feature[];
  readonly subjects: readonly Subject[];
  readonly targets: readonly number[];
}

/** For each subject and feature the weighted sum of what the model says of its probes. */
async function sumsOf(ask: Ask, { question, features, subjects, targets }: Task): Promise<readonly Float64Array[]> {
  const sums = subjects.map(() => new Float64Array(features.length));
  for (const [index, subject] of subjects.entries()) {
    const [target = 0, own] = [targets[index], sums[index]];
    for (const probes of chunks(probesOf(question.method, features, subject), subject.row.length)) {
      const scores = await ask(probes.map(({ fill }) => ({ subject, elements: filled(fill, subject) })));
      probes.forEach(({ feature, weight }, at) => {
        if (own !== undefined) own[feature] = (own[feature] ?? 0) + weight * (scores[at]?.[target] ?? NaN);
      });
    }
  }
  return sums;
}

/** So many rows are made at a time; of long ones so many that they have about this many elements. */
const chunkRows = 256;
const chunkElements = 1 << 22;

function* chunks(probes: Iterable<Probe>, width: number): Generator<readonly Probe[]> {
  const most = Math.min(chunkRows, Math.ceil(chunkElements / Math.max(1, width)));
  let chunk: Probe[] = [];
  for (const probe of probes) {
    chunk.push(probe);
    if (chunk.length < most) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function filled(fill: Probe['fill'], { row }: Subject): Float64Array {
  const elements = new Float64Array(row.length);
  fill(elements);
  return elements;
}

function spread(
  features: readonly Feature[],
  attributions: readonly (readonly [feature: number, attribution: number])[],
  count: number,
): Float64Array {
  const elements = new Float64Array(count);
  for (const [index, attribution] of attributions) {
    const feature = features[index] ?? [];
    for (const element of feature) elements[element] = attribution / feature.length;
  }
  return elements;
}
