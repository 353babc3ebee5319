import { describe, expect, test } from '@jest/globals';
import { failureReasons } from '../../../operator/api/trainer-contract.ts';
import { byEnd, failureOf, isEcho, rankOf } from '../../../operator/workloads/failure.ts';
import { judge } from '../../../operator/workloads/verdict.ts';
import {
  ago,
  attemptJob,
  ended,
  justEnded,
  now,
  onGpu,
  reported,
  runningStatus,
  teacherAttempt,
  worker,
} from '../../support/runs.ts';

const of = (status: Parameters<typeof worker>[1]) => failureOf(worker(0, status));

describe('what a failed pod says', () => {
  test.each([
    ['ConfigInvalid', 'permanent'],
    ['OutOfMemory', 'permanent'],
    ['DataMissing', 'waiting'],
    ['DataInvalid', 'permanent'],
    ['TeacherMissing', 'waiting'],
    ['TeacherMismatch', 'permanent'],
    ['NonFiniteLoss', 'permanent'],
    ['ParityBroken', 'permanent'],
    ['StoreUnavailable', 'counted'],
    ['PeerLost', 'counted'],
    ['Interrupted', 'counted'],
    ['Crashed', 'counted'],
  ])('%s is %s', (reason, weight) => {
    expect(of(reported(reason, 1))).toMatchObject({ reason, weight, message: 'what happened' });
  });

  test('covers every reason of the contract', () => {
    expect(failureReasons.map((reason) => of(reported(reason, 1)).reason)).toEqual([...failureReasons]);
  });

  test.each([
    [66, 'InputMissing', 'waiting'],
    [75, 'PeerLost', 'counted'],
    [143, 'Interrupted', 'counted'],
    [64, 'PermanentExit', 'permanent'],
    [78, 'PermanentExit', 'permanent'],
    [63, 'Crashed', 'counted'],
    [79, 'Crashed', 'counted'],
    [137, 'Crashed', 'counted'],
    [1, 'Crashed', 'counted'],
  ])('without a result exit code %i is %s', (exitCode, reason, weight) => {
    const failure = of(ended({ exitCode, message: 'Traceback\nValueError: no\n' }));
    const message = 'ValueError: no';
    const who = { pod: `${teacherAttempt(1)}-0`, rank: 0, exitCode };
    expect(failure).toEqual({ reason, weight, message, ...who, lastLogLine: message });
  });

  test('says so when it said nothing', () => {
    expect(of(ended({ exitCode: 1 })).message).toBe('The trainer ended with exit code 1 and said nothing.');
  });
});

describe('what the kubelet knows comes first', () => {
  test('a pod that ran out of memory', () => {
    const message = 'epoch 3\nloading the rest\n';
    expect(of(ended({ exitCode: 137, reason: 'OOMKilled', message }))).toMatchObject({
      reason: 'OutOfMemory',
      weight: 'permanent',
      lastLogLine: 'loading the rest',
    });
  });

  test('a program that is not in the image', () => {
    const failure = of(ended({ exitCode: 128, reason: 'StartError', message: 'exec: "python3": not found' }));
    expect(failure).toMatchObject({
      reason: 'CannotStart',
      weight: 'permanent',
      message: 'exec: "python3": not found',
    });
  });

  test('a hook of its node that fails is no fault of the program', () => {
    const message = 'error running prestart hook #0: nvidia-container-cli: initialization error: driver mismatch';
    const failure = of(ended({ exitCode: 128, reason: 'StartError', message }));
    expect(failure).toMatchObject({ reason: 'CannotStart', weight: 'waiting', message });
  });

  test.each([
    [
      'preempted',
      {
        ...reported('Interrupted', 143),
        conditions: [{ type: 'DisruptionTarget', status: 'True', message: 'preempting' }],
      },
    ],
    ['on a node that was shut down', { phase: 'Failed' as const, reason: 'Terminated', message: 'preempting' }],
  ])('a pod that was %s costs no attempt', (_, status) => {
    expect(of(status)).toEqual({
      reason: 'Preempted',
      weight: 'free',
      message: 'preempting',
      pod: `${teacherAttempt(1)}-0`,
      rank: 0,
    });
  });

  test.each([
    ['a node without disk', { conditions: [{ type: 'DisruptionTarget', status: 'True', message: 'by the kubelet' }] }],
    ['its own limit of disk', reported('Interrupted', 137)],
  ])('a pod that was ended for %s counts, and says what to do', (_, status) => {
    // The kubelet's own end with a blank.
    const message = 'The node was low on resource: ephemeral-storage. ';
    expect(of({ ...status, phase: 'Failed', reason: 'Evicted', message })).toMatchObject({
      reason: 'Evicted',
      weight: 'counted',
      message: expect.stringMatching(
        /^The node was low on resource: ephemeral-storage\. \S.*placement\.resources\.requests/,
      ),
    });
  });

  test.each(['UnexpectedAdmissionError', 'OutOfcpu', 'OutOfnvidia.com/gpu', 'NodeAffinity', 'TopologyAffinityError'])(
    'a pod that its node refused (%s) has cost nothing, and is tried again more and more seldom',
    (reason) => {
      expect(of({ phase: 'Failed', reason, message: 'no device' })).toMatchObject({
        reason: 'NotAdmitted',
        weight: 'waiting',
        message: 'no device',
      });
    },
  );

  test('a pod that failed before its container ran', () => {
    expect(of({ phase: 'Failed', reason: 'Whatever', message: 'gone' })).toMatchObject({
      reason: 'WorkerLost',
      message: 'gone',
    });
  });
});

test('only a lost peer and an interruption are echoes', () => {
  expect(failureReasons.filter((reason) => isEcho({ reason, message: '', weight: 'counted' }))).toEqual([
    'PeerLost',
    'Interrupted',
  ]);
});

describe('an abort (exit code 134) on a GPU, by which NCCL ends who has lost its peer', () => {
  type Worker = readonly [Parameters<typeof worker>[1], 'cpu'?];
  const abort = (secondsAgo: number) => ended({ exitCode: 134, finishedAt: ago(secondsAgo), message: 'terminate' });
  const exit = (exitCode: number, secondsAgo: number) => ended({ exitCode, finishedAt: ago(secondsAgo) });
  const aborted: Worker = [abort(5)];
  const lostPeer: Worker = [reported('PeerLost', 75, ago(5))];
  const said = reported('Crashed', 134, ago(5));
  const evicted = { phase: 'Failed' as const, reason: 'Evicted', message: 'no disk' };

  const verdictOf = (workers: readonly Worker[], expected = workers.length) => {
    const pods = workers.map(([status, where], rank) =>
      where === 'cpu' ? worker(rank, status) : onGpu(worker(rank, status)),
    );
    return judge({ number: 1, job: attemptJob(1, 'Failed'), pods, workers: expected, nodes: [], podsSilentMs: 0 }, now);
  };

  test.each<[string, readonly Worker[], string, number]>([
    ['the one that was killed later in its second', [aborted, [exit(137, 5)]], 'Crashed', 1],
    ['the one that was killed, though seen to end later', [aborted, [exit(137, 3)]], 'Crashed', 1],
    ['the one that had no memory left', [aborted, [{ ...reported('OutOfMemory', 71, ago(4)) }]], 'OutOfMemory', 1],
    ['the one that was evicted', [aborted, [evicted]], 'Evicted', 1],
    ['the one that was told to stop in the same second', [aborted, [exit(143, 5)]], 'Interrupted', 1],
    ['the one that was told to stop before', [aborted, [exit(143, 9)]], 'Interrupted', 1],
    ['itself, where others were told to stop after it', [[exit(143, 3)], aborted], 'Crashed', 1],
    ['itself, where others have only lost it', [lostPeer, aborted], 'Crashed', 1],
    ['the first of several, where nobody knows better', [[abort(3)], aborted], 'Crashed', 1],
    ['itself, where it is the only worker', [aborted], 'Crashed', 0],
    ['itself, where it has said why', [[said], [exit(1, 5)]], 'Crashed', 0],
    [
      'itself without a GPU, where nobody speaks by NCCL',
      [
        [abort(5), 'cpu'],
        [exit(1, 5), 'cpu'],
      ],
      'Crashed',
      0,
    ],
  ])('names as the cause %s', (_, workers, reason, rank) => {
    expect(verdictOf(workers)).toMatchObject({ kind: 'failed', failure: { reason, rank } });
  });

  test('does not hold back what another one says for good before its pod is called failed', () => {
    const invalid: Worker = [justEnded(reported('DataInvalid', 65, ago(5)))];
    expect(verdictOf([aborted, invalid])).toMatchObject({ kind: 'failed', failure: { reason: 'DataInvalid' } });
  });

  test('waits for the others, and names the one that is gone without a word', () => {
    expect(verdictOf([aborted, [runningStatus]])).toMatchObject({ kind: 'running' });
    const message = 'Attempt 1 disappeared: worker 1 is gone without a word.';
    expect(verdictOf([aborted], 2)).toMatchObject({ failure: { reason: 'WorkerLost', message } });
  });
});

test('of two that ended in the same second the one that failed by itself is the cause, whichever rank it has', () => {
  const pods = [reported('PeerLost', 75), reported('Interrupted', 143), reported('StoreUnavailable', 75)];
  const ranks = (order: readonly number[]) =>
    order
      .map((of, rank) => worker(rank, pods[of]))
      .sort(byEnd)
      .map((pod) => failureOf(pod).reason);
  const ordered = ['StoreUnavailable', 'Interrupted', 'PeerLost'];
  expect([ranks([0, 1, 2]), ranks([2, 1, 0]), ranks([1, 2, 0])]).toEqual([ordered, ordered, ordered]);
  expect([worker(1, pods[0]), worker(0, pods[0])].sort(byEnd).map(rankOf)).toEqual([0, 1]);
});
