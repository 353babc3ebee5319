/** Plain counters of one model: cheap enough for every request, read by metrics and by the statistics endpoint. */

import { Refusal } from './protocol/errors.ts';

/** Batch sizes that are counted each by itself. */
const sizesKept = 256;

/** What happened to one model's requests since the process started. All durations are milliseconds. */
export class ModelStatistics {
  succeeded = 0;
  failed = 0;
  /** Of those that failed: still waiting at their deadline, and never run. */
  expired = 0;
  /** Rows inferred: a batch of 8 counts 8. */
  inferences = 0;
  /** Batches run. */
  executions = 0;
  /** Of those that were answered: until their run began, also in the worker that was to run them. */
  queueMs = 0;
  computeMs = 0;
  /** Successful request durations, from decoded to result. */
  requestMs = 0;
  /** Durations of requests that failed. */
  failedMs = 0;
  /** By rows of a batch: how many were run, and how long ONNX Runtime took for them. */
  readonly batches = new Map<number, { count: number; computeMs: number }>();
  /** Epoch milliseconds of the last successful request; 0 when there was none. */
  lastInferenceAt = 0;
  /** From the start of the load to ready. */
  loadMs = 0;
  /** Times that a worker died unasked. */
  workerDeaths = 0;
  /** Of these: was ended, or given up, since it took too long. */
  workerHangs = 0;
  /** Told the rows of each batch that ran. */
  onBatch: (rows: number) => void = () => undefined;

  /** Counts a request that was answered. */
  answered(ms: number): void {
    this.succeeded += 1;
    this.requestMs += ms;
    this.lastInferenceAt = Date.now();
  }

  /** Counts one that was not. */
  refused(error: unknown, ms: number): void {
    this.failed += 1;
    if (error instanceof Refusal && error.fault.kind === 'expired') this.expired += 1;
    this.failedMs += ms;
  }

  /** Counts a worker. */
  died(hung: boolean): void {
    this.workerDeaths += 1;
    this.workerHangs += Number(hung);
  }

  /** Counts one batch of `rows`. */
  executed(rows: number, computeMs: number): void {
    this.executions += 1;
    this.inferences += rows;
    this.computeMs += computeMs;
    const batches = this.batches.get(rows) ?? this.#counted(rows);
    batches.count += 1;
    batches.computeMs += computeMs;
    this.onBatch(rows);
  }

  /** Sizes beyond the table's bound, which only a caller's own batches have, count with the nearest power of two. */
  #counted(rows: number): { count: number; computeMs: number } {
    const size = this.batches.size < sizesKept ? rows : 2 ** Math.round(Math.log2(Math.max(1, rows)));
    const fresh = this.batches.get(size) ?? { count: 0, computeMs: 0 };
    this.batches.set(size, fresh);
    return fresh;
  }
}
