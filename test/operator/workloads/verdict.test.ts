import { describe, expect, test } from '@jest/globals';
import { longestAwayMs } from '../../../operator/kernel/deadlines.ts';
import { jobIsOver, judge, type AttemptSeen } from '../../../operator/workloads/verdict.ts';
import {
  ago,
  attemptJob,
  besideProxy,
  ended,
  heldOpen,
  justEnded,
  now,
  reported,
  runningStatus,
  succeeded,
  teacherAttempt,
  waitingFor,
  worker,
} from '../../support/runs.ts';

const seen = (more: Partial<AttemptSeen>): AttemptSeen => ({
  number: 1,
  job: attemptJob(1),
  pods: [],
  workers: 2,
  nodes: [],
  podsSilentMs: 0,
  ...more,
});

const pending = (rank: number) => worker(rank, { phase: 'Pending' });

describe('an attempt that goes on', () => {
  test.each([
    ['no pod that runs yet', [pending(0), pending(1)], 'starting', '0 of 2 workers started.'],
    ['one of two runs', [worker(0, runningStatus), pending(1)], 'starting', '1 of 2 workers started.'],
    ['both run', [worker(0, runningStatus), worker(1, runningStatus)], 'running', '2 workers at work.'],
    [
      'rank 0 still exports',
      [worker(0, runningStatus), worker(1, ended({ exitCode: 0 }))],
      'running',
      '2 workers at work.',
    ],
    [
      'an echo is seen and its cause may be a moment late',
      [worker(0, reported('PeerLost', 75)), worker(1, runningStatus)],
      'running',
      'A worker is lost; looking for the cause.',
    ],
  ])('%s', (_, pods, kind, message) => {
    expect(judge(seen({ pods }), now)).toMatchObject({ kind, message });
  });

  test.each([
    ['none', [], 'No pod is made: a quota, '],
    ['not all', [worker(0, runningStatus)], '1 of 2 pods are made: a quota, '],
  ])('after half a minute: of its pods %s are made', (_, pods, beginning) => {
    const { metadata, ...job } = attemptJob(1);
    const old = (secondsAgo: number) =>
      seen({ pods, job: { ...job, metadata: { ...metadata, creationTimestamp: ago(secondsAgo) } } });
    expect(judge(old(29), now)).toMatchObject({ kind: 'starting', reason: 'AttemptStarting' });
    const message = expect.stringContaining(beginning);
    expect(judge(old(31), now)).toMatchObject({ kind: 'starting', reason: 'NoPods', message });
  });

  test('until the pod of rank 0 is seen to be over, whatever the Job says', () => {
    const pods = [worker(0, runningStatus), worker(1, ended({ exitCode: 0 }))];
    expect(judge(seen({ job: attemptJob(1, 'Complete'), pods }), now)).toMatchObject({ kind: 'running' });
  });

  test.each(['Failed', 'FailureTarget'])('until the pods tell why the Job has the condition %s', (condition) => {
    const job = attemptJob(1, condition);
    expect(judge(seen({ job, pods: [worker(0, runningStatus)] }), now).kind).toBe('running');
    const missing = worker(0, reported('DataMissing', 66));
    expect(judge(seen({ job, pods: [missing] }), now)).toMatchObject({ failure: { reason: 'DataMissing' } });
  });

  test('says what a pod lacks that cannot start', () => {
    const pods = [worker(0, waitingFor('CreateContainerConfigError', 'secret "limbeck-store" not found'))];
    expect(judge(seen({ pods }), now)).toEqual({
      kind: 'starting',
      reason: 'ConfigMissing',
      message: `${teacherAttempt(1)}-0: CreateContainerConfigError: secret "limbeck-store" not found; the chart makes the store's Secret in the namespaces that store.namespaces lists`,
      lookMs: 120_000,
    });
  });
});

describe('an attempt that succeeded', () => {
  test('has the result of rank 0', () => {
    const verdict = judge(seen({ pods: [worker(0, succeeded()), worker(1, ended({ exitCode: 0 }))] }), now);
    expect(verdict).toMatchObject({ kind: 'succeeded', result: { metrics: { n: 359 } } });
  });

  test("though somebody else's containers run on in its pods", () => {
    const { message } = succeeded()?.containerStatuses?.[0]?.state?.terminated ?? {};
    const pods = [
      worker(0, heldOpen({ exitCode: 0, ...(message !== undefined && { message }) })),
      worker(1, heldOpen({ exitCode: 0 })),
    ];
    expect(judge(seen({ pods }), now)).toMatchObject({ kind: 'succeeded', result: { metrics: { n: 359 } } });
  });

  test('is looked at again when other containers have had their time to end', () => {
    const pods = [worker(0, besideProxy(succeeded())), worker(1, ended({ exitCode: 0 }))];
    expect(judge(seen({ pods }), now)).toMatchObject({ kind: 'running', lookMs: 29_000 });
    const other = [worker(0, runningStatus), worker(1, besideProxy(reported('PeerLost', 75, ago(10))))];
    expect(judge(seen({ pods: other }), now)).toMatchObject({ kind: 'running', lookMs: 20_000 });
    // That time is past, and the other worker goes on for as long as it takes.
    const past = [worker(0, runningStatus), worker(1, heldOpen({ exitCode: 0 }))];
    expect(judge(seen({ pods: past }), now)).not.toHaveProperty('lookMs');
  });

  test("whatever somebody else's container ended with after it", () => {
    const proxy = { name: 'proxy', state: { terminated: { exitCode: 1 } } };
    const pods = [succeeded(), ended({ exitCode: 0 })].map((status, rank) =>
      worker(rank, { phase: 'Failed', containerStatuses: [proxy, ...(status?.containerStatuses ?? [])] }),
    );
    const job = attemptJob(1, 'Failed');
    expect(judge(seen({ job, pods }), now)).toMatchObject({ kind: 'succeeded', result: { metrics: { n: 359 } } });
  });

  test.each([
    [
      'a torn result',
      [worker(0, ended({ exitCode: 0, message: '{"contract' })), worker(1, succeeded())],
      'ResultInvalid',
    ],
    ['no result', [worker(0, ended({ exitCode: 0 })), worker(1, succeeded())], 'ResultInvalid'],
    ['the pod of rank 0 is gone', [worker(1, succeeded())], 'ResultLost'],
  ])('is a failure with %s', (_, pods, reason) => {
    const verdict = judge(seen({ job: attemptJob(1, 'Complete'), pods }), now);
    expect(verdict).toMatchObject({ kind: 'failed', failure: { reason } });
  });
});

describe('an attempt that failed', () => {
  const leaving = { ...runningStatus, conditions: [{ type: 'DisruptionTarget', status: 'True' }] };
  const ending = (...end: Parameters<typeof reported>) => justEnded(reported(...end));
  const lostPeer = (index: number) => worker(index, reported('PeerLost', 75, ago(5)));
  test.each([
    ['the crash, though the echo ended first', [lostPeer(0), worker(1, reported('Crashed', 1, ago(1)))], 'Crashed'],
    [
      'the first of two crashes',
      [worker(0, reported('DataInvalid', 65, ago(1))), worker(1, reported('NonFiniteLoss', 70, ago(3)))],
      'NonFiniteLoss',
    ],
    ['the worker that was told to stop', [lostPeer(0), worker(1, reported('Interrupted', 143, ago(1)))], 'Interrupted'],
    ['a lost peer, where nobody knows better', [lostPeer(0), lostPeer(1)], 'PeerLost'],
    ['a worker that is gone without a word', [lostPeer(0)], 'WorkerLost'],
    ['a worker that never began', [lostPeer(0), worker(1, waitingFor('ErrImagePull'))], 'ImagePull'],
    ['a worker that is about to be evicted', [worker(0, runningStatus), worker(1, leaving)], 'Preempted'],
    ['an eviction, though the echo ended first', [lostPeer(0), worker(1, leaving)], 'Preempted'],
    ['what a worker said, before its pod is called failed', [worker(0, ending('DataInvalid', 65))], 'DataInvalid'],
    [
      'what a worker said, though the pod of its echo was called failed before',
      [lostPeer(0), worker(1, ending('NonFiniteLoss', 70))],
      'NonFiniteLoss',
    ],
    ['a crash beside a container that runs on', [worker(0, heldOpen({ exitCode: 1 })), pending(1)], 'Crashed'],
    ['a crash before an eviction', [worker(0, reported('Crashed', 1)), worker(1, leaving)], 'Crashed'],
  ])('is explained by %s', (_, pods, reason) => {
    expect(judge(seen({ pods }), now)).toMatchObject({ kind: 'failed', failure: { reason } });
  });

  test.each([
    ['may be tried again', [worker(0, ending('Crashed', 1))]],
    ['may have been told to end by an eviction', [worker(0, justEnded(ended({ exitCode: 70 })))]],
    ['may have been killed by an eviction', [worker(0, justEnded(ended({ exitCode: 137, reason: 'OOMKilled' })))]],
    [
      'may have been started in vain by an eviction',
      [worker(0, justEnded(ended({ exitCode: 128, reason: 'StartError' })))],
    ],
    [
      'came after one that may be tried again, beside which something runs on',
      [worker(0, besideProxy(reported('Crashed', 1, ago(3)))), worker(1, ending('DataInvalid', 65))],
    ],
    ['ended beside a container that may end, too', [worker(0, besideProxy(reported('DataInvalid', 65)))]],
    [
      'came after one that may be tried again',
      [worker(0, ending('Crashed', 1, ago(3))), worker(1, ending('DataInvalid', 65))],
    ],
  ])('waits for the phase of a pod whose worker %s', (_, pods) => {
    expect(judge(seen({ pods }), now).kind).not.toBe('failed');
  });

  test.each([
    ['its Job was deleted', undefined],
    ['its Job failed and left no pod', attemptJob(1, 'Failed')],
  ])('is lost when %s', (_, job) => {
    expect(judge(seen({ job }), now)).toMatchObject({
      kind: 'failed',
      failure: { reason: 'WorkerLost', weight: 'counted' },
    });
  });

  test.each([
    ['hangs', [worker(0, runningStatus), worker(1, runningStatus)], 'Hung'],
    ['hung while it failed by itself', [worker(0, runningStatus), worker(1, reported('Crashed', 1))], 'Crashed'],
  ])('%s', (_, pods, reason) => {
    const stall = { attempt: 1, message: 'no step', pod: 'p', rank: 1 };
    expect(judge(seen({ pods, stall }), now)).toMatchObject({
      kind: 'failed',
      failure: { reason, weight: 'counted', rank: 1 },
    });
  });

  test('names pod and exit code of the cause', () => {
    const pods = [worker(0, runningStatus), worker(1, reported('Crashed', 1))];
    const failure = {
      reason: 'Crashed',
      message: 'what happened',
      weight: 'counted',
      pod: `${teacherAttempt(1)}-1`,
      rank: 1,
      exitCode: 1,
    };
    expect(judge(seen({ pods }), now)).toEqual({ kind: 'failed', failure });
  });
});

describe('a worker that was to end and says nothing', () => {
  /** Its grace period ended so many seconds ago. */
  const leaving = (seconds: number, status = runningStatus) => {
    const pod = worker(1, status);
    const metadata = { ...pod.metadata, deletionTimestamp: ago(seconds) };
    return { ...pod, metadata, spec: { nodeName: 'one' } };
  };
  const [lostPeer, ending] = [worker(0, reported('PeerLost', 75, ago(200))), attemptJob(1, 'FailureTarget')];

  test.each([
    ['its peer has lost it', [lostPeer, leaving(60)], ending],
    ['its peer was done', [worker(0, ended({ exitCode: 0 })), leaving(60)], ending],
    ['its peer goes on, and so does the Job', [worker(0, runningStatus), leaving(60)], attemptJob(1)],
    ['it never began', [lostPeer, leaving(60, { phase: 'Pending' })], ending],
  ])('is lost, where %s', (_, pods, job) => {
    const where = `pod ${teacherAttempt(1)}-1 on node one was to end over a minute ago`;
    const message = `Attempt 1 disappeared: worker 1 is gone without a word: ${where}.`;
    const failure = { reason: 'WorkerLost', message, weight: 'counted' };
    expect(judge(seen({ job, pods }), now)).toEqual({ kind: 'failed', failure });
  });

  test.each([
    [-45, 0, 105_000],
    [59, 0, 1000],
    // Pods were not heard of since.
    [89, 30_000, 10_000],
  ])('is waited for when it was to end %i s ago and pods were heard of %i ms ago', (seconds, podsSilentMs, lookMs) => {
    const message = 'A worker is lost; looking for the cause.';
    const verdict = judge(seen({ job: ending, pods: [lostPeer, leaving(seconds)], podsSilentMs }), now);
    expect(verdict).toEqual({ kind: 'running', message, lookMs });
  });

  test('is no cause where somebody knows a better one', () => {
    const told = worker(0, reported('Interrupted', 143));
    const word = leaving(60, besideProxy(reported('Crashed', 1)));
    const reasons = [
      [told, leaving(60)],
      [lostPeer, word],
    ].map((pods) => judge(seen({ job: ending, pods }), now));
    expect(reasons).toMatchObject([{ failure: { reason: 'Interrupted' } }, { failure: { reason: 'Crashed' } }]);
  });
});

test('a Job is over as soon as its controller has decided to end it', () => {
  const decided = ['Failed', 'FailureTarget', 'Complete', 'SuccessCriteriaMet'].map((type) =>
    jobIsOver(attemptJob(1, type)),
  );
  expect([...decided, jobIsOver(attemptJob(1))]).toEqual([true, true, true, true, false]);
});

describe('a Job that has ended before its pods are seen', () => {
  const endedJob = (type: string, secondsAgo: number): AttemptSeen['job'] => ({
    ...attemptJob(1),
    status: { conditions: [{ type, status: 'True', lastTransitionTime: ago(secondsAgo) }] },
  });

  const awaySeconds = longestAwayMs / 1000;

  test.each([
    ['Complete', awaySeconds - 1, [], { kind: 'running', lookMs: 10_000 }],
    ['Complete', awaySeconds + 1, [], { kind: 'failed', failure: { reason: 'ResultLost' } }],
    ['Complete', 5, [worker(0, succeeded())], { kind: 'succeeded' }],
    ['Failed', 5, [], { kind: 'running', lookMs: 10_000 }],
    ['FailureTarget', 5, [], { kind: 'running', lookMs: 10_000 }],
    ['Failed', awaySeconds + 1, [], { kind: 'failed', failure: { reason: 'WorkerLost' } }],
    ['Failed', 5, [worker(0, ended({ exitCode: 0 }))], { kind: 'running', lookMs: 10_000 }],
  ] as const)('%s %i s ago, %j', (type, secondsAgo, pods, verdict) => {
    expect(judge(seen({ job: endedJob(type, secondsAgo), pods }), now)).toMatchObject(verdict);
  });

  test('is not judged before pods are heard of again, however late that is', () => {
    const job = endedJob('Complete', 10 * awaySeconds);
    const silentFor = (seconds: number): string => judge(seen({ job, podsSilentMs: seconds * 1000 }), now).kind;
    expect([silentFor(9 * awaySeconds + 1), silentFor(9 * awaySeconds - 1)]).toEqual(['running', 'failed']);
  });
});
