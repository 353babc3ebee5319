/** Jobs that wait for quota in a real Kueue, which knows nothing of Limbeck, nor Limbeck of it but its label. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { TrainingJobStatus } from '../../operator/api/generated.ts';
import { Kubectl, type Pod } from '../../demo/kubectl.ts';
import { openLab, untilCondition, type Lab } from '../e2e/lab.ts';
import { recordPods, type PodRecord } from '../e2e/pod-record.ts';
import { eventually } from '../support/eventually.ts';
import { distillationOf, queued, reasonOf, statusOf, trainingOf } from './jobs.ts';
import { install, kueueNamespace } from './kueue.ts';
import { clusterQueue, kubectl, namespace, nodeLabel, queues, urgent } from './world.ts';

jest.setTimeout(600_000);

const succeeded = ({ phase }: TrainingJobStatus): boolean => phase === 'Succeeded';
const waits = (status: TrainingJobStatus): boolean =>
  status.phase === 'Queued' && reasonOf(status, 'Progressing') === 'Queued';
/** It trains, and this attempt has a checkpoint of its own. */
const underWay =
  (attempt: number) =>
  ({ phase, attemptCount, checkpoint }: TrainingJobStatus): boolean =>
    phase === 'Running' && attemptCount === attempt && checkpoint?.uri.includes(`/a${attempt}/`) === true;

const outcomesOf = ({ attempts }: TrainingJobStatus): readonly unknown[] =>
  attempts?.map(({ outcome }) => outcome) ?? [];

/** Names of what there is of a kind. */
const names = async (kind: string): Promise<readonly string[]> =>
  (await kubectl.run(['get', kind, '--output=name'])).split('\n').filter((name) => name !== '');

let record: PodRecord;
let lab: Lab;
let early: TrainingJobStatus = {};

beforeAll(async () => {
  record = recordPods(namespace);
  await kubectl.applyObject(trainingOf('early', 5));
  await untilCondition(kubectl, ['tj', 'early'], ['Accepted', 'Unknown', 'QueueMissing']);
  lab = await openLab();
  await install(new Kubectl(kueueNamespace), lab.images.operator);
  for (const object of queues) await kubectl.applyObject(object);
  early = await statusOf(['tj', 'early'], 'succeeding', succeeded);
});

afterAll(() => {
  record.stop();
  lab.gateway.close();
});

test('a job that names a queue waits on a cluster without Kueue, and goes on when there is one', () => {
  expect(outcomesOf(early)).toEqual(['Succeeded']);
  expect(early.attempts?.[0]?.admittedAt).toBeDefined();
});

describe('with quota for one job', () => {
  test('the second one waits until the first one is over, and its waiting does not count', async () => {
    await kubectl.applyObject(trainingOf('first', 150));
    await statusOf(['tj', 'first'], 'training', underWay(1));
    await kubectl.applyObject(trainingOf('second', 5));
    await statusOf(['tj', 'second'], 'waiting in the queue', waits);
    expect(await kubectl.list<Pod>('pods', 'limbeck.dev/training-job=second')).toEqual([]);
    const [first, second] = await Promise.all(
      ['first', 'second'].map((name) => statusOf(['tj', name], 'succeeding', succeeded)),
    );
    expect([first, second].map((status) => outcomesOf(status ?? {}))).toEqual([['Succeeded'], ['Succeeded']]);
    const [ended = '', admitted = ''] = [first?.attempts?.[0]?.endedAt, second?.attempts?.[0]?.admittedAt];
    expect(Date.parse(admitted)).toBeGreaterThanOrEqual(Date.parse(ended));
  });

  test('pods run where the flavor of the quota says', async () => {
    const path = `{.items[*].spec.nodeSelector.${nodeLabel.replaceAll('.', '\\.')}}`;
    const selector = '--selector=limbeck.dev/training-job=second';
    expect(await kubectl.run(['get', 'pods', selector, `--output=jsonpath=${path}`])).toBe('linux linux');
  });

  test('a more urgent one takes the place of another, which goes on from its checkpoint', async () => {
    await kubectl.applyObject(trainingOf('patient', 300));
    await statusOf(['tj', 'patient'], 'training', underWay(1));
    await kubectl.applyObject(trainingOf('urgent', 5, queued({ priorityClassName: urgent })));
    await statusOf(['tj', 'patient'], 'waiting again', (status) => waits(status) && status.attemptCount === 2);
    const [hurried, patient] = await Promise.all(
      ['urgent', 'patient'].map((name) => statusOf(['tj', name], 'succeeding', succeeded)),
    );
    expect(outcomesOf(hurried ?? {})).toEqual(['Succeeded']);
    expect(outcomesOf(patient ?? {})).toEqual(['Preempted', 'Succeeded']);
    expect(patient?.attempts?.[1]?.resumedFromStep).toBeGreaterThan(0);
  });

  test('a queue that is drained takes its admission back, and a suspended job asks no queue', async () => {
    await kubectl.applyObject(trainingOf('drained', 300));
    await statusOf(['tj', 'drained'], 'training', underWay(1));
    await kubectl.applyObject(clusterQueue('HoldAndDrain'));
    await statusOf(['tj', 'drained'], 'waiting again', (status) => waits(status) && status.attemptCount === 2);
    await suspend('drained', true);
    await statusOf(['tj', 'drained'], 'being suspended', ({ phase }) => phase === 'Suspended');
    await eventually('no Job of it asking for quota', async () => {
      return !(await names('jobs,workloads')).some((name) => name.includes('drained'));
    });
    await kubectl.applyObject(clusterQueue('None'));
    await suspend('drained', false);
    const drained = await statusOf(['tj', 'drained'], 'succeeding', succeeded);
    expect(outcomesOf(drained)).toEqual(['Preempted', 'Suspended', 'Succeeded']);
    expect(drained.attempts?.[2]?.resumedFromStep).toBeGreaterThan(0);
  });

  test('a DistillationJob waits in the same queue', async () => {
    await kubectl.applyObject(trainingOf('long', 150));
    await statusOf(['tj', 'long'], 'training', underWay(1));
    await kubectl.applyObject(distillationOf('student', 'early'));
    await statusOf(['dj', 'student'], 'waiting in the queue', waits);
    await kubectl.remove('tj/long');
    await statusOf(['dj', 'student'], 'succeeding', succeeded);
  });
});

test('a queue that is not there is waited for, and Kueue says which', async () => {
  await kubectl.applyObject(trainingOf('astray', 5, queued({}, 'nowhere')));
  await statusOf(['tj', 'astray'], 'waiting in the queue', waits);
  const path = '--output=jsonpath={.items[?(@.spec.queueName=="nowhere")].status.conditions[*].message}';
  await eventually('a word of it', async () =>
    /nowhere doesn't exist/.test(await kubectl.run(['get', 'workloads', path])),
  );
});

test('jobs that are deleted leave nothing in the queue', async () => {
  await kubectl.remove(...(await names('tj,dj')));
  await eventually('nothing left', async () => (await names('jobs,pods,workloads')).length === 0);
});

test('no two attempts of a job ever had pods at once', () => {
  expect(record.changes).toBeGreaterThan(0);
  expect(record.overlaps).toEqual([]);
});

const suspend = (name: string, value: boolean): Promise<unknown> =>
  kubectl.run(['patch', 'tj', name, '--type=merge', `--patch=${JSON.stringify({ spec: { suspend: value } })}`]);
