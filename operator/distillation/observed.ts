/** What one pass over a DistillationJob sees, and what it says. Types alone. */
import type { DistillationJobStatus } from '../api/generated.ts';
import type { DistillationJob, Stated, TrainingJob } from '../api/resources.ts';
import type { RunObserved } from '../workloads/run.ts';

export interface DistillationObserved extends RunObserved {
  readonly root: DistillationJob;
  /** The TrainingJob that the spec names, when it names one and it exists. */
  readonly trainingJob: TrainingJob | undefined;
}

export type DistillationStatus = Stated<DistillationJobStatus>;
