/** The lives that are disturbed: of each kind from apply to its last phase, and with what goes wrong or is changed on the way. */
import { distillationJobs, modelServices } from '../../operator/api/resources.ts';
import { metrics } from '../support/runs.ts';
import { distilled } from '../support/trained.ts';
import { hung, woken } from './fed.ts';
import { chosen, removals } from './removals.ts';
import { artefact, example, failsAtFirst, phaseIs, serves, succeeds, training, type Scenario } from './scenario.ts';

const student = example('student.yaml');
const service = example('service.yaml');

const distillation: Scenario = {
  ...{ name: 'distillation', resource: distillationJobs, settled: phaseIs('Succeeded'), changes: [], removes: [] },
  object: { ...student, spec: { ...student.spec, teacher: { artefact } } },
  script: succeeds(distilled),
};

/** Its second attempt comes to an end that is not good enough: the student gained nothing by its teacher. */
const missed: Scenario = {
  ...{ ...distillation, name: 'distillation again, gate missed', settled: phaseIs('Failed'), perturbations: chosen },
  script: failsAtFirst(
    succeeds({ ...distilled, control: { ...metrics, accuracy: { value: 0.99, low: 0.98, high: 1 } } }),
    0,
  ),
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

/** Nobody asks: by its own declaration it has no replicas for a while. */
const emptied: Scenario = {
  ...{ ...serving, name: 'serving, emptied', perturbations: chosen },
  object: {
    ...serving.object,
    spec: { ...serving.object.spec, placement: { gpuProfiles: ['gpu', 'cpu'], resources } },
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
  hung,
];
