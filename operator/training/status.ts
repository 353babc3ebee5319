/** A run of a TrainingJob → its status. The truth table is in workloads/run-status.ts. Pure. */
import type { TrainerSuccess } from '../api/trainer-contract.ts';
import { judgeGates } from '../workloads/gates.ts';
import { lastCheckpoint } from '../workloads/last-checkpoint.ts';
import { measuredOf, metricText, statusClassMetrics, statusLineage, statusMetrics } from '../workloads/measured.ts';
import type { RunPlan } from '../workloads/run-state.ts';
import { imageOf } from '../workloads/observe-run.ts';
import { modelText } from '../workloads/run-config.ts';
import { runStatus } from '../workloads/run-status.ts';
import type { TrainingObserved, TrainingStatus } from './observed.ts';

/** The whole status after this pass. */
export function statusOf(observed: TrainingObserved, { state, attempts }: RunPlan, now: Date): TrainingStatus {
  const { root, progress, news, settings } = observed;
  const checkpoint = lastCheckpoint(observed, attempts);
  const result = state.kind === 'succeeded' ? state.result : undefined;
  const { gates: bounds } = root.spec.evaluation;
  const gates = result === undefined ? undefined : judgeGates(bounds, measuredOf(bounds, result));
  return {
    ...runStatus({ root, state, attempts, gates, progress, news, checkpoint, settings }, now),
    model: modelText(root.spec.model),
    ...(result === undefined ? {} : resultOf(result, observed)),
  };
}

function resultOf(result: TrainerSuccess, observed: TrainingObserved) {
  const { artefact, metrics, lineage } = result;
  const metric = metricText(metrics);
  return {
    artefact,
    metrics: statusMetrics(metrics),
    ...(metric === undefined ? {} : { metric }),
    ...statusClassMetrics(observed.root.spec.evaluation.gates, result),
    lineage: statusLineage(lineage, imageOf(observed), ['teacherSha256']),
  };
}
