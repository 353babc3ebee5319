import { describe, expect, test } from '@jest/globals';
import { batchJobs } from '../../../operator/api/resources.ts';
import { labels } from '../../../operator/api/names.ts';
import { parseResult, type TrainerSuccess } from '../../../operator/api/trainer-contract.ts';
import { statusOf } from '../../../operator/distillation/status.ts';
import type { RunState } from '../../../operator/workloads/run-state.ts';
import { statusFaults } from '../../support/crd-status.ts';
import { attemptJob, metrics, now, pastAttempt, seen, studentJob, success } from '../../support/runs.ts';

const teacher = { ok: true, uri: 's3://limbeck/models/abc', sha256: 'a'.repeat(64) } as const;
const observed = { ...seen(), label: labels.distillationJob, root: studentJob(), trainingJob: undefined };
const status = (state: RunState, attempts = [pastAttempt(1, 'Succeeded', 0)]) =>
  statusOf(observed, { state, attempts, apply: [], remove: [], next: { kind: 'settled' } }, teacher, now);
const learnt = (more: object): RunState => ({
  kind: 'succeeded',
  result: parseResult(JSON.stringify({ ...success, teacherAgreement: 0.97, ...more })) as TrainerSuccess,
});
const suspended: RunState = { kind: 'suspended', message: 'm' };
const control = { ...metrics, accuracy: { value: 0.85 } };

describe('a student', () => {
  test('has a lineage without what its status has no place for', () => {
    const [digest, { lineage }] = ['e'.repeat(64), success];
    const told = { ...lineage, teacherSha256: digest, pretrainedSha256: digest, tokenizerSha256: digest };
    const shown = status(learnt({ lineage: told }));
    expect(shown.lineage).toEqual({ ...lineage, teacherSha256: digest, image: 'trainer:1' });
    expect(statusFaults('distillationjobs')(shown)).toEqual([]);
  });

  test('that gained by its teacher', () => {
    const shown = status(learnt({ control, teacher: metrics, teacherSizeBytes: 10_200 }));
    expect(shown).toMatchObject({
      ...{ phase: 'Succeeded', student: 'mlp 16', teacher: 'digits-teacher', accuracy: '0.980' },
      ...{ gain: '+0.130', size: '1/10.2', teacherAgreement: 0.97 },
      control: { samples: 359, accuracy: { value: 0.85 } },
      teacherArtefact: { uri: 's3://limbeck/models/abc' },
    });
    expect(shown.gainOverControl).toBe(0.13);
    expect(statusFaults('distillationjobs')(shown)).toEqual([]);
  });

  test('that lost by its teacher does not pass the gate on the gain', () => {
    const shown = status(learnt({ control: { ...metrics, accuracy: { value: 0.99 } } }));
    expect(shown).toMatchObject({ phase: 'Failed', gain: '-0.010' });
    const verdict = shown.conditions.find(({ type }) => type === 'Succeeded');
    expect(verdict?.message).toBe('gainOverControl is -0.01, at least 0 is wanted (n=359).');
  });

  test.each([
    [0.95, 0.9, 0.05],
    [0.83, 0.82, 0.01],
    [0.7, 0.6, 0.1],
  ])('of %d beside a control of %d has gained %d, and passes a gate of as much', (student, alone, gain) => {
    const figures = {
      metrics: { ...metrics, accuracy: { value: student } },
      control: { ...metrics, accuracy: { value: alone } },
    };
    const root = studentJob();
    const wanted = {
      ...root,
      spec: { ...root.spec, evaluation: { gates: [{ metric: 'gainOverControl', atLeast: gain }] } },
    };
    const plan = { state: learnt(figures), attempts: [pastAttempt(1, 'Succeeded', 0)], apply: [], remove: [] };
    const seenSo = { ...observed, root: wanted as typeof root };
    const shown = statusOf(seenSo, { ...plan, next: { kind: 'settled' } }, teacher, now);
    expect([shown.gainOverControl, shown.phase]).toEqual([gain, 'Succeeded']);
  });

  test.each([1e20, -1e20, 1e308])('whose accuracy is %d is told of all the same', (value) => {
    const opposite = { ...metrics, accuracy: { value: -value } };
    const shown = status(learnt({ metrics: { ...metrics, accuracy: { value } }, control: opposite }));
    expect(statusFaults('distillationjobs')(shown)).toEqual([]);
  });

  test('without a control has no gain, and a gate on it is not met', () => {
    const shown = status(learnt({}));
    expect(['gain' in shown, shown.phase]).toEqual([false, 'Failed']);
  });
});

test('the teacher is fixed with the first attempt, not before', () => {
  const running: RunState = { kind: 'running', message: 'm' };
  expect('teacherArtefact' in status(running, [])).toBe(false);
  const fixed = { uri: teacher.uri, sha256: teacher.sha256 };
  expect(status(running).teacherArtefact).toEqual(fixed);
  // Its Job is being made; by the time it is seen another teacher may have come.
  const job = { resource: batchJobs, object: attemptJob(1) };
  const making = { state: running, attempts: [], apply: [job], remove: [], next: { kind: 'settled' } } as const;
  expect(statusOf(observed, making, teacher, now).teacherArtefact).toEqual(fixed);
  // It may have left checkpoints.
  expect(status(suspended, [pastAttempt(1, 'Suspended', 0)]).teacherArtefact).toEqual(fixed);
});

test('a teacher that is stated is shown whatever came before', () => {
  const { uri, sha256 } = teacher;
  const root = studentJob({ teacher: { artefact: { uri, sha256 } } });
  const shown = [[], [pastAttempt(1, 'Suspended', 0)]].map((attempts) => {
    const plan = { state: suspended, attempts, apply: [], remove: [], next: { kind: 'settled' } } as const;
    return statusOf({ ...observed, root }, plan, teacher, now).teacherArtefact;
  });
  expect(shown).toEqual([
    { uri, sha256 },
    { uri, sha256 },
  ]);
});
