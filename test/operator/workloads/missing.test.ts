import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import { missingNow, stillMissing } from '../../../operator/workloads/missing.ts';
import { runEvents, runStatus } from '../../../operator/workloads/run-status.ts';
import type { Attempt, RunStatus } from '../../../operator/workloads/run.ts';
import { startPatienceMs } from '../../../operator/workloads/start-trouble.ts';
import type { Going } from '../../../operator/workloads/verdict.ts';
import { planRun } from '../../../operator/workloads/plan-run.ts';
import { configOf } from '../../../operator/training/desired.ts';
import {
  ago,
  attemptJob,
  now,
  runningStatus,
  seen,
  settings,
  teacherAttempt,
  teacherJob,
  waitingFor,
  worker,
} from '../../support/runs.ts';
import { open } from '../../support/run-plans.ts';

const ended = (reason: string): Attempt => ({
  ...{ number: 1, startedAt: ago(60), endedAt: ago(9), outcome: 'Waiting', reason, message: 'what was missing' },
});

const starting = (reason: 'AttemptStarting' | 'DataMissing' | 'ImagePull' | 'Unschedulable'): Going => ({
  ...{ kind: 'starting', reason, message: 'now' },
});
const running: Going = { kind: 'running', message: 'at work' };
const queued: Going = { kind: 'queued', message: 'in line' };
const then = 'what was missing';

test.each<[string, Going, string | undefined, string | undefined]>([
  ['nothing, where none was missing', starting('AttemptStarting'), undefined, undefined],
  ['nothing yet, where the first attempt has no image', starting('ImagePull'), undefined, undefined],
  ['data, where pods wait for their claim', starting('DataMissing'), undefined, 'DataMissing: now'],
  ['data, until who looks again has begun', running, 'DataMissing', `DataMissing: ${then}`],
  ['what a program did not name', running, 'SomethingElse', `InputMissing: ${then}`],
  ['an image, until who looks again has begun', starting('AttemptStarting'), 'ImagePull', `ImagePull: ${then}`],
  ['room, and an image before', starting('Unschedulable'), 'ImagePull', `ImagePull: now; before: ${then}`],
  ['its turn in a queue, and an image before', queued, 'ImagePull', `ImagePull: in line; before: ${then}`],
  ['an image, in the words of today', starting('ImagePull'), 'ImagePull', 'ImagePull: now'],
  ['an image, where there was a Secret missing before', starting('ImagePull'), 'ConfigMissing', 'ImagePull: now'],
  ['no image, once all workers run', running, 'ImagePull', undefined],
  ['no Secret, once all workers run', running, 'ConfigMissing', undefined],
  ['no node that admits it, once all workers run', running, 'NotAdmitted', undefined],
])('an attempt that has not begun lacks %s', (_, verdict, reason, expected) => {
  const state = missingNow(verdict, reason === undefined ? undefined : ended(reason));
  expect(state && 'reason' in state ? `${state.reason ?? ''}: ${state.message}` : undefined).toBe(expected);
});

test('an attempt that ended otherwise has left nothing to be looked for', () => {
  expect(stillMissing({ ...ended('ImagePull'), outcome: 'Failed' })).toBeUndefined();
});

describe('a run whose registry is away', () => {
  const root = teacherJob({ retry: { limit: 0 } });
  const at = (seconds: number): Date => new Date(now.getTime() + seconds * 1000);
  const noImage = (number: number, startTime: string): Pod =>
    worker(0, { ...waitingFor('ImagePullBackOff'), startTime }, number);
  const shownBy = (status: RunStatus | undefined, pods: readonly Pod[], jobs: readonly number[], seconds: number) => {
    const known = { ...root, ...(status === undefined ? {} : { status }) };
    const observed = seen({ root: known, pods, jobs: jobs.map((number) => attemptJob(number)) });
    const plan = planRun(observed, configOf(root.spec), at(seconds));
    const report = { root: known, ...plan, gates: undefined, progress: undefined, news: undefined, settings };
    const next: RunStatus = runStatus(report, at(seconds));
    return { plan, status: next, told: runEvents(status, next).map(({ reason }) => reason) };
  };
  const reasons = ({ conditions = [] }: RunStatus): readonly string[] =>
    conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);

  const pods = [noImage(1, ago(300)), worker(1, runningStatus)];
  const first = shownBy({ attempts: [open] }, pods, [1], 0);
  const second = shownBy(first.status, pods, [1], startPatienceMs / 1000 - 1);
  const third = shownBy(second.status, pods, [1], startPatienceMs / 1000);

  test('says so at once, and waits with its pods', () => {
    expect(reasons(first.status)).toEqual([
      'Accepted True Valid',
      'Progressing False ImagePull',
      'Succeeded Unknown Running',
    ]);
    expect(first.plan).toMatchObject({ state: { kind: 'starting' }, next: { afterMs: startPatienceMs } });
    expect(second.plan).toMatchObject({ state: { kind: 'starting' }, attempts: [{ number: 1 }], remove: [] });
  });

  test('lets go of its room after a while, is told once, and looks again without a failure that counts', () => {
    expect(third.plan.attempts).toMatchObject([
      { outcome: 'Waiting', reason: 'ImagePull', pod: `${teacherAttempt(1)}-0` },
    ]);
    expect(reasons(third.status).slice(0, 2)).toEqual(['Accepted Unknown ImagePull', 'Progressing False ImagePull']);
    expect([first, second, third].map(({ told }) => told)).toEqual([[], [], ['ImagePull']]);
    const after = startPatienceMs / 1000;
    expect(shownBy(third.status, pods, [1], after + 1).plan).toMatchObject({ remove: [{ uid: 'job-1' }], apply: [] });
    const { apply } = shownBy(third.status, [], [], after + 10).plan;
    expect(apply.map(({ object }) => object.metadata.name)).toContain(teacherAttempt(2));
  });

  test('has its whole patience for each attempt, is told of no second time, and goes on once the image is there', () => {
    const begun = startPatienceMs / 1000 + 20;
    const startTime = at(begun).toISOString();
    const waiting = [noImage(2, startTime), worker(1, runningStatus, 2)];
    const again = shownBy(third.status, waiting, [2], begun + 30);
    expect(again.plan).toMatchObject({ state: { kind: 'waiting' }, next: { afterMs: startPatienceMs - 30_000 } });
    expect(again.told).toEqual([]);
    const over = shownBy(again.status, waiting, [2], begun + startPatienceMs / 1000);
    expect([over.plan.attempts.map(({ outcome }) => outcome), over.told]).toEqual([['Waiting', 'Waiting'], []]);
    const there = [worker(0, runningStatus, 2), worker(1, runningStatus, 2)];
    const goesOn = shownBy(again.status, there, [2], begun + 60);
    expect(reasons(goesOn.status).slice(0, 2)).toEqual(['Accepted True Valid', 'Progressing True AttemptRunning']);
  });
});
