/** What TrainingJob and DistillationJob have in common: a run of several attempts, as it was asked for and as it is seen. Types alone. */
import type { Checkpoint } from '../api/checkpoint.ts';
import type { DistillationJobSpec, TrainingJobStatus } from '../api/generated.ts';
import type { BatchJob, Node, Pod } from '../api/kubernetes.ts';
import type { Distribution, TrainerConfig } from '../api/trainer-contract.ts';
import type { ConditionType, Reason } from '../api/vocabulary.ts';
import type { Condition, KubeObject } from '../kernel/objects.ts';
import type { Stall } from './hang.ts';
import type { Settings } from './settings.ts';

/** The part of a job's spec that says how to run it, whatever is trained. */
export type RunSpec = Pick<
  DistillationJobSpec,
  'distribution' | 'placement' | 'retry' | 'suspend' | 'ttlSecondsAfterFinished'
>;

/** One attempt as the status lists it. */
export type Attempt = NonNullable<TrainingJobStatus['attempts']>[number];

/** What is trained, apart from which attempt it is. */
export type RunConfig = Omit<TrainerConfig, 'run' | 'store' | 'contractVersion' | 'progressPort'>;

/** A job of ours as far as runs know it. */
export interface RunRoot extends KubeObject {
  readonly spec: RunSpec;
  readonly status?: RunStatus;
}

/** The part of a job's status that runs read. */
export interface RunStatus {
  readonly attempts?: readonly Attempt[];
  readonly attemptCount?: number;
  /** Of attempts that are no longer listed. */
  readonly earlierRunSeconds?: number;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly checkpoint?: Checkpoint;
  readonly distribution?: Distribution;
  readonly training?: Training;
  /** Of the open attempt. */
  readonly progress?: string;
  readonly conditions?: readonly Condition[];
}

/** What is said of a run, in the words of the vocabulary. */
export interface RunCondition {
  readonly type: ConditionType;
  readonly status: Condition['status'];
  readonly reason: Reason;
  readonly message: string;
}

/** A consistent look at a run: the root, its children, and what the cluster offers. */
export interface RunObserved {
  readonly root: RunRoot;
  readonly jobs: readonly BatchJob[];
  readonly pods: readonly Pod[];
  /** The API server has said nothing of pods for so long. */
  readonly podsSilentMs: number;
  readonly nodes: readonly Node[];
  readonly settings: Settings;
  readonly progress: string | undefined;
  readonly news: RunNews | undefined;
  readonly stall: Stall | undefined;
  /** Does the cluster serve Kueue? */
  readonly kueue: boolean;
  /** `limbeck.dev/training-job` or `limbeck.dev/distillation-job`. */
  readonly label: string;
}

/** News of a run, by the UID of its job, from outside the cluster's API. */
export interface RunFeeds {
  /** What rank 0 said last. */
  news(uid: string): RunNews | undefined;
  /** Why the attempt that runs counts as hung. */
  stall(uid: string): Stall | undefined;
  /** Does the cluster serve Kueue? */
  kueue(): boolean;
  /** Does it still serve the PodGroups of the gang scheduler that it had at the start? */
  gangs(): boolean;
}

/** What rank 0 of an attempt says of it. */
export interface RunNews {
  readonly attempt: number;
  /** Share of the steps that are done, such as `43%`. */
  readonly progress: string;
  readonly training: Training;
  readonly resumedFromStep?: number;
  readonly skippedCheckpoint?: string;
  readonly checkpoint?: Checkpoint;
  readonly distribution?: Distribution;
}

/** How far training is, as the status has it. */
export type Training = NonNullable<TrainingJobStatus['training']>;
