import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import { trainingReconciler } from '../../../operator/training/reconciler.ts';
import { lastCheckpoint } from '../../../operator/workloads/last-checkpoint.ts';
import { after, open } from '../../support/run-plans.ts';
import {
  ago,
  attemptJob,
  ended,
  failureText,
  feeds,
  pastAttempt,
  runningStatus,
  seen,
  settings,
  teacherJob,
  worker,
} from '../../support/runs.ts';

const saved = { step: 40, uri: 's3://limbeck/runs/a1/step-40.pt', sha256: 'a'.repeat(64) };
const naming = (checkpoint: object, reason = 'Interrupted'): Pod['status'] => {
  const text: object = JSON.parse(failureText(reason));
  return ended({ exitCode: 143, message: JSON.stringify({ ...text, checkpoint }) });
};
const of = (pods: readonly Pod[], attempts = [{ number: 1, startedAt: ago(60) }]) =>
  lastCheckpoint({ root: teacherJob(), pods }, attempts);

describe('the checkpoint that the next attempt goes on from', () => {
  test('is what rank 0 named at its end', () => {
    expect(of([worker(1, naming({ ...saved, step: 7 })), worker(0, naming(saved))])).toEqual(saved);
  });

  test.each([
    ['another rank alone names one', [worker(1, naming(saved))]],
    ['rank 0 still runs', [worker(0, runningStatus)]],
    ['it names none', [worker(0, ended({ exitCode: 143, message: failureText('Interrupted') }))]],
    ['what it names is no place in the store', [worker(0, naming({ ...saved, uri: 'file:///a' }))]],
    ['what it names is no checkpoint', [worker(0, naming({ step: 1 }))]],
  ])('is not known where %s', (_, pods) => {
    expect(of(pods)).toBeUndefined();
  });

  test('is not that of an attempt after which another one began', () => {
    const attempts = [pastAttempt(1, 'Failed', 10), { number: 2, startedAt: ago(5) }];
    expect(of([worker(0, naming(saved), 1)], attempts)).toBeUndefined();
  });
});

const reconciler = trainingReconciler(settings, feeds);

test.each(['Interrupted', 'NonFiniteLoss'])(
  'a status shows it after %s, before what was heard of the progress',
  (reason) => {
    const root = after([open]);
    const news = { attempt: 1, progress: '4%', training: {}, checkpoint: { ...saved, step: 20 } };
    const pods = [worker(0, naming(saved, reason)), worker(1, naming(saved, reason))];
    const plan = reconciler.plan({ ...seen({ jobs: [attemptJob(1)], pods, news }), root }, new Date(ago(0)));
    expect(plan.status).toMatchObject({ checkpoint: saved });
  },
);

test('a run that is suspended shows what its workers wrote after the end of its attempt was recorded', () => {
  const attempts = [pastAttempt(1, 'Suspended', 1)];
  const root = teacherJob({ suspend: true }, { attempts });
  const plan = reconciler.plan({ ...seen({ pods: [worker(0, naming(saved))] }), root }, new Date(ago(0)));
  expect(plan.status).toMatchObject({ phase: 'Suspended', checkpoint: saved });
});
