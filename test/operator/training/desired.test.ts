import { expect, test } from '@jest/globals';
import { configOf } from '../../../operator/training/desired.ts';
import { teacherJob } from '../../support/runs.ts';

test('a trainer is told the whole spec, and nothing of retries or placement', () => {
  const { task, optimization, checkpoint } = teacherJob().spec;
  expect(configOf(teacherJob().spec)).toEqual({
    ...{ task, optimization, checkpoint, distribution: { strategy: 'auto' } },
    model: { kind: 'cnn', channels: [16, 32], hidden: 64 },
    data: { source: { kind: 'builtin', name: 'digits' }, split: { validation: 0.1, test: 0.2, seed: 7 } },
  });
});
