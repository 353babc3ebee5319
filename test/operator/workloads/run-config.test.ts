import { expect, test } from '@jest/globals';
import {
  dataConfig,
  modelConfig,
  modelText,
  optimizationConfig,
  sourceConfig,
} from '../../../operator/workloads/run-config.ts';
import { teacherJob } from '../../support/runs.ts';

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
    { pretrained: { s3: { uri: 's3://b/models/bert-base/', sha256: 'c' }, contextLength: 64 } },
    {
      ...{ kind: 'pretrained', contextLength: 64 },
      source: { kind: 's3', uri: 's3://b/models/bert-base/', sha256: 'c' },
    },
    'pretrained bert-base',
  ],
  [
    { pretrained: { s3: { uri: 's3://b/m' }, contextLength: 8, weights: 'float32' as const } },
    { kind: 'pretrained', source: { kind: 's3', uri: 's3://b/m' }, contextLength: 8, weights: 'float32' },
    'pretrained m',
  ],
  [
    { custom: { image: 'a/b:1', command: ['run'] } },
    { kind: 'custom', image: 'a/b:1', command: ['run'] },
    'custom a/b:1',
  ],
])('the model %j', (model, config, text) => {
  expect([modelConfig(model), modelText(model)]).toEqual([config, text]);
});

const repository = { repository: 'a/b', revision: 'main', folder: 'c' };
const mirror = { url: 'https://hub', ...repository };

test.each([
  [{ builtin: 'digits' as const }, { kind: 'builtin', name: 'digits' }],
  [{ none: {} }, { kind: 'none' }],
  [{ s3: { uri: 's3://limbeck/data.npz' } }, { kind: 's3', uri: 's3://limbeck/data.npz' }],
  [{ hf: { uri: 's3://b/iris', split: 'train' } }, { kind: 'hf', uri: 's3://b/iris', split: 'train' }],
  [
    { hf: { mirror: { ...mirror, limitMi: 2 }, split: 'test', sha256: 'c' } },
    { kind: 'hf', mirror: 'https://hub', ...repository, limitBytes: 2097152, split: 'test', sha256: 'c' },
  ],
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

const given = teacherJob().spec;
const open = {
  ...{ optimizer: 'adam' as const, schedule: 'oneCycle' as const, batchSize: 64, seed: 0 },
  ...{ weightDecay: 0, precision: 'float32' as const, accumulate: 1 },
};
const pretrained = { pretrained: { s3: { uri: 's3://b/bert' }, contextLength: 64 } };

test.each([
  ['of a model from nothing', given.model, open, { learningRate: 0.001, epochs: 10 }],
  ['of a pretrained model', pretrained, open, { learningRate: 0.00005, epochs: 3, clipNorm: 1 }],
  ['that a spec states', pretrained, { ...open, clipNorm: 2, epochs: 1 }, { learningRate: 0.00005 }],
])('the optimisation %s', (_, model, optimization, usual) => {
  expect(optimizationConfig({ ...given, model, optimization })).toEqual({ ...usual, ...optimization });
});

test('how the data is read and split goes through as it is', () => {
  const reading = {
    ...{ format: 'csv' as const, labels: ['a', 'b'], columns: { target: 'kind', missing: 'impute' as const } },
    split: { validation: 0.1, test: 0.2, seed: 7 },
  };
  const source = { kind: 'builtin', name: 'digits' };
  expect(dataConfig({ source: { builtin: 'digits' }, ...reading })).toEqual({ source, ...reading });
});
