/** An attempt that runs and gets nowhere. operator/progress tells it from a slow one; here it becomes a failure. Pure. */
import type { Failure } from './failure.ts';

/** An attempt of which some worker stopped making progress; the worker, where one stands out. */
export interface Stall {
  readonly attempt: number;
  readonly message: string;
  readonly pod?: string;
  readonly rank?: number;
}

/** Counted: what made it hang may be the job's own. */
export const hangFailure = ({ message, pod, rank }: Stall): Failure => ({
  ...{ reason: 'Hung', message, weight: 'counted' },
  ...(pod === undefined ? {} : { pod }),
  ...(rank === undefined ? {} : { rank }),
});
