import { expect, test } from '@jest/globals';
import { parseResult, type TrainerSuccess } from '../../../operator/api/trainer-contract.ts';
import type { RunState } from '../../../operator/workloads/run-state.ts';
import { statusOf } from '../../../operator/training/status.ts';
import { now, seen, success, teacherJob } from '../../support/runs.ts';

const result = parseResult(JSON.stringify(success)) as TrainerSuccess;
const status = (state: RunState) =>
  statusOf(
    { ...seen(), root: teacherJob() },
    { state, attempts: [], apply: [], remove: [], next: { kind: 'settled' } },
    now,
  );

test('a model is described before it is trained, and measured after', () => {
  expect(status({ kind: 'running', message: 'm' })).toMatchObject({ phase: 'Running', model: 'cnn 16-32/64' });
  expect('artefact' in status({ kind: 'running', message: 'm' })).toBe(false);
  const { artefact } = success;
  expect(status({ kind: 'succeeded', result })).toMatchObject({
    artefact,
    accuracy: '0.980',
    metrics: { samples: 359 },
  });
});
