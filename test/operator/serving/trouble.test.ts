import { describe, expect, test } from '@jest/globals';
import type { ContainerStatus, Deployment, Pod } from '../../../operator/api/kubernetes.ts';
import { isPresent, isReady, isUnschedulable, troubleOf, troubleOfMaking } from '../../../operator/serving/trouble.ts';
import { noRoomStatus, pod, readyStatus } from './support.ts';

const container = (status: Partial<ContainerStatus>): Pod['status'] => ({
  phase: 'Running',
  containerStatuses: [{ name: 'server', ...status }],
});
const waiting = (reason: string, message: string) => container({ state: { waiting: { reason, message } } });
const ended = (exitCode: number, more: object = {}) => ({ terminated: { exitCode, ...more } });
const words = 'first line\nError: no such library\n';

test.each<[string, Pod['status'], string]>([
  ['no room', noRoomStatus, 'Unschedulable: pod a: 0/1 nodes'],
  ['no image', waiting('ErrImagePull', 'not found'), 'ImagePull: pod a: ErrImagePull: not found'],
  [
    'no Secret',
    waiting('CreateContainerConfigError', 'no secret'),
    'ConfigMissing: pod a: CreateContainerConfigError: no secret',
  ],
  ['no command', waiting('RunContainerError', 'no node'), 'CannotStart: pod a: RunContainerError: no node'],
  [
    'a crash',
    container({ state: ended(1, { message: words }) }),
    'CrashLooping: pod a: the server ended with exit code 1: Error: no such library',
  ],
  [
    'the wait for the next crash',
    container({ state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: ended(1, { message: words }) }),
    'CrashLooping: pod a: the server ended with exit code 1: Error: no such library',
  ],
  [
    'too little memory',
    container({ state: { running: {} }, lastState: ended(137, { reason: 'OOMKilled' }) }),
    'OutOfMemory: pod a: the server ended with exit code 137 (its memory limit was reached)',
  ],
])('%s is a trouble', (_, status, expected) => {
  const trouble = troubleOf([pod('a', 'r', status)], () => undefined);
  expect(`${trouble?.reason ?? ''}: ${trouble?.message ?? ''}`).toBe(expected);
});

test.each<[string, Pod['status']]>([
  ['a pod that is not scheduled yet', { phase: 'Pending' }],
  ['a container that is being made', waiting('ContainerCreating', '')],
  ['a server that loads', container({ state: { running: {} } })],
  ['a ready pod that crashed once', { ...readyStatus, containerStatuses: [{ name: 's', lastState: ended(1) }] }],
  ['an evicted pod', { phase: 'Failed', reason: 'Evicted' }],
])('%s is none', (_, status) => {
  expect(troubleOf([pod('a', 'r', status)], () => undefined)).toBeUndefined();
});

test('what the server says of its model is the worst, and the first pod of equals speaks', () => {
  const failing = (name: string) => pod(name, 'r', container({ state: { running: {} } }));
  const pods = [pod('a', 'r', noRoomStatus), failing('c'), failing('b')];
  const said = troubleOf(pods, ({ metadata }) =>
    metadata.name === 'a' ? undefined : { reason: 'DigestMismatch', message: 'expected a, found b' },
  );
  expect(said).toEqual({
    ...{ reason: 'LoadFailed', message: 'pod b: DigestMismatch: expected a, found b' },
    remedy: expect.stringContaining('digest'),
  });
});

test('a reason that only every object knows has no remedy', () => {
  const failing = pod('a', 'r', container({ state: { running: {} } }));
  const said = troubleOf([failing], () => ({ reason: 'constructor', message: 'why' }));
  expect(said).toEqual({ reason: 'LoadFailed', message: 'pod a: constructor: why' });
});

test('an artefact that is not in the store has a reason of its own, since it is waited for', () => {
  const said = troubleOf([pod('a', 'r', container({ state: { running: {} } }))], () => ({
    reason: 'ArtefactMissing',
    message: 's3://limbeck/m is not in the store',
  }));
  expect(said).toEqual({ reason: 'ArtefactMissing', message: 'pod a: s3://limbeck/m is not in the store' });
});

test('a pod on its way out is neither present nor ready', () => {
  const one = pod('a', 'r', readyStatus);
  const leaving = { ...one, metadata: { ...one.metadata, deletionTimestamp: '2026-11-24T12:00:00Z' } };
  expect([isPresent(one), isReady(one), isPresent(leaving), isReady(leaving)]).toEqual([true, true, false, false]);
  expect([isUnschedulable(one), isUnschedulable(pod('b', 'r', noRoomStatus))]).toEqual([false, true]);
});

describe('pods that are not even made', () => {
  const failing = (status: 'True' | 'False', message: string): Deployment => ({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'digits' } },
    status: { conditions: [{ type: 'ReplicaFailure', status, reason: 'FailedCreate', message }] },
  });

  test.each([
    ['pods "digits-7d9-x2x4z" is forbidden: exceeded quota: few, requested: pods=1', 'forbidden: exceeded quota: few'],
    ['pods "digits-7d9-" is forbidden: no PriorityClass with name high was found', 'forbidden: no PriorityClass'],
    ['admission webhook "policy" denied the request', 'admission webhook "policy" denied'],
  ])('say why, without a name that was never used: %s', (words, expected) => {
    const { reason, message = '' } = troubleOfMaking(failing('True', words)) ?? {};
    expect([reason, message.startsWith(`no pod is made: ${expected}`)]).toEqual(['NoPods', true]);
  });

  test('are none while the Deployment does not complain', () => {
    expect([troubleOfMaking(undefined), troubleOfMaking(failing('False', ''))]).toEqual([undefined, undefined]);
  });
});
