/** Members of a spec → members of the trainer's config: unions become tagged. Pure. */
import type { TrainingJobSpec } from '../api/generated.ts';
import type { DataConfig, ModelConfig, SourceConfig } from '../api/trainer-contract.ts';

/** Where a volume of data is mounted in every worker. */
export const dataMountPath = '/data';

export function modelConfig(model: TrainingJobSpec['model']): ModelConfig {
  if ('mlp' in model) return { kind: 'mlp', ...model.mlp };
  if ('cnn' in model) return { kind: 'cnn', ...model.cnn };
  if ('transformer' in model) return { kind: 'transformer', ...model.transformer };
  if ('custom' in model) return { kind: 'custom', ...model.custom };
  return { kind: 'linear' };
}

type DataSpec = TrainingJobSpec['data'];

/** What is learnt from, as the trainer is told. */
export const dataConfig = ({ source, ...reading }: DataSpec): DataConfig => ({
  source: sourceConfig(source),
  ...reading,
});

export function sourceConfig(source: DataSpec['source']): SourceConfig {
  if ('none' in source) return { kind: 'none' };
  if ('s3' in source) return { kind: 's3', ...source.s3 };
  if ('hf' in source) return { kind: 'hf', ...source.hf };
  if ('pvc' in source) {
    const { claimName, path, ...digest } = source.pvc;
    return {
      kind: 'pvc',
      claim: claimName,
      path: path === '.' ? dataMountPath : `${dataMountPath}/${path}`,
      ...digest,
    };
  }
  if ('https' in source) {
    const { limitMi, ...file } = source.https;
    return { kind: 'https', ...file, limitBytes: limitMi * 2 ** 20 };
  }
  return { kind: 'builtin', name: source.builtin };
}

/** Architecture in short: `cnn 16-32/64`, `mlp 16`, `transformer 4x128`, `linear`. */
export function modelText(model: TrainingJobSpec['model']): string {
  if ('mlp' in model) return `mlp ${model.mlp.hidden.join('-')}`;
  if ('cnn' in model) return `cnn ${model.cnn.channels.join('-')}/${String(model.cnn.hidden)}`;
  if ('transformer' in model)
    return `transformer ${String(model.transformer.layers)}x${String(model.transformer.width)}`;
  if ('custom' in model) return `custom ${model.custom.image}`.slice(0, 256);
  return 'linear';
}
