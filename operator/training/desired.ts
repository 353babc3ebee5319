/** TrainingJob's spec → what its trainer is told. Pure. */
import type { TrainingJobSpec } from '../api/generated.ts';
import { evaluationConfig } from '../workloads/measured.ts';
import { dataConfig, modelConfig } from '../workloads/run-config.ts';
import type { RunConfig } from '../workloads/run.ts';

/** The same for every attempt. */
export const configOf = ({
  task,
  model,
  data,
  optimization,
  distribution,
  checkpoint,
  evaluation,
}: TrainingJobSpec): RunConfig => ({
  task,
  model: modelConfig(model),
  data: dataConfig(data),
  optimization,
  distribution: { strategy: distribution.strategy },
  checkpoint,
  ...evaluationConfig(evaluation.gates),
});
