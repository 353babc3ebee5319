/** What the demo measured: build/demo/summary.json, and what table and verdict are made from. */

/** A model on the held-out split. */
export interface Measured {
  readonly n: number;
  readonly accuracy: number;
  /** 95 % interval. */
  readonly accuracyLow: number;
  readonly accuracyHigh: number;
  readonly macroRecall: number;
  readonly macroF1: number;
}

/** A finished job. */
export interface Trained extends Measured {
  /** Of model.onnx. */
  readonly sizeBytes: number;
  readonly attempts: number;
  /** From apply to Succeeded. */
  readonly seconds: number;
}

/** Replicas at a time, seconds after the first request. */
export interface ReplicaPoint {
  readonly seconds: number;
  readonly replicas: number;
  readonly ready: number;
}

export interface Summary {
  readonly startedAt: string;
  readonly seconds: number;
  readonly teacher: Trained;
  readonly student: Trained & { readonly teacherAgreement: number; readonly gainOverControl: number };
  readonly control: Measured;
  readonly heldOut: { readonly n: number; readonly correct: number; readonly accuracy: number };
  readonly coldStart: {
    /** Replicas when the first request was sent. */
    readonly replicasBefore: number;
    readonly seconds: number;
    /** The classes answered to the first request, and to the same digit later. */
    readonly answer: number;
    readonly answerWarm: number;
  };
  readonly requests: {
    readonly sent: number;
    readonly answered: number;
    readonly failed: number;
    /** Answered with other classes than the same digits before. */
    readonly wrong: number;
    readonly reasons: readonly string[];
  };
  readonly scale: {
    readonly peakReady: number;
    /** Replicas at the peak that hold a GPU. */
    readonly onGpu: number;
    /** From the load's first request to `enoughReplicas` ready ones; null: never. */
    readonly upSeconds: number | null;
    /** From the last request's end to no replica; null: never. */
    readonly toZeroSeconds: number | null;
    readonly timeline: readonly ReplicaPoint[];
  };
  /** Containers of operator, gateway, store and model servers that ended and were started again. */
  readonly restarts: number;
}

/** How far the load has to scale the service out. */
export const enoughReplicas = 3;
