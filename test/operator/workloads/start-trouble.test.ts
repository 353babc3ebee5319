import { expect, test } from '@jest/globals';
import type { ContainerStatus } from '../../../operator/api/kubernetes.ts';
import { startPatienceMs, startTrouble } from '../../../operator/workloads/start-trouble.ts';
import { now, runningStatus, teacherAttempt, waitingFor, worker } from '../../support/runs.ts';

const late = new Date(now.getTime() + startPatienceMs);
const unschedulable = {
  phase: 'Pending' as const,
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' }],
};

test.each([
  ['ImagePullBackOff', 'ImagePull'],
  ['ErrImagePull', 'ImagePull'],
  ['CreateContainerConfigError', 'ConfigMissing'],
  ['CreateContainerError', 'CannotStart'],
])('%s is borne with for a while, then it ends the job', (word, reason) => {
  const pods = [worker(0, runningStatus), worker(1, waitingFor(word))];
  expect(startTrouble(pods, now)).toEqual({
    ...{ kind: 'hopeful', reason, message: `${teacherAttempt(1)}-1: ${word}: why` },
    patienceMs: 60_000,
  });
  expect(startTrouble(pods, late)).toMatchObject({
    kind: 'hopeless',
    failure: { reason: 'CannotStart', message: `${word}: why`, pod: `${teacherAttempt(1)}-1` },
  });
});

test('a name that is no image ends the job at once', () => {
  expect(startTrouble([worker(0, waitingFor('InvalidImageName'))], now)?.kind).toBe('hopeless');
});

test('a full cluster is waited for without end', () => {
  const trouble = startTrouble([worker(0, unschedulable)], late);
  expect(trouble).toEqual({
    kind: 'hopeful',
    reason: 'Unschedulable',
    message: `${teacherAttempt(1)}-0: 0/1 nodes are available`,
  });
});

test('a claim that does not exist is data that is missing', () => {
  const [condition] = unschedulable.conditions;
  const message = '0/1 nodes are available: persistentvolumeclaim "digits" not found. not found';
  const pod = worker(0, { ...unschedulable, conditions: [{ ...condition!, message }] });
  expect(startTrouble([pod], late)).toEqual({
    ...{ kind: 'hopeful', reason: 'DataMissing' },
    message: "There is no PersistentVolumeClaim 'digits' in this namespace; training starts by itself once there is.",
  });
});

test.each([
  [[]],
  [[worker(0, runningStatus)]],
  [[worker(0, waitingFor('ContainerCreating'))]],
  [[worker(0, waitingFor('constructor'))]],
])('nothing is wrong', (pods) => {
  expect(startTrouble(pods, late)).toBeUndefined();
});

test('a container of somebody else is named as long as the worker has not begun, and never without hope', () => {
  const state = { waiting: { reason: 'InvalidImageName', message: 'no such proxy' } };
  const podWhere = (ours: NonNullable<ContainerStatus['state']>) =>
    worker(0, {
      phase: 'Pending',
      containerStatuses: [
        { name: 'proxy', state },
        { name: 'trainer', state: ours },
      ],
    });
  const message = `${podWhere({}).metadata.name}: its container proxy, which is not ours, waits: InvalidImageName: no such proxy`;
  const creating = podWhere({ waiting: { reason: 'ContainerCreating' } });
  expect(startTrouble([creating], late)).toEqual({ kind: 'hopeful', reason: 'ImagePull', message });
  expect(startTrouble([podWhere({ running: {} })], late)).toBeUndefined();
  expect(startTrouble([podWhere({ waiting: { reason: 'ErrImagePull' } })], late)?.kind).toBe('hopeless');
});

test('patience begins with the kubelet, not with the wait for a node', () => {
  const pod = worker(0, { ...waitingFor('ErrImagePull'), startTime: now.toISOString() });
  expect(startTrouble([pod], new Date(late.getTime() - 1))).toMatchObject({ kind: 'hopeful', patienceMs: 1 });
  expect(startTrouble([pod], late)?.kind).toBe('hopeless');
});

test('a pod that cannot start counts before one that may', () => {
  const pods = [worker(0, unschedulable), worker(1, waitingFor('InvalidImageName'))];
  expect(startTrouble(pods, now)?.kind).toBe('hopeless');
});
