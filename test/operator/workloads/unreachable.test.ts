import { describe, expect, test } from '@jest/globals';
import type { KubeCondition, Node, Pod } from '../../../operator/api/kubernetes.ts';
import { trainingJobs, nodes, pods, batchJobs } from '../../../operator/api/resources.ts';
import { eventsResource } from '../../../operator/kernel/recorder.ts';
import type { KubeObject, Resource } from '../../../operator/kernel/objects.ts';
import { trainingReconciler } from '../../../operator/training/reconciler.ts';
import { unreachable } from '../../../operator/workloads/unreachable.ts';
import { judge } from '../../../operator/workloads/verdict.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { FakeKubelet } from '../../support/fake-kubelet.ts';
import { startRig } from '../../support/rig.ts';
import { after, open, plan } from '../../support/run-plans.ts';
import {
  ago,
  attemptJob,
  ended,
  feeds,
  node,
  now,
  pastAttempt,
  reported,
  runningStatus,
  settings,
  teacherAttempt,
  teacherJob,
  worker,
} from '../../support/runs.ts';

const events = eventsResource as Resource<KubeObject & { readonly reason?: string }>;

const condition = (type: string, status: string, seconds: number, reason?: string): KubeCondition => ({
  ...{ type, status, lastTransitionTime: ago(seconds) },
  ...(reason === undefined ? {} : { reason }),
});
const on = (status: Pod['status'], index = 0): Pod => ({ ...worker(index, status), spec: { nodeName: 'one' } });
/** Runs, and was called not ready so many seconds ago, with its containers as they were. */
const marked = (seconds: number, index = 0, reason?: string): Pod =>
  on(
    {
      ...runningStatus,
      conditions: [condition('Ready', 'False', seconds, reason), condition('ContainersReady', 'True', 999)],
    },
    index,
  );
const ofNode = (status: string, seconds: number): Node => ({
  ...node(),
  status: { conditions: [condition('Ready', status, seconds)] },
});
const look = (pods: readonly Pod[], nodes: readonly Node[] = [], podsSilentMs = 0) => {
  const { message, lookAtMs } = unreachable({ pods, nodes, podsSilentMs }, now);
  return { message, lookMs: lookAtMs - now.getTime() };
};
const name = `${teacherAttempt(1)}-0`;

test('a worker of which nothing was heard for six minutes is named, with its node and what helps', () => {
  expect(look([marked(360)], [ofNode('Unknown', 360)])).toEqual({
    message:
      `Nothing has been heard of worker 0 since ${ago(360)}: pod ${name} on node one, which is not ready. It may still ` +
      `be at work. Once the node is known to be off: kubectl delete pod ${name} -n default --force --grace-period=0`,
    lookMs: 60_000,
  });
});

test('is named where nodes may not be seen, too, and in the order of the ranks', () => {
  const { message } = look([on(runningStatus), marked(400, 1), marked(9999, 2)]);
  expect(message).toContain(`worker 1 since ${ago(400)}: pod ${teacherAttempt(1)}-1 on node one. It may`);
});

describe('nothing is said of a worker', () => {
  const ready = { ...runningStatus, conditions: [condition('Ready', 'True', 999)] };
  const unready = [condition('Ready', 'False', 999), condition('ContainersReady', 'False', 999)];
  const leaving = { ...marked(999), metadata: { ...marked(999).metadata, deletionTimestamp: ago(1) } };
  const down = [ofNode('Unknown', 999)];
  test.each<[string, Pod, readonly Node[]]>([
    ['that is ready, though its node is not', on(ready), down],
    ['of which a container is not ready', on({ ...runningStatus, conditions: unready }), [node()]],
    ['of which a gate is not ready', marked(999, 0, 'ReadinessGatesNotReady'), [node()]],
    ['that was told to end', leaving, down],
    ['that has ended', on(ended({ exitCode: 1 })), down],
    ['that has no node yet', worker(0, { phase: 'Pending' }), down],
    [
      'that somebody has called not ready at no time',
      on({ conditions: [{ type: 'ContainersReady', status: 'True' }] }),
      [],
    ],
  ])('%s', (_, pod, nodes) => {
    expect(look([pod], nodes)).toEqual({ message: undefined, lookMs: Infinity });
  });

  test('before its time, at which it is looked at again', () => {
    expect(look([marked(359), marked(100, 1)])).toEqual({ message: undefined, lookMs: 1000 });
  });

  test('while nothing is heard of pods at all', () => {
    expect(look([marked(400)], [], 41_000)).toEqual({ message: undefined, lookMs: 60_000 });
  });
});

describe('a worker that has not begun', () => {
  /** Made so many seconds ago. */
  const pending = (seconds: number): Pod => {
    const pod = on({ phase: 'Pending' });
    return { ...pod, metadata: { ...pod.metadata, creationTimestamp: ago(seconds) } };
  };

  test('is named where its node has been down for as long', () => {
    expect(look([pending(999)], [ofNode('Unknown', 360)]).message).toContain(`worker 0 since ${ago(360)}`);
    expect(look([pending(360)], [ofNode('Unknown', 999)]).message).toContain(`worker 0 since ${ago(360)}`);
  });

  test.each([
    [360_000, pending(999), ofNode('True', 999)],
    [60_000, pending(999), ofNode('Unknown', 300)],
    [10_000, pending(350), ofNode('Unknown', 999)],
  ])('is looked at again after %i ms, as nodes go without a word', (lookMs, pod, its) => {
    expect(look([pod], [its])).toEqual({ message: undefined, lookMs });
  });
});

describe('an attempt with such a worker', () => {
  const pending = worker(1, { phase: 'Pending' });
  test.each([
    ['all run', [marked(400), marked(400, 1)], 'running'],
    ['the other has not begun', [marked(400), pending], 'starting'],
    ['the other has lost it', [marked(400), worker(1, reported('PeerLost', 75))], 'running'],
  ])('says so, and is not given up, where %s', (_, pods, kind) => {
    const message = expect.stringContaining(`kubectl delete pod ${name} `);
    const attempt = { number: 1, job: attemptJob(1), pods, workers: 2, nodes: [], podsSilentMs: 0 };
    expect(judge(attempt, now)).toMatchObject({ kind, reason: 'WorkerUnreachable', message, lookMs: 60_000 });
  });

  test('is at work until then', () => {
    const attempt = { number: 1, job: attemptJob(1), pods: [marked(300)], workers: 1, nodes: [], podsSilentMs: 0 };
    expect(judge(attempt, now)).toEqual({ kind: 'running', message: '1 worker at work.', lookMs: 60_000 });
  });

  test('says so also where the one before had waited for data', () => {
    const root = after([pastAttempt(1, 'Waiting', 500), { ...open, number: 2 }]);
    const { conditions } = marked(400).status ?? {};
    const pods = [0, 1].map((rank) => worker(rank, { ...runningStatus, ...(conditions && { conditions }) }, 2));
    expect(plan({ root, jobs: [attemptJob(2)], pods })).toMatchObject({
      ...{ state: { kind: 'running', reason: 'WorkerUnreachable' }, remove: [], attempts: [{}, { number: 2 }] },
      next: { kind: 'recheck', afterMs: 60_000 },
    });
  });
});

test('a job says once that a node is silent, and goes on when its pods were deleted by force', async () => {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  cluster.now = () => clock.now();
  const kubelet = new FakeKubelet(cluster);
  cluster.put(nodes, node());
  cluster.put(trainingJobs, teacherJob());
  const rig = startRig(cluster, clock, { reconcilers: [trainingReconciler(settings, feeds)] });
  await clock.advance(1000);
  await kubelet.start();
  const change = async (of: (pod: Pod) => Partial<Pod>): Promise<void> => {
    for (const pod of (await cluster.list(pods, {})).items) cluster.put(pods, { ...pod, ...of(pod) });
    await clock.advance(1000);
  };
  const before = (seconds: number): string => new Date(clock.now().getTime() - seconds * 1000).toISOString();
  const conditions = [
    { ...condition('Ready', 'False', 0), lastTransitionTime: before(400) },
    condition('ContainersReady', 'True', 0),
  ];
  await change(({ status }) => ({ status: { ...status, conditions } }));
  await clock.advance(120_000);
  const { items: jobs } = await cluster.list(trainingJobs, {});
  expect(jobs).toMatchObject([{ status: { phase: 'Running', attempts: [{ number: 1 }] } }]);
  const told = (await cluster.list(events, {})).items.filter(({ reason }) => reason === 'WorkerUnreachable');
  expect(told).toHaveLength(1);
  // As by force: its grace period is over at once.
  await change(({ metadata }) => ({ metadata: { ...metadata, deletionTimestamp: before(60) } }));
  await kubelet.collect();
  await kubelet.collect();
  await clock.advance(1000);
  const made = (await cluster.list(batchJobs, {})).items.map(({ metadata }) => metadata.name);
  // The fake cluster numbers what it stores: the node, then the job.
  expect(made).toEqual([teacherAttempt(2, 'uid-2')]);
  await rig.stop();
});
