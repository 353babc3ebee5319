/** Members of a spec → members of the trainer's config: unions become tagged. Pure. */
import type { TrainingJobSpec } from '../api/generated.ts';
import type { SourceConfig } from '../api/source-config.ts';
import type { DataConfig, ModelConfig } from '../api/trainer-contract.ts';

/** Where a volume of data is mounted in every worker. */
export const dataMountPath = '/data';

export function modelConfig(model: TrainingJobSpec['model']): ModelConfig {
  if ('mlp' in model) return { kind: 'mlp', ...model.mlp };
  if ('cnn' in model) return { kind: 'cnn', ...model.cnn };
  if ('transformer' in model) return { kind: 'transformer', ...model.transformer };
  if ('pretrained' in model) {
    const { s3, ...rest } = model.pretrained;
    return { kind: 'pretrained', source: { kind: 's3', ...s3 }, ...rest };
  }
  if ('custom' in model) return { kind: 'custom', ...model.custom };
  return { kind: 'linear' };
}

/** What a spec leaves open. A pretrained model is changed with care, as transformers' own trainer does it unless told otherwise. */
const usual = { learningRate: 0.001, epochs: 10 };
const usualOfPretrained = { learningRate: 0.00005, epochs: 3, clipNorm: 1 };

export function optimizationConfig({ model, optimization }: TrainingJobSpec): object {
  const open = Object.entries('pretrained' in model ? usualOfPretrained : usual).filter(
    ([name]) => !Object.hasOwn(optimization, name),
  );
  return { ...optimization, ...Object.fromEntries(open) };
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
  if ('hf' in source) return hubConfig(source.hf);
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

type HubSpec = Extract<DataSpec['source'], { readonly hf: unknown }>['hf'];

/** A rule of the CRD sees to it that there is exactly one of the two. */
function hubConfig({ uri = '', mirror, ...files }: HubSpec): SourceConfig {
  if (mirror === undefined) return { kind: 'hf', uri, ...files };
  const { url, limitMi, ...repository } = mirror;
  return { kind: 'hf', mirror: url, ...repository, ...files, limitBytes: limitMi * 2 ** 20 };
}

/** Architecture in short: `cnn 16-32/64`, `mlp 16`, `transformer 4x128`, `pretrained bert`, `linear`. */
export function modelText(model: TrainingJobSpec['model']): string {
  if ('mlp' in model) return `mlp ${model.mlp.hidden.join('-')}`;
  if ('cnn' in model) return `cnn ${model.cnn.channels.join('-')}/${String(model.cnn.hidden)}`;
  if ('transformer' in model)
    return `transformer ${String(model.transformer.layers)}x${String(model.transformer.width)}`;
  if ('pretrained' in model) return `pretrained ${lastOf(model.pretrained.s3.uri)}`.slice(0, 256);
  if ('custom' in model) return `custom ${model.custom.image}`.slice(0, 256);
  return 'linear';
}

/** The last part of a URI, whether a slash follows it or not. */
const lastOf = (uri: string): string => /([^/]*)\/?$/.exec(uri)?.[1] ?? '';
