import { describe, expect, test } from '@jest/globals';
import type { BatchJob, Pod } from '../../../operator/api/kubernetes.ts';
import { heldBy, isTakenBack } from '../../../operator/workloads/queue.ts';
import type { Attempt, RunObserved } from '../../../operator/workloads/run.ts';
import { after, open, plan as planOf } from '../../support/run-plans.ts';
import {
  ago,
  attemptJob,
  pastAttempt,
  reported,
  runningStatus,
  teacherAttempt,
  teacherJob,
  worker,
} from '../../support/runs.ts';

const rootWith = (attempts: readonly Attempt[], suspend = false) => {
  const { placement } = teacherJob().spec;
  return after(attempts, { placement: { ...placement, queueName: 'team-a' }, suspend });
};
const plan = (more: Partial<RunObserved>) => planOf({ root: rootWith([open]), kueue: true, ...more });

const queuedJob = (number: number, suspend: boolean): BatchJob => {
  const job = attemptJob(number);
  const labels = { ...job.metadata.labels, 'kueue.x-k8s.io/queue-name': 'team-a' };
  return { ...job, metadata: { ...job.metadata, labels }, spec: { completions: 2, suspend } };
};
const leaving = (pod: Pod): Pod => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: ago(1) } });
const pods = [worker(0, runningStatus), worker(1, runningStatus)];

describe('a run in a queue', () => {
  test('waits, and says so, where nobody would ever admit it', () => {
    const refused = plan({ root: rootWith([]), kueue: false });
    expect(refused).toMatchObject({ apply: [], next: { kind: 'recheck' } });
    expect(refused.state).toMatchObject({ kind: 'waiting', reason: 'QueueMissing' });
    expect(plan({ root: rootWith([]) }).apply.at(-1)?.object.metadata.name).toBe(teacherAttempt(1));
  });

  test('is queued until it is admitted, and then starts like any other', () => {
    expect(plan({ jobs: [queuedJob(1, true)] })).toMatchObject({
      state: { kind: 'queued', message: expect.stringContaining('team-a') },
      attempts: [open],
      remove: [],
    });
    expect(plan({ jobs: [queuedJob(1, false)], pods }).state.kind).toBe('running');
  });

  test('has its deadline from when it is admitted', () => {
    const of = (job: BatchJob, secondsAgo: number, attempt: Attempt = open) => {
      const { spec } = rootWith([]);
      const root = after([attempt], { ...spec, retry: { limit: 3, deadlineSeconds: 50 } });
      const status = { startTime: ago(secondsAgo) };
      return plan({ root, jobs: [{ ...job, ...(job.spec?.suspend === true ? {} : { status }) }] });
    };
    expect(of(queuedJob(1, true), 0)).toMatchObject({ state: { kind: 'queued' }, next: { kind: 'settled' } });
    expect(of(queuedJob(1, false), 40)).toMatchObject({
      state: { kind: 'starting' },
      attempts: [{ admittedAt: ago(40) }],
      next: { kind: 'recheck', afterMs: 10_000 },
    });
    expect(of(queuedJob(1, false), 50).state).toMatchObject({ reason: 'DeadlineExceeded' });
    // Taken back, and none of its pods was seen to end: it waits once more.
    expect(of(queuedJob(1, true), 0, { ...open, admittedAt: ago(55) }).state.kind).toBe('queued');
  });

  test('starts again in the queue when that took its admission back, at no cost', () => {
    const ends = [leaving(worker(0, reported('Interrupted', 143))), leaving(worker(1, runningStatus))];
    const { attempts } = plan({ jobs: [queuedJob(1, true)], pods: ends });
    expect(attempts).toMatchObject([{ outcome: 'Preempted', message: expect.stringContaining('team-a') }]);
    const stopping = plan({ root: rootWith(attempts), jobs: [queuedJob(1, true)], pods: ends });
    expect(stopping).toMatchObject({ state: { reason: 'PodsStopping' }, remove: [{ uid: 'job-1' }], apply: [] });
  });

  test('that failed by itself has failed, whatever its queue does', () => {
    const ends = [leaving(worker(0, reported('DataInvalid', 65))), leaving(worker(1, reported('Interrupted', 143)))];
    expect(plan({ jobs: [queuedJob(1, true)], pods: ends }).state).toMatchObject({ reason: 'DataInvalid' });
  });

  test('that the user suspends leaves it', () => {
    const { attempts } = plan({ root: rootWith([open], true), jobs: [queuedJob(1, true)] });
    expect(attempts).toMatchObject([{ outcome: 'Suspended' }]);
    expect(plan({ root: rootWith(attempts, true), jobs: [queuedJob(1, true)] }).remove).toMatchObject([
      { uid: 'job-1' },
    ]);
  });
});

test('a Job whose watch lags is not taken for one that was stopped', () => {
  expect(isTakenBack(queuedJob(1, true), pods)).toBe(false);
  expect(isTakenBack(queuedJob(1, false), pods.map(leaving))).toBe(false);
  expect([heldBy(undefined), heldBy(attemptJob(1)), heldBy(queuedJob(1, true))]).toEqual([
    undefined,
    undefined,
    'team-a',
  ]);
});

test('a Job that makes no pods says where to look, but not at once, and is then left alone until its deadline', () => {
  const without = (secondsAgo: number) => {
    const root = after([pastAttempt(1, 'Failed', 100), { number: 2, startedAt: ago(secondsAgo) }]);
    const job = attemptJob(2);
    const jobs = [{ ...job, metadata: { ...job.metadata, creationTimestamp: ago(secondsAgo) } }];
    return plan({ root, jobs });
  };
  expect([without(10).state, without(31).state]).toMatchObject([{ reason: 'AttemptStarting' }, { reason: 'NoPods' }]);
  expect([without(10).next, without(31).next]).toEqual([
    { kind: 'recheck', afterMs: 20_000 },
    { kind: 'recheck', afterMs: 1_739_000 },
  ]);
});
