/** What a model answers, in the words of its labels. Pure. */
import type { ModelFacts } from '../loader.ts';
import { invalid } from '../protocol/errors.ts';
import { noNumber } from '../protocol/json-data.ts';
import { sum } from '../sum.ts';
import type { Tensor } from '../tensor.ts';

/** A class and how sure the model is of it. */
export interface ClassScore {
  readonly label: string;
  readonly probability: number;
}

/** Of one sample: the likeliest class and the next ones, or the number (or numbers) that a regression says. */
export type Prediction =
  | (ClassScore & { readonly classes: readonly ClassScore[] })
  | { readonly value: number }
  | { readonly values: readonly number[] };

type Known = Pick<ModelFacts, 'labels' | 'outputsAre'>;

/** exp(s - max), in shares of 1. */
function softmax(scores: readonly number[]): readonly number[] {
  const most = scores.reduce((largest, score) => Math.max(largest, score), -Infinity);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = sum(powers);
  return powers.map((power) => power / total);
}

/** What a caller is told: probabilities where there are labels. A logit of -Infinity is a probability of 0, and no mistake. */
const toldOf = (scores: readonly number[], { labels, outputsAre }: Known): readonly number[] =>
  labels === undefined || outputsAre === 'probabilities' ? scores : softmax(scores);

function predictionOf(told: readonly number[], labels: Known['labels'], top: number): Prediction {
  if (labels === undefined) return told.length === 1 ? { value: told[0] ?? NaN } : { values: told };
  const classes = labels
    .map((label, index) => ({ label, probability: told[index] ?? NaN }))
    .sort((one, other) => other.probability - one.probability);
  return { ...(classes[0] ?? { label: '', probability: NaN }), classes: classes.slice(0, top) };
}

/** One prediction for each row of an output [rows] or [rows, classes]. Refuses NaN and infinities, as infer does. */
export function predictionsOf({ name, shape, data }: Tensor, known: Known, top: number): readonly Prediction[] {
  const [rows = 0, width = 1, ...more] = shape;
  const { labels } = known;
  if (more.length > 0 || (labels !== undefined && labels.length !== width)) {
    const wanted = labels === undefined ? 'a number or a list of numbers' : `${labels.length} classes`;
    throw invalid(`output '${name}' is [${shape.join(',')}], which is not ${wanted} for each row`);
  }
  const numbers = Array.from(data as ArrayLike<number>, Number);
  return Array.from({ length: rows }, (_, row) => {
    const told = toldOf(numbers.slice(row * width, (row + 1) * width), known);
    if (!told.every(Number.isFinite)) throw noNumber(name);
    return predictionOf(told, labels, top);
  });
}
