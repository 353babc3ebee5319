/** Lives in which the operator itself removes something: what was suspended, what is too old, and the object whose time is over. */
import type { TrainingJob } from '../../operator/api/resources.ts';
import { failureText } from '../support/runs.ts';
import type { Perturbation } from './plan.ts';
import { failsAtFirst, phaseOf, succeeds, training, type Rooted, type Scenario } from './scenario.ts';
import type { PodScript } from './scripted-kubelet.ts';

/** What removals may suffer from. */
export const chosen: readonly Perturbation[] = [
  ...(['crash', 'double crash', 'takeover', 'delete', 'upgrade', 'upgrade and back', 'write answers'] as const),
  ...(['watch', 'stale cache', 'unobserved', 'time travel', 'born in the past', 'absence'] as const),
];

/** One that starts an attempt so late has attempts of which the first is too old to be kept. */
const lastAttempt = 4;

/** Attempts in between run until they are suspended. */
const untilSuspended: PodScript = (attempt, rank, pod) =>
  attempt < lastAttempt ? undefined : succeeds()(attempt, rank, pod);

const suspend = (isSuspended: boolean) => (spec: object) => ({ ...spec, suspend: isSuspended });

/** Suspended as it should be, running until it is, or at its end. */
function isWhereItShouldBe(object: Rooted | undefined): boolean {
  if (object === undefined) return false;
  const { spec, status } = object as unknown as TrainingJob;
  const { length } = status?.attempts ?? [];
  if (spec.suspend) return phaseOf(object) === 'Suspended';
  // The first attempt runs, too, before it fails.
  if (length === 1) return false;
  return phaseOf(object) === (length < lastAttempt ? 'Running' : 'Succeeded');
}

/** A failed attempt, two that are suspended, and one that succeeds, for which the first is cleared away. */
const interrupted: Scenario = {
  ...{ ...training, name: 'training, interrupted', perturbations: chosen },
  ...{ script: failsAtFirst(untilSuspended), settled: isWhereItShouldBe },
  changes: [suspend(true), suspend(false), suspend(true), suspend(false)],
  removes: ['jobs'],
};

/** Fails for good, and is gone a second later with all that was made for it. */
const expiring: Scenario = {
  ...{ ...training, name: 'training, failed and expired', perturbations: chosen },
  object: { ...training.object, spec: { ...training.object.spec, ttlSecondsAfterFinished: 1 } },
  script: (_attempt, rank) => (rank === 0 ? { exitCode: 65, message: failureText('DataInvalid') } : undefined),
  settled: (object) => object === undefined,
  removes: ['trainingjobs'],
};

/** A group of pods comes and goes with each attempt. */
const placedTogether: Scenario = {
  ...{ ...interrupted, name: 'training, placed together', perturbations: chosen },
  ...{ gang: 'coscheduling', removes: ['jobs', 'podgroups'] },
};

export const removals: readonly Scenario[] = [interrupted, placedTogether, expiring];
