/** The lives that are disturbed: of each kind from apply to its last phase, and with what goes wrong or is changed on the way. */
import { distillationJobs, modelServices, type DistillationJob } from '../../operator/api/resources.ts';
import { metrics } from '../support/runs.ts';
import { distilled } from '../support/trained.ts';
import { notLoaded, queuedAndHung, woken } from './fed.ts';
import { made, maker } from './maker.ts';
import { chosen, removals } from './removals.ts';
import { setbacks } from './setbacks.ts';
import {
  artefact,
  example,
  failsAtFirst,
  phaseIs,
  phaseOf,
  serves,
  succeeds,
  training,
  type Rooted,
  type Scenario,
} from './scenario.ts';

const student = example('student.yaml');
const service = example('service.yaml');

const distillation: Scenario = {
  ...{ name: 'distillation', resource: distillationJobs, settled: phaseIs('Succeeded'), changes: [], removes: [] },
  object: { ...student, spec: { ...student.spec, teacher: { artefact } } },
  script: succeeds(distilled),
};

/** Of a job that is over: long enough for the user to think better of it, and how long it is kept then. */
const timeToLive = { first: 15, raised: 3600 } as const;

/** It is over; and once it is to be kept for longer, it is still there when its first time has passed. */
function outlivesItsTime(object: Rooted | undefined): boolean {
  if (object === undefined || phaseOf(object) !== 'Failed') return false;
  const { spec, status, metadata } = object as unknown as DistillationJob;
  const passedMs = Date.now() - Date.parse(status?.finishedAt ?? '');
  if (spec.ttlSecondsAfterFinished === timeToLive.first) return true;
  return status?.observedGeneration === metadata.generation && passedMs > (timeToLive.first + 1) * 1000;
}

/** The former release does not round the gain, so it is one that is the same in binary: 0.98 less 0.9921 is -0.0121. */
const better = { value: 0.9921, low: 0.98, high: 1 };

/**
 * Its teacher is another job's. Its second attempt comes to an end that is not good enough: the student gained nothing by
 * its teacher. Somebody wants to know why, and keeps it for longer than was meant.
 */
const missed: Scenario = {
  ...{ ...distillation, name: 'distillation again, gate missed', settled: outlivesItsTime, perturbations: chosen },
  maker,
  object: {
    ...student,
    spec: { ...student.spec, teacher: made, ttlSecondsAfterFinished: timeToLive.first },
  },
  changes: [(spec) => ({ ...spec, ttlSecondsAfterFinished: timeToLive.raised })],
  script: failsAtFirst(succeeds({ ...distilled, control: { ...metrics, accuracy: better } }), 0),
};

const serving: Scenario = {
  ...{ name: 'serving', resource: modelServices, settled: serves, script: () => undefined, removes: [] },
  object: { ...service, spec: { ...service.spec, model: { artefact }, replicas: 1 } },
  changes: [
    (spec) => ({ ...spec, replicas: 2 }),
    (spec) => ({ ...spec, runtime: { onnx: { instances: 2, threads: 1 } } }),
  ],
};

/** As somebody may write them, and as the API server does not keep them. */
const resources = { requests: { cpu: '0.05', memory: '131072Ki' }, limits: { cpu: '1000m', memory: '1024Mi' } };

/** Nobody asks: by its own declaration it has no replicas for a while. Its model is that of a job. */
const emptied: Scenario = {
  ...{ ...serving, name: 'serving, emptied', perturbations: chosen, maker },
  object: {
    ...serving.object,
    spec: { ...serving.object.spec, model: made, placement: { gpuProfiles: ['gpu', 'cpu'], resources } },
  },
  changes: [(spec) => ({ ...spec, replicas: 0 }), (spec) => ({ ...spec, replicas: 1 })],
};

export const scenarios: readonly Scenario[] = [
  training,
  { ...training, name: 'training again', script: failsAtFirst(succeeds()) },
  distillation,
  missed,
  serving,
  emptied,
  ...removals,
  woken,
  queuedAndHung,
  ...setbacks,
  notLoaded,
];
