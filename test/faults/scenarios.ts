/** The lives that are disturbed: one per kind from apply to its last phase, and one that needs a second attempt. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { distillationJobs, modelServices, trainingJobs, type ModelService } from '../../operator/api/resources.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import { failureText } from '../support/runs.ts';
import { distilled, trainerResult } from '../support/trained.ts';
import type { PodScript } from './scripted-kubelet.ts';

type Rooted = KubeObject & { readonly spec: object; readonly status?: object };

export interface Scenario {
  readonly name: string;
  readonly resource: Resource;
  readonly object: Rooted;
  readonly script: PodScript;
  /** The object has come to rest before the user's next change. */
  readonly settled: (object: Rooted) => boolean;
  /** What the user changes then, one after the other; each must come to rest too. */
  readonly changes: readonly ((spec: object) => object)[];
}

const example = (file: string): Rooted => parse(readFileSync(`examples/digits/${file}`, 'utf8')) as Rooted;
const phaseIs =
  (phase: string) =>
  ({ status }: Rooted): boolean =>
    (status as { phase?: string } | undefined)?.phase === phase;

const succeeds =
  (more: object = {}): PodScript =>
  (_attempt, rank) => ({ exitCode: 0, message: rank === 0 ? trainerResult('a', more) : '' });

/** In the first attempt one worker says that something temporary happened; the Job controller stops the other. */
const succeedsAtLast: PodScript = (attempt, rank, pod) => {
  if (attempt > 1) return succeeds()(attempt, rank, pod);
  return rank === 1 ? { exitCode: 75, message: failureText('StoreUnavailable') } : undefined;
};

const training: Scenario = {
  ...{ name: 'training', resource: trainingJobs, object: example('teacher.yaml') },
  ...{ script: succeeds(), settled: phaseIs('Succeeded'), changes: [] },
};

const artefact = { uri: `s3://limbeck/models/${'b'.repeat(64)}`, sha256: 'b'.repeat(64) };
const student = example('student.yaml');
const service = example('service.yaml');

/** Every replica of this revision answers and the status speaks of this generation. */
const serves = (object: Rooted): boolean => {
  const { spec, status, metadata } = object as unknown as ModelService;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing');
  const isNew = ready?.observedGeneration === metadata.generation && status?.verifiedRevision === status?.revision;
  return (
    progressing?.status === 'False' &&
    ready?.status === 'True' &&
    isNew &&
    status?.readyReplicas === spec.replicas &&
    status?.replicas === spec.replicas
  );
};

export const scenarios: readonly Scenario[] = [
  training,
  { ...training, name: 'training again', script: succeedsAtLast },
  {
    ...{ name: 'distillation', resource: distillationJobs, settled: phaseIs('Succeeded'), changes: [] },
    object: { ...student, spec: { ...student.spec, teacher: { artefact } } },
    script: succeeds(distilled),
  },
  {
    ...{ name: 'serving', resource: modelServices, settled: serves, script: () => undefined },
    object: { ...service, spec: { ...service.spec, model: { artefact }, replicas: 1 } },
    changes: [
      (spec) => ({ ...spec, replicas: 2 }),
      (spec) => ({ ...spec, runtime: { onnx: { instances: 2, threads: 1 } } }),
    ],
  },
];
