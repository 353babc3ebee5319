/** Jobs that wait in the queue, and what they say of themselves. */
import { conditionOf } from '../../demo/kubectl.ts';
import type { TrainingJobStatus } from '../../operator/api/generated.ts';
import { ours, placement, training } from '../e2e/lab.ts';
import { kubectl, queue } from './world.ts';

/** Where a job is placed that waits in a queue. */
export const queued = (rest: object = {}, queueName = queue): object => ({
  placement: { ...placement, queueName, ...rest },
});

const group = { model: { mlp: { hidden: [32] } }, distribution: { workers: 2 }, checkpoint: { everySeconds: 1 } };

/** A TrainingJob of two workers in the queue. */
export const trainingOf = (name: string, epochs: number, rest: object = queued()): object =>
  training(name, { ...group, optimization: { learningRate: 0.003, epochs }, ...rest });

export const distillationOf = (name: string, teacher: string): object =>
  ours('DistillationJob', name, {
    ...{ teacher: { trainingJob: { name: teacher } }, student: { mlp: { hidden: [8] } } },
    ...{ data: { source: { builtin: 'digits' } }, optimization: { learningRate: 0.01, epochs: 2 } },
    ...queued(),
  });

export const statusOf = (
  [kind, name]: readonly [kind: 'tj' | 'dj', name: string],
  what: string,
  isSo: (status: TrainingJobStatus) => boolean,
): Promise<TrainingJobStatus> =>
  kubectl.until<TrainingJobStatus, TrainingJobStatus>({
    ...{ kind, name, seconds: 240, what },
    judge: (status) => {
      if (status.phase === 'Failed') throw new Error(`${name} failed: ${JSON.stringify(status.attempts)}`);
      return isSo(status) ? status : undefined;
    },
  });

export const reasonOf = (status: TrainingJobStatus, type: string): string | undefined =>
  conditionOf(status, type)?.reason;
