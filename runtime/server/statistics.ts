/** Plain counters of one model: cheap enough for every request, read by metrics and by the statistics endpoint. */

/** Upper bounds of the batch size histogram's buckets, in rows. */
export const batchSizeBounds = [1, 2, 4, 8, 16, 32, 64, 128] as const;

/** What happened to one model's requests since the process started. All durations are milliseconds. */
export class ModelStatistics {
  succeeded = 0;
  failed = 0;
  /** Rows inferred: a batch of 8 counts 8. */
  inferences = 0;
  /** Batches run. */
  executions = 0;
  queueMs = 0;
  computeMs = 0;
  /** Successful request durations, from decoded to result. */
  requestMs = 0;
  /** Epoch milliseconds of the last successful request; 0 when there was none. */
  lastInferenceAt = 0;
  /** From the start of the load to ready. */
  loadMs = 0;
  /** Times that a worker died unasked. */
  workerDeaths = 0;
  /** Batches by size: one count per bound and one for all beyond, not cumulative. */
  readonly batchSizes: number[] = Array.from({ length: batchSizeBounds.length + 1 }, () => 0);

  /** Counts one batch of `rows`. */
  executed(rows: number, computeMs: number): void {
    this.executions += 1;
    this.inferences += rows;
    this.computeMs += computeMs;
    const index = batchSizeBounds.findIndex((bound) => rows <= bound);
    const bucket = index < 0 ? batchSizeBounds.length : index;
    this.batchSizes[bucket] = (this.batchSizes[bucket] ?? 0) + 1;
  }
}
