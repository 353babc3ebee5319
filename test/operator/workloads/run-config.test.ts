import { expect, test } from '@jest/globals';
import { modelConfig, modelText, sourceConfig } from '../../../operator/workloads/run-config.ts';

test.each([
  [{ linear: {} }, { kind: 'linear' }, 'linear'],
  [{ mlp: { hidden: [32, 16] } }, { kind: 'mlp', hidden: [32, 16] }, 'mlp 32-16'],
  [{ cnn: { channels: [16, 32], hidden: 64 } }, { kind: 'cnn', channels: [16, 32], hidden: 64 }, 'cnn 16-32/64'],
])('the model %j', (model, config, text) => {
  expect([modelConfig(model), modelText(model)]).toEqual([config, text]);
});

test.each([
  [{ builtin: 'digits' as const }, { kind: 'builtin', name: 'digits' }],
  [{ s3: { uri: 's3://limbeck/data.npz' } }, { kind: 's3', uri: 's3://limbeck/data.npz' }],
])('the source %j', (source, config) => {
  expect(sourceConfig(source)).toEqual(config);
});
