/** A TrainingJob that has come to its end, and whose model others take: a service serves it, a student learns from it. */
import type { TrainingJob } from '../../operator/api/resources.ts';
import type { Condition } from '../../operator/kernel/objects.ts';
import { overCondition } from '../../operator/workloads/run-status.ts';
import { artefact, example, type Made } from './scenario.ts';

const finishedAt = '2026-11-24T12:00:00Z';
const condition = (type: string, more: Pick<Condition, 'status' | 'reason' | 'message'>): Condition => ({
  ...{ type, ...more, lastTransitionTime: finishedAt, observedGeneration: 1 },
});

const status: TrainingJob['status'] = {
  ...{ observedGeneration: 1, phase: 'Succeeded', startedAt: finishedAt, finishedAt },
  artefact: {
    ...{ ...artefact, sizeBytes: 1000 },
    inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1, 8, 8] }],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
  },
  conditions: [
    condition('Accepted', { status: 'True', reason: 'Valid', message: 'Spec and references make sense.' }),
    condition('Progressing', overCondition),
    condition('Succeeded', { status: 'True', reason: 'GatesPassed', message: 'No gate is set.' }),
  ],
};

/** Its name is its own: the students and services of the examples have others. */
const name = 'maker';
export const maker: Made = { ...example('teacher.yaml'), metadata: { name }, status };
export const made = { trainingJob: { name } };
