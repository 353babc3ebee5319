import { describe, expect, test } from '@jest/globals';
import { hangFailure } from '../../../operator/workloads/hang.ts';
import { after, namesMade, open, plan } from '../../support/run-plans.ts';
import { ago, attemptJob, pastAttempt, runningStatus, teacherAttempt, worker } from '../../support/runs.ts';

test('a hang counts, and names the worker that stands out, if one does', () => {
  expect(hangFailure({ attempt: 1, message: 'm' })).toEqual({ reason: 'Hung', message: 'm', weight: 'counted' });
  expect(hangFailure({ attempt: 1, message: 'm', pod: 'p', rank: 0 })).toMatchObject({ pod: 'p', rank: 0 });
});

describe('an attempt hangs', () => {
  const pods = [worker(0, runningStatus), worker(1, runningStatus)];
  const stall = { attempt: 1, message: 'Worker 1 is frozen.', pod: 'w', rank: 1 };
  const hanging = { root: after([open]), jobs: [attemptJob(1)], pods, stall };

  test('and that is recorded before its workers are ended, and the next waits for the last of them', () => {
    const { attempts, remove, apply } = plan(hanging);
    expect([remove, apply]).toEqual([[], []]);
    expect(attempts).toMatchObject([{ outcome: 'Failed', reason: 'Hung', rank: 1, message: 'Worker 1 is frozen.' }]);
    // An operator that has just begun has seen no hang; it finds the record.
    const root = after(attempts);
    expect(plan({ root, jobs: [attemptJob(1)], pods })).toMatchObject({
      state: { kind: 'restarting', reason: 'PodsStopping' },
      remove: [{ uid: 'job-1' }],
      apply: [],
    });
    expect(namesMade({ root })).toContain(teacherAttempt(2));
  });

  test('which says nothing of the next one', () => {
    const root = after([pastAttempt(1, 'Failed', 10), { number: 2, startedAt: ago(5) }]);
    const workers = [worker(0, runningStatus, 2), worker(1, runningStatus, 2)];
    expect(plan({ root, jobs: [attemptJob(2)], pods: workers, stall }).state.kind).toBe('running');
  });
});
