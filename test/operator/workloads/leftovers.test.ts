import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import { batchJobs, coschedulingGroups } from '../../../operator/api/resources.ts';
import {
  finalLeftovers,
  outdatedChildren,
  unfinishedJobs,
  unseenUntilMs,
} from '../../../operator/workloads/leftovers.ts';
import type { Attempt } from '../../../operator/workloads/run.ts';
import type { Settings } from '../../../operator/workloads/settings.ts';
import { after, plan } from '../../support/run-plans.ts';
import {
  ago,
  attemptJob,
  besideProxy,
  ended,
  heldOpen,
  justEnded,
  now,
  pastAttempt,
  reported,
  runningStatus,
  settings,
  teacherAttempt,
  teacherJob,
  worker,
} from '../../support/runs.ts';

const job = { ...attemptJob(1), spec: { completions: 2 } };
const good = ended({ exitCode: 0 });

test.each([
  ['has no pods yet', [], true],
  ['is at work', [worker(0, runningStatus), worker(1, runningStatus)], true],
  ['is half done', [worker(0, runningStatus), worker(1, good)], true],
  [
    'is ended by its controller because a worker failed',
    [worker(0, runningStatus), worker(1, reported('Crashed', 1))],
    false,
  ],
  ['is done, which its controller has not said yet', [worker(0, good), worker(1, good)], false],
  ['is done, but somebody else holds a pod open', [worker(0, heldOpen({ exitCode: 0 })), worker(1, good)], true],
  [
    'failed, but somebody else holds a pod open',
    [worker(0, heldOpen({ exitCode: 0 })), worker(1, reported('Crashed', 1))],
    true,
  ],
  [
    'failed while somebody else still has time to end',
    [worker(0, besideProxy(good)), worker(1, reported('Crashed', 1))],
    false,
  ],
])('a Job that %s', (_, pods, isUnfinished) => {
  const refs = unfinishedJobs({ jobs: [job], pods }, now);
  const key = { namespace: 'default', name: teacherAttempt(1) };
  expect(refs).toEqual(isUnfinished ? [{ resource: batchJobs, key, uid: 'job-1' }] : []);
});

test('a Job that is over is left alone, and pods of another Job say nothing about it', () => {
  expect(unfinishedJobs({ jobs: [attemptJob(1, 'Failed'), attemptJob(2, 'Complete')], pods: [] }, now)).toEqual([]);
  expect(unfinishedJobs({ jobs: [job], pods: [worker(0, reported('Crashed', 1), 2)] }, now)).toHaveLength(1);
});

describe('a Job whose worker has ended by our own record alone', () => {
  const failed = worker(1, runningStatus);
  const record = (more: Partial<Attempt> = {}): Attempt => ({
    ...{ number: 1, startedAt: ago(90), endedAt: ago(5), outcome: 'Failed', reason: 'StoreUnavailable' },
    ...{ profile: 'cpu', pod: failed.metadata.name, exitCode: 75, ...more },
  });
  const reportedWorker = worker(1, reported('StoreUnavailable', 75));
  const leaving = { ...failed, metadata: { ...failed.metadata, deletionTimestamp: ago(1) } };

  test.each<[string, Attempt, readonly Pod[], boolean]>([
    ['ends by itself, once the cache has caught up', record(), [failed], false],
    ['ends by itself, where the cache does not show the worker yet', record(), [], false],
    ['goes where it has not within a minute', record({ endedAt: ago(61) }), [failed], true],
    ['goes where the record is of tomorrow', record({ endedAt: ago(-86_400) }), [failed], true],
    ['goes where the record is of another attempt', record({ number: 2 }), [failed], true],
    ['goes where the worker is on its way out', record(), [leaving], true],
    ['goes where somebody else holds a pod open', record(), [failed, worker(0, heldOpen({ exitCode: 0 }))], true],
  ])('%s', (_, attempt, pods, isRemoved) => {
    expect(unfinishedJobs({ jobs: [job], pods }, now, [attempt])).toHaveLength(isRemoved ? 1 : 0);
  });

  test.each([[[failed]], [[]]])('keeps the next attempt waiting, be it shown or not: %#', (pods) => {
    expect(plan({ root: after([record()]), jobs: [job], pods })).toMatchObject({
      ...{ state: { reason: 'PodsStopping' }, apply: [], remove: [], next: { kind: 'recheck', afterMs: 55_000 } },
    });
  });

  test('is looked at again when the minute is over', () => {
    const until = (pods: readonly Pod[]) => unseenUntilMs({ jobs: [job], pods }, [record()], now);
    expect([until([failed]), until([])]).toEqual([now.getTime() + 55_000, now.getTime() + 55_000]);
    expect([until([leaving]), until([reportedWorker])]).toEqual([undefined, undefined]);
  });
});

test('what an old attempt has left goes by its number, with its group where there are groups', () => {
  const attempts = [1, 2, 3, 4].map((number) => pastAttempt(number, 'Suspended', 100));
  const key = { namespace: 'default', name: teacherAttempt(1) };
  const old = [{ resource: batchJobs, key }];
  const root = teacherJob();
  expect(outdatedChildren({ root, settings }, attempts)).toEqual(old);
  const withGroups: Settings = { ...settings, gang: 'coscheduling' };
  expect(outdatedChildren({ root, settings: withGroups }, attempts)).toEqual([
    ...old,
    { resource: coschedulingGroups, key },
  ]);
});

test('three attempts are kept, and a run that is over keeps no more', () => {
  const attempts = [1, 2, 3, 4].map((number) => pastAttempt(number, 'Suspended', 100));
  const root = after(attempts);
  const names = [teacherAttempt(1)];
  expect(outdatedChildren({ root, settings }, attempts).map(({ key }) => key.name)).toEqual(names);
  expect(outdatedChildren({ root, settings }, attempts.slice(0, 3))).toEqual([]);
  const run = { root, settings, jobs: [job], pods: [] };
  expect(finalLeftovers(run, now).leftovers.map(({ key }) => key.name)).toEqual([teacherAttempt(1), ...names]);
});

test('the Job of an attempt that succeeded ends by itself, though its pods are gone; one that a queue holds does not', () => {
  const held = { ...job, spec: { ...job.spec, suspend: true } };
  const leftoversOf = (outcome: 'Succeeded' | 'Failed', left: typeof job): number =>
    finalLeftovers(
      {
        root: after([pastAttempt(1, outcome, 100)]),
        ...{ settings, jobs: [left], pods: [] },
      },
      now,
    ).leftovers.length;
  expect([leftoversOf('Succeeded', job), leftoversOf('Failed', job), leftoversOf('Succeeded', held)]).toEqual([
    0, 1, 1,
  ]);
});

test.each([
  ['is about to end', justEnded(good), 0],
  ['may still be left by somebody else', besideProxy(good), 0],
  ['is held open by somebody else', heldOpen({ exitCode: 0 }), 1],
])('the Job of an attempt that succeeded, of which a pod %s', (_, status, removed) => {
  const root = after([pastAttempt(1, 'Succeeded', 100)]);
  const pods = [worker(0, status), worker(1, good)];
  expect(finalLeftovers({ root, settings, jobs: [job], pods }, now).leftovers).toHaveLength(removed);
});

const leaving = (pod: Pod): Pod => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: now.toISOString() } });

test.each([
  ['are there, as its watch lags', [worker(0, good), worker(1, good)], 0],
  ['leave', [leaving(worker(0, good)), leaving(worker(1, good))], 1],
])('the Job of an attempt that succeeded goes where a queue seems to hold it and its pods %s', (_, pods, removed) => {
  const held = { ...job, spec: { ...job.spec, suspend: true } };
  const root = after([pastAttempt(1, 'Succeeded', 100)]);
  expect(finalLeftovers({ root, settings, jobs: [held], pods }, now).leftovers).toHaveLength(removed);
});

const said = worker(1, justEnded(reported('DataInvalid', 65, ago(10))));
test.each<[string, Pod, number, number, number | undefined]>([
  ['has just said why it failed for good', said, 10, 0, 50_000],
  ['said so a minute ago, and its phase is still to come', said, 60, 1, undefined],
  ['said so, when it ended on a day that somebody else wrote', said, -61, 1, undefined],
  [
    'said so, by the clock of a node that lives in the past',
    worker(1, justEnded(reported('DataInvalid', 65, ago(9999)))),
    10,
    0,
    50_000,
  ],
  ['said so, and is told to leave', leaving(said), 10, 1, undefined],
  ['failed in a way that may be tried again', worker(1, justEnded(reported('Crashed', 1, ago(10)))), 10, 1, undefined],
])('the Job of an attempt that failed, of which a pod %s', (_, pod, endedSecondsAgo, removed, lookMs) => {
  const root = teacherJob({}, { attempts: [pastAttempt(1, 'Failed', 100)], finishedAt: ago(endedSecondsAgo) });
  const left = finalLeftovers({ root, settings, jobs: [job], pods: [worker(0, runningStatus), pod] }, now);
  expect([left.leftovers.length, left.lookMs]).toEqual([removed, lookMs]);
});

test.each<[string, number, number, number | undefined]>([
  ['is not shown to have ended yet', 5, 0, 55_000],
  ['was not shown to have ended for a minute', 60, 1, undefined],
])('the Job of the last attempt, whose worker, by the record, has failed and %s', (_, secondsAgo, removed, lookMs) => {
  const last: Attempt = {
    ...pastAttempt(1, 'Failed', secondsAgo),
    exitCode: 65,
    pod: worker(0, runningStatus).metadata.name,
  };
  const root = teacherJob({}, { attempts: [last], finishedAt: ago(secondsAgo) });
  for (const pods of [[worker(0, runningStatus)], []]) {
    const left = finalLeftovers({ root, settings, jobs: [job], pods }, now);
    expect([left.leftovers.length, left.lookMs]).toEqual([removed, lookMs]);
  }
});
