/** Members of a spec → members of the trainer's config: unions become tagged. Pure. */
import type { DistillationJobSpec, TrainingJobSpec } from '../api/generated.ts';
import type { ModelConfig, SourceConfig } from '../api/trainer-contract.ts';

export function modelConfig(model: TrainingJobSpec['model']): ModelConfig {
  if ('mlp' in model) return { kind: 'mlp', ...model.mlp };
  if ('cnn' in model) return { kind: 'cnn', ...model.cnn };
  return { kind: 'linear' };
}

export const sourceConfig = (source: DistillationJobSpec['data']['source']): SourceConfig =>
  'builtin' in source ? { kind: 'builtin', name: source.builtin } : { kind: 's3', ...source.s3 };

/** Architecture in short: `cnn 16-32/64`, `mlp 16`, `linear`. */
export function modelText(model: TrainingJobSpec['model']): string {
  if ('mlp' in model) return `mlp ${model.mlp.hidden.join('-')}`;
  if ('cnn' in model) return `cnn ${model.cnn.channels.join('-')}/${String(model.cnn.hidden)}`;
  return 'linear';
}
