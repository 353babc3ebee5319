/** Plain counters of one model: cheap enough for every request, read by metrics and by the statistics endpoint. */

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
  /** Told the rows of each batch that ran. */
  onBatch: (rows: number) => void = () => undefined;

  /** Counts one batch of `rows`. */
  executed(rows: number, computeMs: number): void {
    this.executions += 1;
    this.inferences += rows;
    this.computeMs += computeMs;
    this.onBatch(rows);
  }
}
