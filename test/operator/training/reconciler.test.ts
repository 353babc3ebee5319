import { describe, expect, test } from '@jest/globals';
import { batchJobs, nodes, trainingJobs } from '../../../operator/api/resources.ts';
import { trainingReconciler } from '../../../operator/training/reconciler.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { FakeKubelet } from '../../support/fake-kubelet.ts';
import { masked, startRig, type Rig } from '../../support/rig.ts';
import { ended, node, reported, settings, succeeded, teacherJob } from '../../support/runs.ts';

const key = { namespace: 'default', name: 'digits-teacher' };
const feeds = { progress: () => undefined, checkpoint: () => undefined };
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
      accuracy: '0.980',
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

  test('keeps its record when Jobs and pods are gone', async () => {
    const story = begin();
    await play(story, [good]);
    const before = (await stored(story)).status;
    const job = { namespace: 'default', name: 'digits-teacher-a1' };
    await story.cluster.remove({ resource: batchJobs, key: job });
    await play(story, []);
    expect((await stored(story)).status).toEqual(before);
  });

  test('that is not good enough has failed, with its figures', async () => {
    const story = begin(teacherJob({ evaluation: { gates: [{ metric: 'accuracy', atLeast: 0.99 }] } }));
    await play(story, [good]);
    const { status } = await stored(story);
    expect(status).toMatchObject({ phase: 'Failed', metrics: { samples: 359 } });
    expect(status?.conditions?.find(({ type }) => type === 'Succeeded')).toMatchObject({
      status: 'False',
      reason: 'GateNotMet',
      message: 'accuracy is 0.98, at least 0.99 is wanted (n=359).',
    });
  });
});

describe('an operator that dies', () => {
  const shape = (story: Story): readonly string[] =>
    masked(story.cluster)
      .filter((line) => !line.startsWith('v1/events'))
      .map((line) => line.replaceAll(/"uid":"[^"]*"/g, '"uid"'));

  async function playWithDeathAt(number: number, when: 'beforeWrite' | 'afterWrite'): Promise<Story> {
    const story = begin();
    let died = false;
    story.cluster[when] = (write) => {
      if (died || write.number !== number) return;
      died = true;
      throw new Error('the process died here');
    };
    await play(story, [crash, good]);
    return story;
  }

  test('at any write, before or after it, comes to the same end', async () => {
    const reference = begin();
    await play(reference, [crash, good]);
    const count = reference.cluster.writes.length;
    expect(count).toBeGreaterThan(8);
    for (let number = 1; number <= count; number += 1) {
      for (const when of ['beforeWrite', 'afterWrite'] as const) {
        const story = await playWithDeathAt(number, when);
        expect([number, when, shape(story)]).toEqual([number, when, shape(reference)]);
      }
    }
  }, 60_000);
});
