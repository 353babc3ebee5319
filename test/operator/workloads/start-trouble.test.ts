import { expect, test } from '@jest/globals';
import type { ContainerStatus } from '../../../operator/api/kubernetes.ts';
import { lackAmong, startPatienceMs, startTrouble, troubledSince } from '../../../operator/workloads/start-trouble.ts';
import { ago, now, reported, runningStatus, teacherAttempt, waitingFor, worker } from '../../support/runs.ts';

const patienceSeconds = startPatienceMs / 1000;
/** At a first sight of trouble, or where it has been told of for so long. */
const told = (seconds?: number) => ({ since: seconds === undefined ? undefined : ago(seconds), now });
const unschedulable = {
  phase: 'Pending' as const,
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' }],
};
/** One that its kubelet took up so many seconds ago. */
const takenUp = (seconds: number, word = 'ErrImagePull') => worker(1, { ...waitingFor(word), startTime: ago(seconds) });

test.each([
  ['ImagePullBackOff', 'ImagePull'],
  ['ErrImagePull', 'ImagePull'],
  ['ErrImageNeverPull', 'ImagePull'],
  ['ImageInspectError', 'ImagePull'],
  ['CreateContainerConfigError', 'ConfigMissing'],
  ['CreateContainerError', 'CannotStart'],
])('%s is borne with for a while, then the attempt ends, and what is lacking is looked for again', (word, reason) => {
  const pods = [worker(0, runningStatus), takenUp(3600, word)];
  const pod = `${teacherAttempt(1)}-1`;
  const message = `${word}: why`;
  expect(startTrouble(pods, told())).toEqual({
    ...{ kind: 'hopeful', reason, message: `${pod}: ${message}` },
    patienceMs: startPatienceMs,
  });
  expect(startTrouble(pods, told(patienceSeconds))).toEqual({
    ...{ kind: 'over', failure: { reason, message, weight: 'waiting', pod } },
  });
});

test.each([
  ['however long the first pull took', 3600, undefined, startPatienceMs],
  ['from when it is told', 3600, 50, startPatienceMs - 50_000],
  ['from when this pod was taken up, where it is told of an earlier one', 30, 3600, startPatienceMs - 30_000],
  ['from now, where its time is still to come', 3600, -3600, startPatienceMs],
])('patience counts %s', (_, podSeconds, toldSeconds, patienceMs) => {
  expect(startTrouble([takenUp(podSeconds)], told(toldSeconds))).toMatchObject({ kind: 'hopeful', patienceMs });
});

test('a name that is no image ends the job at once', () => {
  const failure = { reason: 'CannotStart', weight: 'permanent' };
  expect(startTrouble([worker(0, waitingFor('InvalidImageName'))], told())).toMatchObject({ kind: 'over', failure });
});

const crun = 'container create failed: executable file `python3` not found in $PATH: No such file or directory';
const runc =
  'container create failed: time="2026" level=error msg="runc create failed: unable to start container process: exec:';

test.each([
  ['a command that is not in the image, of crun', crun, 'permanent'],
  ['a path that is not in the image, of crun', 'executable file `/app/run` not found: No such file', 'permanent'],
  [
    'a command that is not in the image, of runc',
    `${runc} "python3": executable file not found in $PATH"`,
    'permanent',
  ],
  ['a path that is not in the image', `${runc} "/app/run": stat /app/run: no such file or directory"`, 'permanent'],
  ['a file that cannot be run', `${runc} "/app/run": permission denied"`, 'permanent'],
  [
    'a hook that the node lacks',
    'error running hook #0: exec: "nvidia": executable file not found in $PATH',
    'waiting',
  ],
  ['a name that is still taken', 'name "k8s_trainer_a" is reserved for "b"', 'waiting'],
])('a container that CRI-O cannot make for want of %s', (_, message, weight) => {
  const pod = worker(0, { ...waitingFor('CreateContainerError', message), startTime: ago(3600) });
  const failure = { reason: 'CannotStart', weight };
  expect(startTrouble([pod], told(3600))).toMatchObject({ kind: 'over', failure });
  expect(startTrouble([pod], told())?.kind).toBe(weight === 'permanent' ? 'over' : 'hopeful');
});

test('a full cluster is waited for without end', () => {
  const trouble = startTrouble([worker(0, unschedulable)], told(3600));
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
  expect(startTrouble([pod], told(3600))).toEqual({
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
  expect(startTrouble(pods, told(3600))).toBeUndefined();
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
  expect(startTrouble([creating], told(3600))).toEqual({ kind: 'hopeful', reason: 'ImagePull', message });
  expect(startTrouble([podWhere({ running: {} })], told(3600))).toBeUndefined();
  expect(startTrouble([podWhere({ waiting: { reason: 'ErrImagePull' } })], told(3600))).toHaveProperty('patienceMs');
});

test('what peers that gave up have waited for in vain is what the first that does not start lacks', () => {
  const pods = [worker(0, reported('PeerLost', 75)), takenUp(5), worker(2, waitingFor('CreateContainerConfigError'))];
  expect(lackAmong(pods)).toMatchObject({ reason: 'ImagePull', weight: 'waiting', pod: `${teacherAttempt(1)}-1` });
  expect(lackAmong([worker(0, runningStatus), worker(1, unschedulable)])).toBeUndefined();
});

test('a worker without an image is told of before one that waits for room, and its time runs', () => {
  const pods = [worker(0, unschedulable), takenUp(3600)];
  expect(startTrouble(pods, told())).toMatchObject({ reason: 'ImagePull', patienceMs: startPatienceMs });
  expect(startTrouble(pods, told(patienceSeconds))).toMatchObject({ kind: 'over', failure: { reason: 'ImagePull' } });
});

test('a pod for which the attempt ends counts before one that is waited for', () => {
  const pods = [worker(0, unschedulable), worker(1, waitingFor('InvalidImageName'))];
  expect(startTrouble(pods, told())?.kind).toBe('over');
});

test.each([
  ['it tells', 'False', 'ImagePull', ago(7)],
  ['it tells of something else', 'False', 'Suspended', undefined],
  ['another release told while it was true', 'True', 'ImagePull', undefined],
] as const)('how long a run has had such trouble is known by its condition, where %s', (_, status, reason, since) => {
  const others = { status: 'False', reason: 'ImagePull', message: 'm', lastTransitionTime: ago(99) } as const;
  const progressing = { type: 'Progressing', status, reason, message: 'm', lastTransitionTime: ago(7) };
  expect(troubledSince([{ ...others, type: 'Accepted' }, progressing])).toBe(since);
  expect(troubledSince(undefined)).toBeUndefined();
});
