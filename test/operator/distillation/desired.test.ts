import { expect, test } from '@jest/globals';
import { configOf } from '../../../operator/distillation/desired.ts';
import { studentJob } from '../../support/runs.ts';

const teacher = { ok: true, uri: 's3://limbeck/models/abc', sha256: 'a'.repeat(64) } as const;

test('a trainer is told student, teacher and method', () => {
  expect(configOf(studentJob().spec, teacher)).toMatchObject({
    task: 'classification',
    model: { kind: 'mlp', hidden: [16] },
    data: { labelled: 100 },
    distillation: {
      teacher: { uri: 's3://limbeck/models/abc', sha256: 'a'.repeat(64) },
      method: { kind: 'response', temperature: 4, alpha: 0.9 },
      control: true,
    },
  });
});

test('without a number every sample of the training split is labelled', () => {
  const { labelled, ...data } = studentJob().spec.data;
  expect([labelled, 'labelled' in configOf({ ...studentJob().spec, data }, teacher).data]).toEqual([100, false]);
});
