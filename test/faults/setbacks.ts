/** Lives whose attempts come to grief by no doing of their workers: pods that are ended, never begin, or are never heard of again. */
import type { TrainingJob } from '../../operator/api/resources.ts';
import type { Condition } from '../../operator/kernel/objects.ts';
import { failureText } from '../support/runs.ts';
import { evicted, outOfReach, preempted, withoutImage } from './courses.ts';
import { phaseIs, phaseOf, training, type Rooted, type Scenario } from './scenario.ts';
import type { PodFate, PodScript } from './scripted-kubelet.ts';

/** By attempt; what the others do, who run on until the Job controller ends them, is no script's. */
const fates: readonly (readonly [rank: number, fate: PodFate])[] = [
  [0, { exitCode: 66, message: failureText('DataMissing') }],
  [1, preempted],
  [1, evicted],
];

const thwartedScript: PodScript = (attempt, rank) => {
  const [whose, fate] = fates[attempt - 1] ?? [];
  return rank === whose ? fate : undefined;
};

/**
 * Its data is missing, for which it waits ten seconds, and which counts for nothing; the attempt that looks again is
 * preempted, which counts for nothing either; and the next one is evicted, once more than it may be.
 */
const thwarted: Scenario = {
  ...{ ...training, name: 'training, thwarted until it gives up', script: thwartedScript, settled: phaseIs('Failed') },
  object: { ...training.object, spec: { ...training.object.spec, retry: { limit: 0 } } },
  perturbations: ['crash', 'stale cache', 'unobserved', 'absence'],
};

/** A time that has passed whenever it is set: in seconds. */
const passed = 1;

const progressOf = (object: TrainingJob): Condition | undefined =>
  object.status?.conditions?.find(({ type }) => type === 'Progressing');

/** As far as it can come by itself: somebody is told what is wrong. */
function tellsWhatIsWrong(object: Rooted | undefined): boolean {
  if (object === undefined) return false;
  const job = object as unknown as TrainingJob;
  if (job.spec.suspend) return phaseOf(object) === 'Suspended';
  if (job.spec.retry.deadlineSeconds === passed) return phaseOf(object) === 'Failed';
  const isFirst = job.status?.attempts?.length === 1;
  return progressOf(job)?.reason === (isFirst ? 'ImagePull' : 'WorkerUnreachable');
}

/**
 * The image of its first attempt cannot be had, until somebody stops it and sees to that. The second one loses a node, and
 * somebody sets a deadline that is over.
 */
const lost: Scenario = {
  ...{ ...training, name: 'training, without its image, then its node', settled: tellsWhatIsWrong, removes: ['jobs'] },
  script: (attempt, rank) => (attempt === 1 ? withoutImage : rank === 1 ? outOfReach : undefined),
  changes: [
    (spec) => ({ ...spec, suspend: true }),
    (spec) => ({ ...spec, suspend: false }),
    (spec) => ({ ...spec, retry: { ...(spec as TrainingJob['spec']).retry, deadlineSeconds: passed } }),
  ],
  // Who takes over and is shown the past may see the deadline before he sees whom it is for, and says so.
  perturbations: ['crash', 'stale cache', 'unobserved', 'time travel'],
};

export const setbacks: readonly Scenario[] = [thwarted, lost];
