import { describe, expect, test } from '@jest/globals';
import { batchJobs, nodes, pods, services, trainingJobs, type TrainingJob } from '../../../operator/api/resources.ts';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import { keyOf, type KubeObject } from '../../../operator/kernel/objects.ts';
import { trainingReconciler } from '../../../operator/training/reconciler.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { FakeKubelet } from '../../support/fake-kubelet.ts';
import { masked, startRig, type Rig } from '../../support/rig.ts';
import { ended, feeds, node, reported, settings, succeeded, teacherJob, teacherAttempt } from '../../support/runs.ts';

const key = { namespace: 'default', name: 'digits-teacher' };
const restMs = 1000;
const start = (cluster: FakeCluster, clock: FakeClock): Rig =>
  startRig(cluster, clock, { reconcilers: [trainingReconciler(settings, feeds)] });

interface Story {
  readonly cluster: FakeCluster;
  readonly clock: FakeClock;
  readonly kubelet: FakeKubelet;
}

function begin(job = teacherJob()): Story {
  const cluster = new FakeCluster();
  const { uid, ...metadata } = job.metadata;
  cluster.put(nodes, node());
  cluster.put(trainingJobs, { ...job, metadata });
  expect(uid).toBeDefined();
  const clock = new FakeClock();
  cluster.now = () => clock.now();
  return { cluster, clock, kubelet: new FakeKubelet(cluster) };
}

const crash = [reported('Crashed', 1, '2026-01-01T00:00:05Z'), reported('Interrupted', 143, '2026-01-01T00:00:06Z')];
const good = [succeeded(), ended({ exitCode: 0 })];

/** Runs to the end: each attempt ends as told. Operators that die are replaced. */
async function play({ cluster, clock, kubelet }: Story, ends: readonly (typeof good)[]): Promise<void> {
  let rig = start(cluster, clock);
  for (const end of ends) {
    await clock.advance(60_000);
    const [name] = await kubelet.start();
    await clock.advance(restMs);
    if (name !== undefined) await kubelet.end(name, end);
    await rig.stop();
    rig = start(cluster, clock);
    await clock.advance(restMs);
  }
  await clock.advance(60_000);
  await rig.stop();
}

const stored = async ({ cluster }: Story) => cluster.get(trainingJobs, key);

describe('a TrainingJob', () => {
  test('is trained, measured, and then left alone', async () => {
    const story = begin();
    await play(story, [good]);
    expect((await stored(story)).status).toMatchObject({
      phase: 'Succeeded',
      metric: 'accuracy 0.980',
      model: 'cnn 16-32/64',
      attemptCount: 1,
      metrics: { samples: 359 },
      artefact: { uri: 's3://limbeck/models/abc' },
      lineage: { image: 'trainer:1' },
    });
    const written = story.cluster.writes.length;
    await play(story, []);
    expect(story.cluster.writes.length).toBe(written);
  });

  test('is refused with the numbers where a pod cannot hold what its trainer is told', async () => {
    const labels = Array.from({ length: 1000 }, (_, index) => `${String(index)}-${'é'.repeat(120)}`);
    const { data } = teacherJob().spec;
    const story = begin(teacherJob({ data: { ...data, labels } }));
    await play(story, [good]);
    const { conditions } = (await stored(story)).status ?? {};
    expect(conditions).toContainEqual(
      expect.objectContaining({
        ...{ type: 'Accepted', status: 'False', reason: 'SpecTooLarge' },
        message: expect.stringMatching(/tells the trainer 24\d KiB, .* at most 240; shorten/) as unknown,
      }),
    );
    expect((await story.cluster.list(batchJobs, {})).items).toEqual([]);
  });

  test('survives a crash by a second attempt', async () => {
    const story = begin();
    await play(story, [crash, good]);
    expect((await stored(story)).status).toMatchObject({
      phase: 'Succeeded',
      attempts: [
        { number: 1, outcome: 'Failed', reason: 'Crashed', exitCode: 1 },
        { number: 2, outcome: 'Succeeded' },
      ],
    });
  });

  test('that no node fits begins as soon as one does, and looks no more often than each minute meanwhile', async () => {
    const { cluster, clock, kubelet } = begin();
    const [reconciler, taint] = [trainingReconciler(settings, feeds), { key: 'a', effect: 'NoSchedule' }];
    let passes = 0;
    const counting = {
      ...reconciler,
      observe: (...seen: Parameters<typeof reconciler.observe>) => {
        passes += 1;
        return reconciler.observe(...seen);
      },
    };
    const heard = (seconds: number, taints: object[]) =>
      cluster.put(nodes, { ...node(), spec: { taints }, status: { ...node().status, heard: seconds } } as KubeObject);
    heard(0, [taint]);
    const rig = startRig(cluster, clock, { reconcilers: [counting] });
    for (let seconds = 1; seconds <= 600; seconds += 1) {
      heard(seconds, [taint]);
      await clock.advance(1000);
    }
    expect(passes).toBeLessThan(13);
    heard(601, []);
    await clock.advance(0);
    expect(await kubelet.start()).toEqual([attempt(1)]);
    await rig.stop();
  });

  test('keeps its record when Jobs and pods are gone', async () => {
    const story = begin();
    await play(story, [good]);
    const before = (await stored(story)).status;
    const job = { namespace: 'default', name: attempt(1) };
    await story.cluster.remove({ resource: batchJobs, key: job });
    await play(story, []);
    expect((await stored(story)).status).toEqual(before);
  });

  test('made again under its name does not wait for a pod of its predecessor that does not go', async () => {
    const { cluster, clock, kubelet } = begin();
    const rig = start(cluster, clock);
    await clock.advance(restMs);
    await kubelet.start();
    cluster.withdraw(trainingJobs, key);
    const { items: jobs } = await cluster.list(batchJobs, {});
    for (const job of jobs) cluster.withdraw(batchJobs, keyOf(job));
    for (const service of (await cluster.list(services, {})).items) cluster.withdraw(services, keyOf(service));
    const { metadata, ...again } = teacherJob();
    cluster.put(trainingJobs, { ...again, metadata: { name: metadata.name, namespace: 'default' } });
    await clock.advance(restMs);
    expect((await cluster.list(pods, {})).items.map(({ status }) => status?.phase)).toContain('Running');
    const { uid } = (await cluster.get(trainingJobs, key)).metadata;
    const made = (await cluster.list(batchJobs, {})).items.map((job) => job.metadata.name);
    expect(made).toEqual([teacherAttempt(1, uid)]);
    await rig.stop();
  });

  test('that is not good enough has failed, with its figures', async () => {
    const story = begin(teacherJob({ evaluation: { gates: [{ metric: 'accuracy', atLeast: 0.99 }] } }));
    await play(story, [good]);
    const { status } = await stored(story);
    expect(status).toMatchObject({ phase: 'Failed', metrics: { samples: 359 } });
    expect(status?.conditions?.find(({ type }) => type === 'Succeeded')).toMatchObject({
      status: 'False',
      reason: 'GateNotMet',
      message: 'accuracy is 0.98, at least 0.99 is wanted (95 % 0.96 to 0.99, n=359).',
    });
  });
});

/** The fake cluster numbers what it stores: the node, then the job. */
function attempt(number: number): string {
  return teacherAttempt(number, 'uid-2');
}

type Step = (story: Story) => Promise<void> | void;

const change =
  (spec: Partial<TrainingJob['spec']>): Step =>
  async ({ cluster }) => {
    const job = await cluster.get(trainingJobs, key);
    const changed: TrainingJob = { ...job, spec: { ...job.spec, ...spec } };
    cluster.put(trainingJobs, changed);
  };
const startPods: Step = async ({ kubelet }) => {
  await kubelet.start();
};
const endAttempt =
  (number: number, statuses: typeof good): Step =>
  ({ kubelet }) =>
    kubelet.end(attempt(number), statuses);
const pass =
  (seconds: number): Step =>
  ({ clock }) =>
    clock.advance(seconds * 1000);

const stories: readonly (readonly [string, TrainingJob, readonly Step[], object])[] = [
  [
    'crashes and is repeated',
    teacherJob(),
    [startPods, endAttempt(1, crash), startPods, endAttempt(2, good)],
    { phase: 'Succeeded', attempts: [{ outcome: 'Failed', reason: 'Crashed' }, { outcome: 'Succeeded' }] },
  ],
  [
    'is suspended, and goes on',
    teacherJob({ retry: { limit: 0 } }),
    [startPods, change({ suspend: true }), pass(60), change({ suspend: false }), startPods, endAttempt(2, good)],
    { phase: 'Succeeded', attempts: [{ outcome: 'Suspended' }, { outcome: 'Succeeded' }] },
  ],
  [
    'runs out of time',
    teacherJob({ retry: { limit: 3, deadlineSeconds: 100 } }),
    [startPods, pass(120)],
    { phase: 'Failed', attempts: [{ outcome: 'Failed', reason: 'DeadlineExceeded' }] },
  ],
  [
    'is preempted, and goes on',
    teacherJob({ retry: { limit: 0 } }),
    [startPods, ({ kubelet }) => kubelet.preempt(`${attempt(1)}-1`), pass(60), startPods, endAttempt(2, good)],
    { phase: 'Succeeded', attempts: [{ outcome: 'Preempted' }, { outcome: 'Succeeded' }] },
  ],
];

describe('an operator that dies', () => {
  interface Death {
    readonly number: number;
    readonly when: 'beforeWrite' | 'afterWrite';
  }

  /** From its death on nothing that the operator says is heard, until another one takes its place. */
  async function tell(job: TrainingJob, steps: readonly Step[], death?: Death): Promise<Story> {
    const story = begin(job);
    const { cluster, clock, kubelet } = story;
    const operator = { isDead: false };
    const strike = (isStruck: boolean): void => {
      operator.isDead ||= isStruck;
      if (operator.isDead) throw new Error('the process died here');
    };
    cluster.beforeWrite = ({ number }) => strike(death?.when === 'beforeWrite' && death.number === number);
    cluster.afterWrite = ({ number }) => strike(death?.when === 'afterWrite' && death.number === number);
    let rig = start(cluster, clock);
    await clock.advance(restMs);
    for (const step of [() => undefined, ...steps, () => undefined]) {
      await step(story);
      await clock.advance(restMs);
      if (operator.isDead) {
        await rig.stop();
        operator.isDead = false;
        rig = start(cluster, clock);
        await clock.advance(restMs);
      }
      for (let turn = 0; turn < 3; turn += 1) {
        await kubelet.collect();
        await clock.advance(restMs);
      }
    }
    await clock.advance(60_000);
    await rig.stop();
    return story;
  }

  const shape = (story: Story): readonly string[] =>
    masked(story.cluster)
      .filter((line) => !line.startsWith('v1/events'))
      .map((line) => line.replaceAll(/"uid":"[^"]*"/g, '"uid"'));

  test.each(stories)(
    'at any write, before or after it, while a job %s, changes nothing in the end',
    async (_, job, steps, end) => {
      const reference = await tell(job, steps);
      expect((await stored(reference)).status).toMatchObject(end);
      const count = reference.cluster.writes.length;
      expect(count).toBeGreaterThan(4);
      for (let number = 1; number <= count; number += 1) {
        for (const when of ['beforeWrite', 'afterWrite'] as const) {
          const story = await tell(job, steps, { number, when });
          expect([number, when, shape(story)]).toEqual([number, when, shape(reference)]);
        }
      }
    },
    60_000,
  );

  test('leaves nothing running when the Job of a job that is over cannot be removed at once', async () => {
    const story = begin(teacherJob({ retry: { limit: 3, deadlineSeconds: 100 } }));
    const { cluster, clock, kubelet } = story;
    let refusals = 3;
    cluster.beforeWrite = ({ verb }) => {
      if (verb === 'remove' && (refusals -= 1) >= 0) throw new ApiError('unavailable', 'not now');
    };
    const rig = start(cluster, clock);
    await clock.advance(restMs);
    await kubelet.start();
    await clock.advance(600_000);
    await rig.stop();
    expect((await cluster.list(batchJobs, {})).items).toEqual([]);
    const { status } = await stored(story);
    const reasons = Object.fromEntries((status?.conditions ?? []).map(({ type, reason }) => [type, reason]));
    expect(status?.phase).toBe('Failed');
    expect(reasons).toEqual({ Accepted: 'Valid', Progressing: 'Finished', Succeeded: 'DeadlineExceeded' });
  });
});
