import { describe, expect, test } from '@jest/globals';
import { failureReasons } from '../../../operator/api/trainer-contract.ts';
import { failureOf, isEcho, lastLine } from '../../../operator/workloads/failure.ts';
import { ended, reported, teacherAttempt, worker } from '../../support/runs.ts';

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
    const message = 'The node was low on resource: ephemeral-storage.';
    expect(of({ ...status, phase: 'Failed', reason: 'Evicted', message })).toMatchObject({
      reason: 'Evicted',
      weight: 'counted',
      message: expect.stringMatching(
        /^The node was low on resource: ephemeral-storage\. .*placement\.resources\.requests/,
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

test.each([
  ['', ''],
  ['one', 'one'],
  ['one\ntwo\n\n', 'two'],
])('the last line of %j is %j', (text, line) => {
  expect(lastLine(text)).toBe(line);
});
