/** What several processes gain over one → a condition. Pure. */
import type { Distribution } from '../api/trainer-contract.ts';
import type { Condition } from '../kernel/objects.ts';
import type { RunCondition } from './run.ts';

/** A group counts as slow until it is this much faster than one process: a condition must not flicker. */
const clearlyFaster = 1.05;

/** The condition as it is to be now; none while nothing was measured, or where there is nothing to compare. */
export function scalingCondition(
  distribution: Distribution | undefined,
  before: Pick<Condition, 'status'> | undefined,
): RunCondition | undefined {
  const { processes = 1, scalingEfficiency } = distribution ?? {};
  if (processes < 2 || scalingEfficiency === undefined) return undefined;
  const speedup = scalingEfficiency * processes;
  const isSlower = speedup < (before?.status === 'False' ? clearlyFaster : 1);
  const measured = `${String(processes)} processes train ${speedup.toFixed(2)} times as fast as one alone (scaling efficiency ${scalingEfficiency.toFixed(2)})`;
  const type = 'ScalingUseful';
  if (!isSlower) return { type, status: 'True', reason: 'FasterTogether', message: `${measured}.` };
  const remedy =
    'Their exchanges take longer than the work that they share: take fewer workers, or a larger optimization.batchSize.';
  return { type, status: 'False', reason: 'SlowerThanOneWorker', message: `${measured}. ${remedy}` };
}
