/** Lives that hear of what is no object of the cluster: how many replicas an autoscaler wants, and which attempt stands still. */
import { modelServices } from '../../operator/api/resources.ts';
import type { Perturbation } from './plan.ts';
import { chosen } from './removals.ts';
import { artefact, example, failsAtFirst, serves, succeeds, training, type Scenario } from './scenario.ts';

/** The operator of before is started as it was then, and hears nobody. */
const withoutReleases: readonly Perturbation[] = chosen.filter((name) => !name.startsWith('upgrade'));

const service = example('service.yaml');

/** Wanted by one, left alone, woken by more than one, left alone again. */
export const woken: Scenario = {
  ...{ name: 'serving, woken and left alone', resource: modelServices, perturbations: withoutReleases },
  object: { ...service, spec: { ...service.spec, model: { artefact } } },
  ...{ script: () => undefined, changes: [], removes: [] },
  advice: [1, 0, 2, 0],
  settled: serves,
};

/** No worker of the first attempt makes a step, until it is ended for that. */
export const hung: Scenario = {
  ...{ ...training, name: 'training, hung at first', perturbations: withoutReleases, removes: ['jobs'] },
  script: failsAtFirst(succeeds(), NaN),
  hangs: { attempt: 1, workers: 2 },
};
