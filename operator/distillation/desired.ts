/** DistillationJob's spec and its teacher → what its trainer is told. Pure. */
import type { DistillationJobSpec } from '../api/generated.ts';
import { evaluationConfig } from '../workloads/measured.ts';
import { modelConfig, sourceConfig } from '../workloads/run-config.ts';
import type { RunConfig } from '../workloads/run.ts';
import type { Teacher } from './teacher.ts';

/** The same for every attempt. */
export const configOf = (spec: DistillationJobSpec, { uri, sha256 }: Teacher): RunConfig => {
  const { student, data, method, control, optimization, distribution, checkpoint, evaluation } = spec;
  const { source, split, labelled } = data;
  return {
    task: 'classification',
    model: modelConfig(student),
    data: { source: sourceConfig(source), split, ...(labelled === undefined ? {} : { labelled }) },
    optimization,
    distribution: { strategy: distribution.strategy },
    checkpoint,
    distillation: { teacher: { uri, sha256 }, method: { kind: 'response', ...method.response }, control },
    ...evaluationConfig(evaluation.gates),
  };
};
