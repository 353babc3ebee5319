import { describe, expect, test } from '@jest/globals';
import type { TrainingJobStatus } from '../../../operator/api/generated.ts';
import { batchJobs, trainingJobs } from '../../../operator/api/resources.ts';
import type { ObjectRef } from '../../../operator/kernel/cluster.ts';
import { isFinished, planFinished } from '../../../operator/workloads/finished.ts';
import { ago, now, teacherAttempt, teacherJob } from '../../support/runs.ts';

const verdict = (status: 'True' | 'False' | 'Unknown') => ({
  ...{ type: 'Succeeded', status, reason: 'GatesPassed', message: '', lastTransitionTime: ago(10) },
});
const over = (status: 'True' | 'False' | 'Unknown' = 'True'): TrainingJobStatus => ({
  ...{ phase: 'Succeeded', finishedAt: ago(10), accuracy: '0.980', conditions: [verdict(status)] },
});

test.each([
  ['succeeded', over('True'), true],
  ['failed', over('False'), true],
  ['undecided', over('Unknown'), false],
  ['without an end', { conditions: [verdict('True')] }, false],
  ['new', undefined, false],
])('a job that is %s', (_, status, finished) => {
  expect(isFinished(teacherJob({}, status))).toBe(finished);
});

describe('a finished job', () => {
  const plan = (ttlSecondsAfterFinished?: number, leftovers: readonly ObjectRef[] = []) =>
    planFinished<TrainingJobStatus>(
      teacherJob(ttlSecondsAfterFinished === undefined ? {} : { ttlSecondsAfterFinished }, over()),
      { resource: trainingJobs, leftovers },
      now,
    );

  test('keeps its record to the letter', () => {
    expect(plan()).toMatchObject({ apply: [], remove: [], events: [], status: over(), next: { kind: 'settled' } });
  });

  test('stays where nobody can read when it ended', () => {
    const root = teacherJob({ ttlSecondsAfterFinished: 5 }, { ...over(), finishedAt: '2026-11-27T10:00:00+99:99' });
    const planned = planFinished<TrainingJobStatus>(root, { resource: trainingJobs, leftovers: [] }, now);
    expect(planned).toMatchObject({ remove: [], next: { kind: 'settled' } });
  });

  test('ends what still runs, as often as it takes', () => {
    const leftover = { resource: batchJobs, key: { namespace: 'default', name: teacherAttempt(1) }, uid: 'job-1' };
    expect(plan(undefined, [leftover])?.remove).toEqual([leftover]);
  });

  test('takes all that it owns along when its time is over, and nothing is removed twice', () => {
    const leftover = { resource: batchJobs, key: { namespace: 'default', name: teacherAttempt(1) }, uid: 'job-1' };
    expect(plan(0, [leftover])?.remove).toMatchObject([{ resource: trainingJobs, uid: 'tj-1' }]);
  });

  test('forgets a write that failed while it ended', () => {
    const failed = { ...verdict('False'), type: 'Progressing', reason: 'ApplyFailed', message: 'no' };
    const job = teacherJob({}, { ...over(), conditions: [failed] });
    const finished = { ...job, status: { ...job.status, conditions: [failed, verdict('True')] } };
    expect(planFinished(finished, { resource: trainingJobs, leftovers: [] }, now)?.status.conditions).toMatchObject([
      { type: 'Progressing', status: 'False', reason: 'Finished', lastTransitionTime: ago(10), observedGeneration: 1 },
      { type: 'Succeeded', observedGeneration: 1 },
    ]);
  });

  test.each([
    [{}, 7000],
    [{ ttlSecondsAfterFinished: 15 }, 5000],
    [{ ttlSecondsAfterFinished: 60 }, 7000],
  ])('is looked at again when what it spares may have to go: %j', (spec, afterMs) => {
    const remains = { resource: trainingJobs, leftovers: [], lookMs: 7000 };
    expect(planFinished<TrainingJobStatus>(teacherJob(spec, over()), remains, now)?.next).toEqual({
      kind: 'recheck',
      afterMs,
    });
  });

  test('waits for its time to be over', () => {
    expect(plan(15)?.next).toEqual({ kind: 'recheck', afterMs: 5000 });
    expect(plan(1_000_000)?.next).toEqual({ kind: 'recheck', afterMs: 86_400_000 });
  });

  test.each([0, 10])('removes itself after %i seconds, and no successor of its name', (ttl) => {
    expect(plan(ttl)?.remove).toEqual([
      { resource: trainingJobs, key: { namespace: 'default', name: 'digits-teacher' }, uid: 'tj-1' },
    ]);
  });

  test('is judged again as long as its end is not recorded', () => {
    expect(planFinished(teacherJob(), { resource: trainingJobs, leftovers: [] }, now)).toBeUndefined();
  });
});
