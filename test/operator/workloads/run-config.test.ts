import { expect, test } from '@jest/globals';
import { dataConfig, modelConfig, modelText, sourceConfig } from '../../../operator/workloads/run-config.ts';

test.each([
  [{ linear: {} }, { kind: 'linear' }, 'linear'],
  [{ mlp: { hidden: [32, 16] } }, { kind: 'mlp', hidden: [32, 16] }, 'mlp 32-16'],
  [{ cnn: { channels: [16, 32], hidden: 64 } }, { kind: 'cnn', channels: [16, 32], hidden: 64 }, 'cnn 16-32/64'],
  [
    { transformer: { layers: 4, heads: 4, width: 128, contextLength: 64 } },
    { kind: 'transformer', layers: 4, heads: 4, width: 128, contextLength: 64 },
    'transformer 4x128',
  ],
  [
    { custom: { image: 'a/b:1', command: ['run'] } },
    { kind: 'custom', image: 'a/b:1', command: ['run'] },
    'custom a/b:1',
  ],
])('the model %j', (model, config, text) => {
  expect([modelConfig(model), modelText(model)]).toEqual([config, text]);
});

test.each([
  [{ builtin: 'digits' as const }, { kind: 'builtin', name: 'digits' }],
  [{ none: {} }, { kind: 'none' }],
  [{ s3: { uri: 's3://limbeck/data.npz' } }, { kind: 's3', uri: 's3://limbeck/data.npz' }],
  [{ hf: { uri: 's3://b/iris', split: 'train' } }, { kind: 'hf', uri: 's3://b/iris', split: 'train' }],
  [{ pvc: { claimName: 'disk', path: '.' } }, { kind: 'pvc', claim: 'disk', path: '/data' }],
  [
    { pvc: { claimName: 'disk', path: 'a/b.csv', sha256: 'c' } },
    { kind: 'pvc', claim: 'disk', path: '/data/a/b.csv', sha256: 'c' },
  ],
  [
    { https: { url: 'https://host/a.csv', sha256: 'c', limitMi: 2 } },
    { kind: 'https', url: 'https://host/a.csv', sha256: 'c', limitBytes: 2097152 },
  ],
])('the source %j', (source, config) => {
  expect(sourceConfig(source)).toEqual(config);
});

test('how the data is read and split goes through as it is', () => {
  const reading = {
    ...{ format: 'csv' as const, labels: ['a', 'b'], columns: { target: 'kind', missing: 'impute' as const } },
    split: { validation: 0.1, test: 0.2, seed: 7 },
  };
  const source = { kind: 'builtin', name: 'digits' };
  expect(dataConfig({ source: { builtin: 'digits' }, ...reading })).toEqual({ source, ...reading });
});
