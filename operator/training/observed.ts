/** What one pass over a TrainingJob sees, and what it says. Types alone. */
import type { TrainingJobStatus } from '../api/generated.ts';
import type { Stated, TrainingJob } from '../api/resources.ts';
import type { RunObserved } from '../workloads/run.ts';

export interface TrainingObserved extends RunObserved {
  readonly root: TrainingJob;
}

export type TrainingStatus = Stated<TrainingJobStatus>;
