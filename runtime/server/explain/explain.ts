/**
 * Why a model answers as it does: attributions of an input's features, found by asking the model itself about changed rows,
 * in batches and through its ordinary queue. One batch of an explanation is under way at a time: requests pass between.
 */
import type { Caller } from '../batcher.ts';
import type { Share } from '../body.ts';
import type { ModelFacts } from '../loader.ts';
import { invalid, Refusal } from '../protocol/errors.ts';
import { noNumber } from '../protocol/json-data.ts';
import type { InferenceRequest, InferenceResult } from '../protocol/request.ts';
import { sum } from '../sum.ts';
import { datatypes, elementCount, type Tensor } from '../tensor.ts';
import { featuresOf, type Feature } from './features.ts';
import type { Question } from './parameters.ts';
import { probesOf, probesPerFeature, telling, type Probe } from './probes.ts';
import { requestOf, subjectsOf, type Asked, type Subject } from './subjects.ts';

/** Rows that one explanation may ask a model about. */
const mostRows = 16_384;

/** Of the input that is explained, all rows together. */
const mostElements = 1 << 22;

/**
 * Bytes that are held until the answer is there, of each element: as a number of its row, as a sum, as an attribution, in a list, and
 * in lists of lists; and of each row, for each input and what is said of it: measured, and rounded up.
 */
const costs = { element: 5 * 8, row: 1 << 10 } as const;

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
  /** Holds what an explanation takes beside its body, which is a fraction of it. */
  readonly share: Pick<Share, 'make'>;
}

/** Explains every row of a request. Refuses what the model cannot be asked, and what would take too many rows. */
export async function explain(
  question: Question,
  inputs: readonly Tensor[],
  oracle: Oracle,
): Promise<readonly Explanation[]> {
  const atOnce = atOnceOf(oracle.facts);
  const ask = asking(question, oracle, atOnce);
  const [count = 0, ...rowShape] = inputs.find(({ name }) => name === question.input.name)?.shape ?? [];
  // Before anything is made for each row or element of it.
  checkSize(count, rowShape);
  const most = probesAtOnce(elementCount(rowShape), atOnce);
  if (count > 0) oracle.share.make(bytesOf(question, [inputs.length, count, elementCount(rowShape), most]), tooLarge);
  const subjects = subjectsOf(question, inputs);
  if (count === 0) return [];
  const features = featuresOf(rowShape, question.patch);
  checkWay(question, features, subjects);
  checkCost(question, features, subjects);
  const rows = subjects.map((subject) => ({ subject, elements: subject.row }));
  const values = await ask(rows, (scores, index) => {
    const target = targetOf(question, scores, [index, count]);
    return { target, value: scores[target] ?? NaN };
  });
  const targets = values.map(({ target }) => target);
  const ends = subjects.map((subject) => ({ subject, elements: subject.baseline }));
  const baselines = await ask(ends, (scores, index) => scores[targets[index] ?? 0] ?? NaN);
  const sums = await sumsOf(ask, { question, features, subjects, targets, most });
  return values.map(({ target, value }, index) => {
    const baselineValue = baselines[index] ?? NaN;
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

/** Of each row what is told of its scores, one number for each target: to keep them all would take what the output does. */
type Ask = <T>(rows: readonly Asked[], tell: (scores: Float64Array, index: number) => T) => Promise<readonly T[]>;

/** So many rows as the model takes. */
function atOnceOf({ inputs, maxBatch }: ModelFacts): number {
  const stubborn = inputs.find(({ shape }) => shape[0] !== -1 && shape[0] !== 1);
  if (stubborn !== undefined)
    throw invalid(`input '${stubborn.name}' is [${stubborn.shape.join(',')}], which has no axis for single rows`);
  return inputs.some(({ shape }) => shape[0] === 1) ? 1 : Math.max(1, maxBatch);
}

/** Asks about rows, so many at a time. */
function asking(question: Question, { infer, caller }: Oracle, atOnce: number): Ask {
  return async <T>(rows: readonly Asked[], tell: (scores: Float64Array, index: number) => T) => {
    const told: T[] = [];
    for (let start = 0; start < rows.length; start += atOnce) {
      const some = rows.slice(start, start + atOnce);
      const { outputs } = await infer(requestOf(question, some), caller);
      for (const scores of scoresOf(outputs[0], some.length)) told.push(tell(scores, told.length));
    }
    return told;
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

type Sizes = readonly [inputs: number, rows: number, width: number, probes: number];

/** Of an explanation of so many rows, of so many elements each, with so many probes at a time. */
function bytesOf({ input }: Question, [inputs, rows, width, probes]: Sizes): number {
  const ofProbes = probes * width * (8 + datatypes[input.datatype].bytes);
  return rows * ((inputs + 1) * costs.row + width * costs.element) + ofProbes;
}

function tooLarge(mostBytes: number): Refusal {
  const sentence = `the explanation, and the body that asked for it, take more than ${mostBytes} bytes`;
  return new Refusal({ kind: 'tooLarge' }, `${sentence}: ask for fewer rows in one request`);
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
  /** Probes that are made at a time. */
  readonly most: number;
}

/** For each subject and feature the weighted sum of what the model says of its probes. */
async function sumsOf(
  ask: Ask,
  { question, features, subjects, targets, most }: Task,
): Promise<readonly Float64Array[]> {
  const sums = subjects.map(() => new Float64Array(features.length));
  for (const [index, subject] of subjects.entries()) {
    const [target = 0, own] = [targets[index], sums[index]];
    for (const probes of chunks(probesOf(question.method, features, subject), most)) {
      const rows = probes.map(({ fill }) => ({ subject, elements: filled(fill, subject) }));
      const scores = await ask(rows, (all) => all[target] ?? NaN);
      probes.forEach(({ feature, weight }, at) => {
        if (own !== undefined) own[feature] = (own[feature] ?? 0) + weight * (scores[at] ?? NaN);
      });
    }
  }
  return sums;
}

/** No more rows are made at a time than the model takes, and of long ones so many that they have about this many elements. */
const chunkRows = 256;
const chunkElements = 1 << 20;

const probesAtOnce = (width: number, atOnce: number): number =>
  Math.min(chunkRows, atOnce, Math.ceil(chunkElements / Math.max(1, width)));

function* chunks(probes: Iterable<Probe>, most: number): Generator<readonly Probe[]> {
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
