/** What rank 0 says at the end of a run that went well, of either kind of job: texts of the termination message. */
import type { TrainerSuccess } from '../../operator/api/trainer-contract.ts';
import { metrics } from './runs.ts';

/** The artefact's digest is this digit, 64 times. */
export const trainerResult = (digit: string, more: Partial<TrainerSuccess> = {}): string =>
  JSON.stringify({
    ...{ contractVersion: 'v1', outcome: 'succeeded', metrics, seconds: 3, steps: 100 },
    artefact: {
      ...{ uri: `s3://limbeck/models/${digit.repeat(64)}`, sha256: digit.repeat(64), sizeBytes: 1000 },
      inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1, 8, 8] }],
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
    },
    lineage: { dataSha256: 'd'.repeat(64), splitSeed: 7, seed: 1, worldSize: 2, torch: '2.9' },
    ...more,
  });

/** What the end of a distillation says besides. */
export const distilled: Partial<TrainerSuccess> = {
  ...{ control: { ...metrics, accuracy: { value: 0.8, low: 0.75, high: 0.84 } }, teacher: metrics },
  ...{ teacherAgreement: 0.98, teacherSizeBytes: 90_000 },
};
