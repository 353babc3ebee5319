/**
 * Lives that hear of what is no object of the cluster: how many replicas an autoscaler wants, which attempt stands still,
 * and that there are queues.
 */
import { modelServices, type TrainingJob } from '../../operator/api/resources.ts';
import type { Perturbation } from './plan.ts';
import { chosen } from './removals.ts';
import { artefact, example, serves, succeeds, training, type Scenario } from './scenario.ts';

/** The operator of before is started as it was then, and hears nobody. */
const withoutReleases: readonly Perturbation[] = chosen.filter((name) => !name.startsWith('upgrade'));

const service = example('service.yaml');
const { placement } = training.object.spec as TrainingJob['spec'];

/** Wanted by one, left alone, woken by more than one, left alone again. */
export const woken: Scenario = {
  ...{ name: 'serving, woken and left alone', resource: modelServices, perturbations: withoutReleases },
  object: { ...service, spec: { ...service.spec, model: { artefact } } },
  ...{ script: () => undefined, changes: [], removes: [] },
  advice: [1, 0, 2, 0],
  settled: serves,
};

/** Each attempt waits in a queue. No worker of the first one makes a step, until it is ended for that. */
export const queuedAndHung: Scenario = {
  ...{ ...training, name: 'training, queued and hung', perturbations: withoutReleases, removes: ['jobs'] },
  object: { ...training.object, spec: { ...training.object.spec, placement: { ...placement, queueName: 'team' } } },
  script: (attempt, rank, pod) => (attempt === 1 ? undefined : succeeds()(attempt, rank, pod)),
  isQueued: true,
  hangs: { attempt: 1, workers: 2 },
};
