/** What is said of a life, and what lives have in common. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { trainingJobs, type ModelService } from '../../operator/api/resources.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import type { Pod } from '../../operator/api/kubernetes.ts';
import type { LoadFailure } from '../../operator/serving/trouble.ts';
import type { Gang } from '../../operator/workloads/pod-group.ts';
import type { RunNews } from '../../operator/workloads/run.ts';
import { failureText } from '../support/runs.ts';
import { trainerResult } from '../support/trained.ts';
import type { Perturbation } from './plan.ts';
import type { PodScript } from './scripted-kubelet.ts';

export type Rooted = KubeObject & { readonly spec: object; readonly status?: object };

/** An object with a status that nobody has anything to add to. */
export type Made = Rooted & { readonly status: object };

export interface Scenario {
  readonly name: string;
  readonly resource: Resource;
  readonly object: Rooted;
  readonly script: PodScript;
  /** The object has come to rest before the user's next change; undefined: it is gone. `advised`: what was advised last. */
  readonly settled: (object: Rooted | undefined, advised?: number) => boolean;
  /** What the user changes then, one after the other; each must come to rest too. */
  readonly changes: readonly ((spec: object) => object)[];
  /** How many replicas an autoscaler wants: at first, and one after the other when the user has changed all. */
  readonly advice?: readonly number[];
  /** The attempt that is said to stand still once so many workers of it run. */
  readonly hangs?: { readonly attempt: number; readonly workers: number };
  /** What rank 0 of an attempt says of its progress; no worker of it ends, or is said to stand still, before that is told. */
  readonly news?: (attempt: number) => RunNews;
  /** Until then no worker ends either. */
  readonly mayEnd?: (object: Rooted) => boolean;
  /** Why the server in this pod does not get ready; undefined: it does. */
  readonly loadFailure?: (pod: Pod) => LoadFailure | undefined;
  /** Where the Jobs wait in a queue until they are admitted. */
  readonly isQueued?: boolean;
  /** A job that has made a model, and is there before the operator is, and until the object is deleted for good. */
  readonly maker?: Made;
  /** Kinds of which the operator itself removes something; of others it removes nothing. */
  readonly removes: readonly string[];
  /** Where a gang scheduler is served, and each attempt of several workers has a PodGroup. */
  readonly gang?: Gang;
  /** What it is tried with, where it is not everything. */
  readonly perturbations?: readonly Perturbation[];
}

export const example = (file: string): Rooted => parse(readFileSync(`examples/digits/${file}`, 'utf8')) as Rooted;

export const phaseOf = (object: Rooted | undefined): string | undefined =>
  (object?.status as { phase?: string } | undefined)?.phase;

export const phaseIs =
  (phase: string) =>
  (object: Rooted | undefined): boolean =>
    phaseOf(object) === phase;

export const succeeds =
  (more: object = {}): PodScript =>
  (_attempt, rank) => ({ exitCode: 0, message: rank === 0 ? trainerResult('a', more) : '' });

/** In the first attempt this worker says that something temporary happened; the Job controller stops the others. */
export const failsAtFirst =
  (then: PodScript, failing = 1): PodScript =>
  (attempt, rank, pod) => {
    if (attempt > 1) return then(attempt, rank, pod);
    return rank === failing ? { exitCode: 75, message: failureText('StoreUnavailable') } : undefined;
  };

export const training: Scenario = {
  ...{ name: 'training', resource: trainingJobs, object: example('teacher.yaml'), removes: [] },
  ...{ script: succeeds(), settled: phaseIs('Succeeded'), changes: [] },
};

export const artefact = { uri: `s3://limbeck/models/${'b'.repeat(64)}`, sha256: 'b'.repeat(64) };

/** Every replica that is wanted answers, or none is; the status speaks of this revision and generation. */
export const serves = (object: Rooted | undefined, advised?: number): boolean => {
  if (object === undefined) return false;
  const { spec, status, metadata } = object as unknown as ModelService;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing');
  const isNew = ready?.observedGeneration === metadata.generation && status?.verifiedRevision === status?.revision;
  const wanted = spec.replicas ?? advised;
  return (
    progressing?.status === 'False' &&
    (spec.replicas === 0 ? ready?.reason === 'Stopped' : ready?.status === 'True') &&
    isNew &&
    status?.readyReplicas === wanted &&
    status?.replicas === wanted
  );
};
