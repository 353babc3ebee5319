/**
 * Lives that hear of what is no object of the cluster: how many replicas an autoscaler wants, how far an attempt is and that
 * it stands still, why a server does not get ready, and that there are queues.
 */
import type { Pod } from '../../operator/api/kubernetes.ts';
import { modelServices, type ModelService, type TrainingJob } from '../../operator/api/resources.ts';
import type { RunNews } from '../../operator/workloads/run.ts';
import type { Perturbation } from './plan.ts';
import { chosen } from './removals.ts';
import { artefact, example, phaseIs, serves, succeeds, training, type Rooted, type Scenario } from './scenario.ts';

/** The operator of before is started as it was then: it is told neither of progress nor of queues. */
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

/** So many steps are done when an attempt is asked; nobody expects a third one. */
const stepOf = (attempt: number): number => 40 * Math.min(attempt, 2);

/** Of a hundred steps. The second attempt goes on from where the first one has stopped. */
function newsOf(attempt: number): RunNews {
  const step = stepOf(attempt);
  const figures = { loss: 0.5, samplesPerSecond: 1200, validationAccuracy: 0.9, etaSeconds: 30 };
  return {
    ...{ attempt, progress: `${String(step)}%` },
    training: { phase: 'training', epoch: step / 2.5, epochs: 40, step, steps: 100, ...figures },
    checkpoint: { step, uri: `s3://limbeck/runs/${String(step)}.pt`, sha256: String(attempt).repeat(64) },
    distribution: { strategy: 'ddp', reason: 'it fits', processes: 2, scalingEfficiency: 0.9 },
    ...(attempt === 1 ? {} : { resumedFromStep: stepOf(1) }),
  };
}

/** For how long the job is to be kept, as somebody wants in the end. */
const keptSeconds = 7200;
const kept = (seconds: number) => (spec: object) => ({ ...spec, ttlSecondsAfterFinished: seconds });
const isKept = (object: Rooted): boolean =>
  (object.spec as TrainingJob['spec']).ttlSecondsAfterFinished === keptSeconds;

/** At its end; or, as long as somebody has something to declare, its second attempt has said all. */
function isWhereItCanBe(object: Rooted | undefined): boolean {
  const { metadata, status } = (object ?? {}) as Partial<TrainingJob>;
  if (object === undefined || isKept(object)) return phaseIs('Succeeded')(object);
  return status?.training?.step === stepOf(2) && status.observedGeneration === metadata?.generation;
}

/**
 * Each attempt waits in a queue, and says how far it is when it runs. The workers of the first one make no step from then
 * on, until it is ended for that. The second one goes on until somebody has said for how long the job is to be kept, twice.
 */
export const queuedAndHung: Scenario = {
  ...{ ...training, name: 'training, queued and hung', perturbations: withoutReleases, removes: ['jobs'] },
  object: { ...training.object, spec: { ...training.object.spec, placement: { ...placement, queueName: 'team' } } },
  script: (attempt, rank, pod) => (attempt === 1 ? undefined : succeeds()(attempt, rank, pod)),
  ...{ isQueued: true, news: newsOf, settled: isWhereItCanBe },
  ...{ changes: [kept(3600), kept(keptSeconds)], mayEnd: isKept },
  hangs: { attempt: 1, workers: 2 },
};

const unloadable = { uri: `s3://limbeck/models/${'d'.repeat(64)}`, sha256: 'd'.repeat(64) };
const says = { reason: 'DigestMismatch', message: 'the file has another digest' };

const isToLoad = ({ spec }: Pod, uri: string): boolean => JSON.stringify(spec?.containers).includes(uri);

/** It serves, or says of the present spec why it does not. */
function servesOrSaysWhy(object: Rooted | undefined): boolean {
  const { metadata, spec, status } = (object ?? {}) as Partial<ModelService>;
  if (spec === undefined || !('artefact' in spec.model) || spec.model.artefact.uri !== unloadable.uri)
    return serves(object);
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing');
  return progressing?.reason === 'LoadFailed' && progressing.observedGeneration === metadata?.generation;
}

/** Which concerns the gateway alone; the status has to speak of it all the same. */
const withQueueOf = (queueLimit: number) => (spec: object) => ({
  ...spec,
  scaling: { ...(spec as ModelService['spec']).scaling, queueLimit },
});

/**
 * Somebody has it serve another model, which cannot be loaded. The replica of the first one goes on. Who does not see the
 * other's pod forgets what its server said, and is told again in two seconds; here nobody is. So this life has operators
 * that begin anew, and none whose caches lag behind what is stored.
 */
export const notLoaded: Scenario = {
  ...{ name: 'serving, then a model that cannot be loaded', resource: modelServices, settled: servesOrSaysWhy },
  object: { ...service, spec: { ...service.spec, model: { artefact }, replicas: 1 } },
  ...{ script: () => undefined, removes: [] },
  changes: [(spec) => ({ ...spec, model: { artefact: unloadable } }), withQueueOf(500)],
  loadFailure: (pod) => (isToLoad(pod, unloadable.uri) ? says : undefined),
  perturbations: ['crash', 'double crash', 'upgrade', 'upgrade and back', 'absence'],
};
