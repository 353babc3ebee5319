/** Applies a job and follows it to its end, as `kubectl apply` and `kubectl get --watch` would. */
import type { DistillationJobStatus, TrainingJobStatus } from '../operator/api/generated.ts';
import { conditionOf, wordsOf, type Kubectl } from './kubectl.ts';
import type { Progress } from './progress.ts';
import type { Measured, Trained } from './summary.ts';

export interface World {
  /** In the namespace of the demo's objects. */
  readonly kubectl: Kubectl;
  readonly progress: Progress;
  /** Milliseconds that never go backwards. */
  readonly now: () => number;
}

export type JobStatus = TrainingJobStatus | DistillationJobStatus;

/** Where a job stands, in few words. */
export function jobWords({ phase, progress, attemptCount, conditions }: JobStatus): string {
  const parts = [phase ?? 'not seen by the operator yet'];
  if (progress !== undefined) parts.push(progress);
  if ((attemptCount ?? 0) > 1) parts.push(`attempt ${attemptCount ?? 0}`);
  const waiting =
    phase === 'Waiting' || phase === 'Refused' ? conditionOf({ conditions: conditions ?? [] }, 'Accepted') : undefined;
  return waiting === undefined ? parts.join(', ') : `${parts.join(', ')}: ${waiting.message}`;
}

/** Undefined while it runs; the status once it succeeded; throws once it failed. */
export function finished<T extends JobStatus>(name: string, status: T): T | undefined {
  const succeeded = conditionOf(status, 'Succeeded');
  if (succeeded?.status === 'True') return status;
  if (succeeded?.status === 'False' || status.phase === 'Refused')
    throw new Error(`${name} did not succeed: ${wordsOf(status)}`);
  return undefined;
}

/** Waits for the end of an applied job, telling its progress. */
export async function follow<T extends JobStatus>(
  world: World,
  kind: 'tj' | 'dj',
  name: string,
  seconds = 400,
): Promise<T> {
  const { kubectl, progress } = world;
  let state = 'waiting for the operator';
  const judge = (status: T): T | undefined => {
    state = jobWords(status);
    progress.say(state);
    return finished(`${kind}/${name}`, status);
  };
  return progress.during(() => state, kubectl.until<T, T>({ kind, name, seconds, what: 'succeeding', judge }));
}

/** The numbers of a measured model, as the summary has them. */
export function measured(metrics: JobStatus['metrics'], what: string): Measured {
  if (metrics === undefined) throw new Error(`the status has no metrics of the ${what}`);
  const { samples, accuracy, macroRecall, macroF1 } = metrics;
  return {
    n: samples,
    accuracy: accuracy?.value ?? NaN,
    accuracyLow: accuracy?.low ?? NaN,
    accuracyHigh: accuracy?.high ?? NaN,
    macroRecall: macroRecall?.value ?? NaN,
    macroF1: macroF1?.value ?? NaN,
  };
}

/** What the summary says of a finished job. */
export const trained = (status: JobStatus, seconds: number, what: string): Trained => ({
  ...measured(status.metrics, what),
  sizeBytes: status.artefact?.sizeBytes ?? 0,
  attempts: status.attemptCount ?? 0,
  seconds,
});
