import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { BatchJob } from '../../../operator/api/kubernetes.ts';
import { planHold } from '../../../operator/workloads/plan-run.ts';
import { ownerReferenceTo } from '../../../operator/kernel/objects.ts';
import type { Attempt } from '../../../operator/workloads/run.ts';
import { after, namesMade, open, plan } from '../../support/run-plans.ts';
import {
  ago,
  attemptJob,
  ended,
  node,
  now,
  pastAttempt,
  reported,
  runningStatus,
  seen,
  succeeded,
  teacherAttempt,
  teacherJob,
  worker,
} from '../../support/runs.ts';

describe('a run begins', () => {
  test('with Service and Job of attempt 1, the Job last', () => {
    expect(namesMade({})).toEqual(['digits-teacher-training-workers', teacherAttempt(1)]);
    expect(plan({})).toMatchObject({
      state: { kind: 'starting', reason: 'AttemptStarting' },
      attempts: [],
      statusWaits: true,
      next: { kind: 'recheck', afterMs: 60_000 },
    });
  });

  test.each([
    ['suspended', { root: teacherJob({ suspend: true }) }, { kind: 'suspended' }],
    ['without a node that fits', { nodes: [] }, { kind: 'waiting', reason: 'NoNodeFits' }],
    [
      'with a profile that nobody knows',
      { root: teacherJob({ placement: { ...teacherJob().spec.placement, gpuProfiles: ['tpu'] } }) },
      { kind: 'refused', reason: 'ProfileUnknown' },
    ],
  ])('not while it is %s', (_, more, state) => {
    expect(plan(more)).toMatchObject({ state, apply: [], attempts: [] });
  });
});

describe('a run goes on', () => {
  const pods = [worker(0, runningStatus), worker(1, runningStatus)];
  test('while its workers do', () => {
    expect(plan({ root: after([open]), jobs: [attemptJob(1)], pods, progress: '3%' })).toMatchObject({
      ...{ state: { kind: 'running' }, apply: [], remove: [], attempts: [open] },
    });
  });

  test.each([
    ['while they start', { pods: [worker(0, { phase: 'Pending' })] }],
    ['while they look for each other', { pods, progress: '0%' }],
  ])('with what its pods need to meet, by the name that they look for, should somebody delete it %s', (_, more) => {
    const at = (job: BatchJob) => namesMade({ root: after([open]), jobs: [job], ...more });
    const former = { template: { spec: { subdomain: 'former-workers' } } };
    expect(at(attemptJob(1))).toEqual(['digits-teacher-training-workers']);
    expect(at({ ...attemptJob(1), spec: former })).toEqual(['former-workers']);
  });

  test('and says that it waits where the claim of its data does not exist', () => {
    const message = 'persistentvolumeclaim "digits" not found';
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    const pending = [worker(0, { phase: 'Pending', conditions })];
    expect(plan({ root: after([open]), jobs: [attemptJob(1)], pods: pending }).state).toMatchObject({
      ...{ kind: 'waiting', reason: 'DataMissing' },
    });
  });

  test('until its deadline, which it knows beforehand', () => {
    const root = after([open], { retry: { limit: 3, deadlineSeconds: 100 } });
    expect(plan({ root, jobs: [attemptJob(1)], pods }).next).toEqual({ kind: 'recheck', afterMs: 40_000 });
    const late = after([open], { retry: { limit: 3, deadlineSeconds: 60 } });
    expect(plan({ root: late, jobs: [attemptJob(1)], pods })).toMatchObject({
      state: { kind: 'failed', reason: 'DeadlineExceeded' },
      remove: [],
      attempts: [{ outcome: 'Failed', reason: 'DeadlineExceeded' }],
    });
  });

  test('after a pause of the user, from its checkpoint, at no cost', () => {
    const root = after([open], { suspend: true });
    const stopped = plan({ root, jobs: [attemptJob(1)], pods });
    const { attempts } = stopped;
    expect(stopped).toMatchObject({ state: { kind: 'suspended' }, remove: [], attempts: [{ outcome: 'Suspended' }] });
    const stopping = { root: after(attempts, { suspend: true }), jobs: [attemptJob(1)], pods };
    expect(plan(stopping)).toMatchObject({ state: { kind: 'suspended' }, remove: [{ uid: 'job-1' }], attempts });
    expect(plan({ ...stopping, root: after(attempts) })).toMatchObject({
      state: { reason: 'PodsStopping' },
      remove: [{ uid: 'job-1' }],
      apply: [],
    });
    expect(namesMade({ root: after(attempts) })).toContain(teacherAttempt(2));
  });

  test('at most a day without a look, since timers end', () => {
    const root = after([open], { retry: { limit: 3, deadlineSeconds: 31_536_000 } });
    expect(plan({ root, jobs: [attemptJob(1)], pods }).next).toEqual({ kind: 'recheck', afterMs: 86_400_000 });
  });

  test('without a look at what a Job of the same name has left', () => {
    const metadata = {
      ownerReferences: [ownerReferenceTo({ ...attemptJob(1), metadata: { name: 'a1', uid: 'old' } })],
    };
    const left = worker(0, reported('Crashed', 1));
    const strangers = [{ ...left, metadata: { ...left.metadata, ...metadata } }];
    const root = after([open]);
    expect(plan({ root, jobs: [attemptJob(1)], pods: strangers })).toMatchObject({ attempts: [open] });
  });
});

describe('an attempt fails', () => {
  const crashed = {
    root: after([open]),
    jobs: [attemptJob(1, 'Failed')],
    pods: [worker(0, reported('Crashed', 1)), worker(1, reported('Interrupted', 143))],
  };

  test('and the first repetition follows at once', () => {
    const { attempts, apply } = plan(crashed);
    expect(attempts).toMatchObject([{ outcome: 'Failed', reason: 'Crashed', exitCode: 1 }]);
    expect(apply).toEqual([]);
    expect(namesMade({ ...crashed, root: after(attempts) })).toContain(teacherAttempt(2));
  });

  test('and the next waits for the last pod to be gone, while the logs of the first stay', () => {
    const pods = [worker(0, reported('Crashed', 1)), worker(1, runningStatus)];
    const { attempts } = plan({ ...crashed, jobs: [attemptJob(1)], pods });
    expect(plan({ root: after(attempts), jobs: [attemptJob(1)], pods })).toMatchObject({
      state: { kind: 'restarting', reason: 'PodsStopping' },
      apply: [],
      remove: [],
    });
  });

  test.each([
    [2, 10_000],
    [3, 20_000],
    [4, 40_000],
    [7, 40_000],
  ])('for the %i. time, so there is a pause of %i ms', (count, afterMs) => {
    const attempts = Array.from({ length: count }, (_, at) => pastAttempt(at + 1, 'Failed', 0));
    expect(plan({ root: after(attempts, { retry: { limit: 10 } }) })).toMatchObject({
      state: { kind: 'restarting', reason: 'BackingOff' },
      next: { kind: 'recheck', afterMs },
      apply: [],
    });
  });

  test('once too often', () => {
    const attempts = [1, 2, 3, 4].map((number) => pastAttempt(number, 'Failed', 100));
    expect(plan({ root: after(attempts) }).state).toEqual({
      kind: 'failed',
      reason: 'RetriesExhausted',
      message: '4 attempts failed, retry.limit is 3; the last one: Crashed, what happened',
    });
  });

  test('in a way that repeating does not cure', () => {
    const pods = [worker(0, reported('DataInvalid', 65)), worker(1, reported('DataInvalid', 65))];
    const { state, apply } = plan({ ...crashed, pods });
    expect({ state, apply }).toEqual({
      state: { kind: 'failed', reason: 'DataInvalid', message: `${teacherAttempt(1)}-0 (exit code 65): what happened` },
      apply: [],
    });
  });

  test('because it was preempted, which is not counted', () => {
    const conditions = [{ type: 'DisruptionTarget', status: 'True' }];
    const pods = [worker(0, { ...ended({ exitCode: 143 }), conditions }), worker(1, reported('PeerLost', 75))];
    const { attempts } = plan({ ...crashed, root: after([open], { retry: { limit: 0 } }), pods });
    expect(attempts).toMatchObject([{ outcome: 'Preempted' }]);
    expect(plan({ ...crashed, root: after(attempts, { retry: { limit: 0 } }), pods }).apply).toHaveLength(2);
  });

  test('and is out of time when the next one is due', () => {
    const attempts = [pastAttempt(1, 'Preempted', 60)];
    const root = after(attempts, { retry: { limit: 3, deadlineSeconds: 30 } });
    expect(plan({ root })).toMatchObject({
      state: {
        ...{ kind: 'failed', reason: 'DeadlineExceeded' },
        message: expect.stringMatching(/; the last one ended with Crashed, /),
      },
      apply: [],
      attempts,
    });
  });
});

describe('input is missing', () => {
  const pods = [worker(0, reported('DataMissing', 66)), worker(1, reported('DataMissing', 66))];

  test('so it is said, and looked for again', () => {
    expect(plan({ root: after([open], { retry: { limit: 0 } }), jobs: [attemptJob(1, 'Failed')], pods })).toMatchObject(
      {
        state: { kind: 'waiting', reason: 'DataMissing', message: 'what happened' },
        next: { kind: 'recheck', afterMs: 10_000 },
      },
    );
  });

  test.each([
    [1, 10_000],
    [2, 20_000],
    [5, 160_000],
    [6, 300_000],
    [40, 300_000],
  ])('for the %i. time in a row, and looked for after %i ms', (count, afterMs) => {
    const attempts = Array.from({ length: count }, (_, at) => pastAttempt(at + 1, 'Waiting', 0));
    expect(plan({ root: after(attempts) }).next).toEqual({ kind: 'recheck', afterMs });
  });

  test('and is still missing, as far as is known, until the next look has begun to train', () => {
    const attempts = [pastAttempt(1, 'Waiting', 10), { number: 2, startedAt: ago(5) }];
    const workers = [worker(0, runningStatus, 2), worker(1, runningStatus, 2)];
    const kind = (progress?: string) =>
      plan({ root: after(attempts), jobs: [attemptJob(2)], pods: workers, progress }).state.kind;
    expect([kind(), kind('0%'), kind('1%')]).toEqual(['waiting', 'waiting', 'running']);
  });

  test('and then it is there', () => {
    expect(namesMade({ root: after([pastAttempt(1, 'Waiting', 10)]) })).toContain(teacherAttempt(2));
  });
});

describe('an attempt succeeds', () => {
  test.each([
    ['out of time', { retry: { limit: 3, deadlineSeconds: 20 } }],
    ['suspended', { suspend: true }],
  ])('and is not %s meanwhile, should its pods be seen late', (_, spec) => {
    const late = { jobs: [attemptJob(1, 'Complete')], pods: [worker(0, runningStatus)] };
    const going = { state: { kind: 'running' }, attempts: [open], remove: [] };
    expect(plan({ root: after([open], spec), ...late })).toMatchObject(going);
  });

  test('and its result is handed on', () => {
    const pods = [worker(0, succeeded({ resumedFromStep: 40 })), worker(1, ended({ exitCode: 0 }))];
    expect(plan({ root: after([open]), jobs: [attemptJob(1, 'Complete')], pods })).toMatchObject({
      state: { kind: 'succeeded', result: { metrics: { accuracy: { value: 0.98 } } } },
      attempts: [{ outcome: 'Succeeded', resumedFromStep: 40 }],
      apply: [],
      remove: [],
    });
  });
});

test('only the Jobs of the last attempts are kept, once the newest has begun', () => {
  const past = [1, 2, 3].map((number) => pastAttempt(number, 'Preempted', 100));
  const jobs = [1, 2, 3].map((number) => attemptJob(number, 'Failed'));
  expect(plan({ root: after(past), jobs }).remove).toEqual([]);
  const newest = { ...open, number: 4 };
  const { remove } = plan({ root: after([...past, newest]), jobs: [...jobs, attemptJob(4)] });
  expect(remove.map(({ key }) => key.name)).toEqual([teacherAttempt(1)]);
});

test('a run that may not go on is stopped like a suspended one', () => {
  const observed = seen({ root: after([open]), jobs: [attemptJob(1)], pods: [worker(0, runningStatus)] });
  const held = planHold(observed, now);
  expect(held).toMatchObject({ attempts: [{ outcome: 'Suspended' }], remove: [] });
  const next = seen({ ...observed, root: after(held.attempts) });
  expect(planHold(next, now)).toMatchObject({ attempts: held.attempts, remove: [{ uid: 'job-1' }] });
  expect(planHold(seen(), now)).toEqual({ attempts: [], remove: [] });
});

test('whatever has happened, no attempt starts beside a living pod, and none beyond the limit', () => {
  const outcome = fc.constantFrom<Attempt['outcome']>('Failed', 'Preempted', 'Waiting', 'Suspended');
  const status = fc.constantFrom(
    runningStatus,
    reported('Crashed', 1),
    reported('PeerLost', 75),
    succeeded(),
    undefined,
  );
  // No history goes on after the limit.
  const past = fc
    .array(fc.tuple(outcome, fc.nat(400)), { maxLength: 8 })
    .filter((history) => history.slice(0, -1).filter(([kind]) => kind === 'Failed').length <= 3);
  fc.assert(
    fc.property(past, fc.array(status, { maxLength: 2 }), fc.boolean(), (history, statuses, isOpen) => {
      const attempts = history.map(([kind, seconds], at) => pastAttempt(at + 1, kind, seconds));
      const number = attempts.length + 1;
      const root = after(isOpen ? [...attempts, { number, startedAt: ago(9) }] : attempts);
      const pods = statuses.map((value, index) =>
        worker(index, value ?? { phase: 'Pending' }, isOpen ? number : number - 1),
      );
      const { apply, attempts: next } = plan({ root, pods, jobs: isOpen ? [attemptJob(number)] : [], nodes: [node()] });
      const isAlive = pods.some((pod) => pod.status?.phase === 'Running' || pod.status?.phase === 'Pending');
      const failures = next.filter(({ outcome: kind }) => kind === 'Failed').length;
      if (apply.some(({ resource }) => resource.kind === 'Job'))
        expect([isAlive, failures <= 3]).toEqual([false, true]);
      expect(next.filter(({ endedAt }) => endedAt === undefined).length).toBeLessThanOrEqual(1);
    }),
  );
});
