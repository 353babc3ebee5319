/** What a trainer measured → what gates look at, what the status keeps, what the column shows. Pure. */
import {
  metricNames,
  type ClassMetricConfig,
  type Lineage,
  type Measure,
  type MetricName,
  type Metrics,
  type TrainerSuccess,
} from '../api/trainer-contract.ts';
import type { Gate, Measured } from './gates.ts';

type ClassGate<G extends Gate> = G & { readonly metric: 'precision' | 'recall' | 'f1' };

/** Precision, recall and F1 are measured of each class: which class is meant, the gate says. */
const isOfClass = <G extends Gate>(gate: G): gate is ClassGate<G> =>
  gate.metric === 'precision' || gate.metric === 'recall' || gate.metric === 'f1';

/** What the trainer is asked for beyond the metrics of the whole; no member of the config where that is nothing. */
export function evaluationConfig(gates: readonly Gate[]): {
  readonly evaluation?: { readonly classMetrics: readonly ClassMetricConfig[] };
} {
  const classMetrics = gates
    .filter(isOfClass)
    .map(({ metric, class: label }) => ({ metric, ...(label === undefined ? {} : { class: label }) }));
  return classMetrics.length === 0 ? {} : { evaluation: { classMetrics } };
}

/** One measured value for each gate. `others`: shares that are no metric of the model alone. */
export function measuredOf(
  gates: readonly Gate[],
  { metrics, classMetrics = [] }: Pick<TrainerSuccess, 'metrics' | 'classMetrics'>,
  others: Readonly<Record<string, number | undefined>> = {},
): readonly (Measured | undefined)[] {
  const { n } = metrics;
  const ofClasses = classMetrics.values();
  return gates.map((gate) => {
    if (isOfClass(gate)) return ofClasses.next().value;
    const other = Object.hasOwn(others, gate.metric) ? others[gate.metric] : undefined;
    if (other !== undefined) return { value: other, n };
    const measure = measureOf(metrics, gate.metric);
    return measure === undefined ? undefined : { ...measure, n };
  });
}

const measureOf = (metrics: Metrics, name: string): Measure | undefined => (isMetric(name) ? metrics[name] : undefined);
const isMetric = (name: string): name is MetricName => metricNames.some((known) => known === name);

/** Metrics as the status has them. */
export const statusMetrics = ({ n, ...measures }: Metrics) => ({ samples: n, ...measures });

/**
 * The lineage as a status has it that has no place for `foreign`: a program of a user may name what the contract has for
 * another kind, and the API server would refuse the whole status.
 */
export function statusLineage(lineage: Lineage, image: string, foreign: readonly (keyof Lineage)[]) {
  const own = { ...lineage, image };
  for (const name of foreign) Reflect.deleteProperty(own, name);
  return own;
}

/** Those of a model that is only compared with. */
export const statusHeadline = ({ n, accuracy, macroRecall, macroF1 }: Metrics) => ({
  samples: n,
  ...(accuracy === undefined ? {} : { accuracy }),
  ...(macroRecall === undefined ? {} : { macroRecall }),
  ...(macroF1 === undefined ? {} : { macroF1 }),
});

/** Figures of classes as the status has them: none where no gate asks for one. */
export function statusClassMetrics(gates: readonly Gate[], { classMetrics = [] }: TrainerSuccess) {
  const wanted = gates.filter(isOfClass);
  const listed = classMetrics.map(({ n, ...measure }, at) => ({
    metric: wanted[at]?.metric ?? '',
    ...measure,
    samples: n,
  }));
  return listed.length === 0 ? {} : { classMetrics: listed };
}

/** A share as a column shows it, in three digits; of a figure that is no share as much as the field holds. */
export const shareText = (share: number): string => share.toFixed(3).slice(0, 16);

/** What matters most for the task, as a column shows it: `accuracy 0.983`, `rmse 12.41`. */
export function metricText({ accuracy, rmse, perplexity }: Metrics): string | undefined {
  if (accuracy !== undefined) return `accuracy ${shareText(accuracy.value)}`;
  if (perplexity !== undefined) return `perplexity ${fourDigits(perplexity)}`.slice(0, 32);
  return rmse === undefined ? undefined : `rmse ${fourDigits(rmse)}`;
}

const fourDigits = ({ value }: Measure): string => String(Number(value.toPrecision(4)));
