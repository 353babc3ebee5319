/** TrainingJob's spec → what its trainer is told. Pure. */
import type { TrainingJobSpec } from '../api/generated.ts';
import { evaluationConfig } from '../workloads/measured.ts';
import { dataConfig, modelConfig, optimizationConfig } from '../workloads/run-config.ts';
import type { RunConfig } from '../workloads/run.ts';

/** The same for every attempt. */
export const configOf = (spec: TrainingJobSpec): RunConfig => ({
  task: spec.task,
  model: modelConfig(spec.model),
  data: dataConfig(spec.data),
  optimization: optimizationConfig(spec),
  distribution: { strategy: spec.distribution.strategy },
  checkpoint: spec.checkpoint,
  ...evaluationConfig(spec.evaluation.gates),
});
