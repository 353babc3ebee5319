/** A run of a DistillationJob → its status. The truth table is in workloads/run-status.ts. Pure. */
import type { TrainerSuccess } from '../api/trainer-contract.ts';
import { judgeGates, type GateVerdict } from '../workloads/gates.ts';
import { lastCheckpoint } from '../workloads/last-checkpoint.ts';
import {
  measuredOf,
  shareText,
  statusClassMetrics,
  statusHeadline,
  statusLineage,
  statusMetrics,
} from '../workloads/measured.ts';
import type { RunPlan } from '../workloads/run-state.ts';
import { imageOf } from '../workloads/observe-run.ts';
import { modelText } from '../workloads/run-config.ts';
import { runStatus } from '../workloads/run-status.ts';
import type { DistillationObserved, DistillationStatus } from './observed.ts';
import type { Teacher } from './teacher.ts';

/** The whole status after this pass. `teacher`: undefined while there is none. */
export function statusOf(
  observed: DistillationObserved,
  { state, attempts, apply }: RunPlan,
  teacher: Teacher | undefined,
  now: Date,
): DistillationStatus {
  const { root, progress, news, settings } = observed;
  const checkpoint = lastCheckpoint(observed, attempts);
  const result = state.kind === 'succeeded' ? state.result : undefined;
  const gates = result === undefined ? undefined : gatesOf(observed, result);
  // One that is stated can be no other. That of a job is fixed once there may be checkpoints of what learned from it.
  const isFixed = 'artefact' in root.spec.teacher || attempts.length + apply.length > 0;
  return {
    ...runStatus({ root, state, attempts, gates, progress, news, checkpoint, settings }, now),
    ...('trainingJob' in root.spec.teacher ? { teacher: root.spec.teacher.trainingJob.name } : {}),
    student: modelText(root.spec.student),
    ...(isFixed && teacher !== undefined ? { teacherArtefact: { uri: teacher.uri, sha256: teacher.sha256 } } : {}),
    ...(result === undefined ? {} : resultOf(result, observed)),
  };
}

/** Of a gain. The parts have six. */
const gainDigits = 9;

/**
 * In decimal, as its parts are and as a gate's bound is: 0.95 less 0.9 is 0.05, which a gate of 0.05 asks for, and no
 * binary number a little below it. The difference of two figures that are no shares may be too large for JSON.
 */
function gainOf({ metrics, control }: TrainerSuccess): number | undefined {
  const gain = (metrics.accuracy?.value ?? NaN) - (control?.accuracy?.value ?? NaN);
  return Number.isFinite(gain) ? Number(gain.toFixed(gainDigits)) : undefined;
}

function gatesOf({ root }: DistillationObserved, result: TrainerSuccess): GateVerdict {
  const { gates } = root.spec.evaluation;
  const others = { teacherAgreement: result.teacherAgreement, gainOverControl: gainOf(result) };
  return judgeGates(gates, measuredOf(gates, result, others));
}

function resultOf(result: TrainerSuccess, observed: DistillationObserved) {
  const { artefact, metrics, control, teacher, teacherAgreement, teacherSizeBytes, lineage } = result;
  const gain = gainOf(result);
  return {
    artefact,
    metrics: statusMetrics(metrics),
    ...(metrics.accuracy === undefined ? {} : { accuracy: shareText(metrics.accuracy.value) }),
    ...statusClassMetrics(observed.root.spec.evaluation.gates, result),
    ...(control === undefined ? {} : { control: statusHeadline(control) }),
    ...(teacher === undefined ? {} : { teacherMetrics: statusHeadline(teacher) }),
    ...(teacherAgreement === undefined ? {} : { teacherAgreement }),
    ...(gain === undefined
      ? {}
      : { gainOverControl: gain, gain: `${gain < 0 ? '' : '+'}${shareText(gain)}`.slice(0, 16) }),
    ...(teacherSizeBytes === undefined
      ? {}
      : { teacherSizeBytes, size: `1/${(teacherSizeBytes / artefact.sizeBytes).toFixed(1)}` }),
    lineage: statusLineage(lineage, imageOf(observed), ['pretrainedSha256', 'tokenizerSha256']),
  };
}
