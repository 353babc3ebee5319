/**
 * The rows that a model is asked about to explain one of its answers. Pure. The attribution of a feature is the sum of what
 * the model says of its probes, each times its weight, besides `offset` times what it says of the row itself.
 */
import type { Feature } from './features.ts';
import type { Method } from './parameters.ts';

/** One row to ask about; `fill` writes its elements. */
export interface Probe {
  /** Index of the feature that the answer counts for. */
  readonly feature: number;
  readonly weight: number;
  readonly fill: (row: Float64Array) => void;
}

interface Ends {
  readonly row: Float64Array;
  readonly baseline: Float64Array;
}

/** How many probes a feature costs. */
export const probesPerFeature = (method: Method): number => (method.kind === 'occlusion' ? 1 : 2 * method.steps);

/** Those that differ from their baseline: the others explain nothing, and cost nothing. */
export const telling = (features: readonly Feature[], { row, baseline }: Ends): readonly number[] =>
  features.flatMap((feature, index) =>
    feature.some((element) => !Object.is(row[element], baseline[element])) ? [index] : [],
  );

/** All probes of one row, feature by feature. */
export function* probesOf(method: Method, features: readonly Feature[], ends: Ends): Generator<Probe> {
  for (const index of telling(features, ends)) {
    const feature = features[index] ?? [];
    if (method.kind === 'occlusion') yield occluded(index, feature, ends);
    else yield* alongTheWay(index, feature, ends, method.steps);
  }
}

const occluded = (index: number, feature: Feature, { row, baseline }: Ends): Probe => ({
  feature: index,
  weight: -1,
  fill: (probe) => {
    probe.set(row);
    for (const element of feature) probe[element] = baseline[element] ?? 0;
  },
});

/** In the middle of each step the feature alone goes from the step's begin to its end. */
function* alongTheWay(index: number, feature: Feature, { row, baseline }: Ends, steps: number): Generator<Probe> {
  const at = (share: number) => (element: number) =>
    (baseline[element] ?? 0) + share * ((row[element] ?? 0) - (baseline[element] ?? 0));
  for (let step = 0; step < steps; step += 1) {
    for (const weight of [1, -1]) {
      yield {
        ...{ feature: index, weight },
        fill: (probe) => {
          const [middle, end] = [at((step + 0.5) / steps), at((step + 0.5 + weight / 2) / steps)];
          for (let element = 0; element < probe.length; element += 1) probe[element] = middle(element);
          for (const element of feature) probe[element] = end(element);
        },
      };
    }
  }
}
