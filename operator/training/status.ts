/** A run of a TrainingJob → its status. The truth table is in workloads/run-status.ts. Pure. */
import type { TrainerSuccess } from '../api/trainer-contract.ts';
import { judgeGates } from '../workloads/gates.ts';
import type { RunPlan } from '../workloads/run-state.ts';
import { imageOf } from '../workloads/observe-run.ts';
import { modelText } from '../workloads/run-config.ts';
import { runStatus, shareText, statusMetrics } from '../workloads/run-status.ts';
import type { TrainingObserved, TrainingStatus } from './observed.ts';

/** The whole status after this pass. */
export function statusOf(observed: TrainingObserved, { state, attempts }: RunPlan, now: Date): TrainingStatus {
  const { root, progress, news } = observed;
  const result = state.kind === 'succeeded' ? state.result : undefined;
  const gates =
    result === undefined ? undefined : judgeGates(root.spec.evaluation.gates, { ...result.metrics }, result.metrics.n);
  return {
    ...runStatus({ root, state, attempts, gates, progress, news }, now),
    model: modelText(root.spec.model),
    ...(result === undefined ? {} : resultOf(result, observed)),
  };
}

const resultOf = ({ artefact, metrics, lineage }: TrainerSuccess, observed: TrainingObserved) => ({
  artefact,
  metrics: statusMetrics(metrics),
  accuracy: shareText(metrics.accuracy),
  lineage: { ...lineage, image: imageOf(observed) },
});
