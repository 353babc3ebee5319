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
/** Behind an init container that somebody else has put into the pod. */
const behind = (name: string, status: Partial<ContainerStatus>, own: Partial<ContainerStatus> = {}): Pod['status'] => ({
  phase: 'Pending',
  containerStatuses: [{ name: 'server', state: { waiting: { reason: 'PodInitializing' } }, ...own }],
  initContainerStatuses: [{ name, ...status }],
});
const gatedStatus: Pod['status'] = {
  phase: 'Pending',
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message: 'Scheduling is blocked' }],
};
const exempt = 'or exempt pods with the label limbeck.dev/root from what puts it there';

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
  [
    'a native sidecar without an image',
    behind('istio-proxy', { state: { waiting: { reason: 'ErrImagePull', message: 'not found' } } }),
    `ImagePull: pod a: its init container istio-proxy, which is not ours, waits: ErrImagePull: not found; see that its image can be had, ${exempt}`,
  ],
  [
    'an init container that fails, and not that the server ran once before its node began anew',
    behind(
      'vault',
      {
        restartCount: 1,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: ended(1, { message: 'sealed' }),
      },
      { restartCount: 1, lastState: ended(255) },
    ),
    `CannotStart: pod a: its init container vault, which is not ours, ended with exit code 1: sealed; mend what it lacks (kubectl logs a -n default -c vault), ${exempt}`,
  ],
  [
    'a scheduling gate',
    gatedStatus,
    'Unschedulable: pod a: Scheduling is blocked; whoever has set its gates has to lift them (kubectl get pod a -n default -o jsonpath={.spec.schedulingGates})',
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
  ['a pod behind an init container that runs', behind('vault', { state: { running: {} } })],
  [
    'a server beside a native sidecar that runs again',
    behind(
      'istio-proxy',
      { ready: true, restartCount: 9, state: { running: {} }, lastState: ended(1) },
      { state: { running: {} } },
    ),
  ],
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

test('an init container that failed three times has a remedy, so that nobody waits for it', () => {
  const failing = (restartCount: number) =>
    pod('a', 'r', behind('vault', { restartCount, state: { waiting: { reason: 'CrashLoopBackOff' } } }));
  const remedies = [2, 3].map((restartCount) => troubleOf([failing(restartCount)], () => undefined)?.remedy);
  expect(remedies).toEqual([undefined, expect.stringContaining('kubectl logs a -n default -c vault')]);
});

test('a pod on its way out is neither present nor ready', () => {
  const one = pod('a', 'r', readyStatus);
  const leaving = { ...one, metadata: { ...one.metadata, deletionTimestamp: '2026-11-24T12:00:00Z' } };
  expect([isPresent(one), isReady(one), isPresent(leaving), isReady(leaving)]).toEqual([true, true, false, false]);
  const scheduling = [readyStatus, noRoomStatus, gatedStatus].map((status) => isUnschedulable(pod('b', 'r', status)));
  // No former revision gives way to a gate: it would not help.
  expect(scheduling).toEqual([false, true, false]);
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
