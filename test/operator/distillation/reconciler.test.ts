import { describe, expect, test } from '@jest/globals';
import { batchJobs, distillationJobs, nodes, trainingJobs } from '../../../operator/api/resources.ts';
import { distillationReconciler } from '../../../operator/distillation/reconciler.ts';
import { attemptName } from '../../../operator/api/names.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { FakeKubelet } from '../../support/fake-kubelet.ts';
import { startRig } from '../../support/rig.ts';
import {
  ago,
  ended,
  feeds,
  metrics,
  node,
  settings,
  studentJob,
  succeeded,
  success,
  teacherJob,
} from '../../support/runs.ts';

const key = { namespace: 'default', name: 'digits-student' };
/** The fake cluster numbers what it stores: the node, then the job. */
const attempt = (number: number): string => attemptName(key.name, 'uid-2', number);

function begin() {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  cluster.now = () => clock.now();
  cluster.put(nodes, node());
  cluster.put(distillationJobs, studentJob());
  const rig = startRig(cluster, clock, { reconcilers: [distillationReconciler(settings, feeds)] });
  const status = async () => (await cluster.get(distillationJobs, key)).status;
  return { cluster, clock, rig, status, kubelet: new FakeKubelet(cluster) };
}

const teacherThatSucceeded = (sha256: string) =>
  teacherJob(
    {},
    {
      artefact: { ...success.artefact, sha256 },
      conditions: [
        { type: 'Succeeded', status: 'True', reason: 'GatesPassed', message: '', lastTransitionTime: ago(1) },
      ],
    },
  );

describe('a DistillationJob', () => {
  test('waits for its teacher and goes on by itself', async () => {
    const { cluster, clock, rig, status, kubelet } = begin();
    await clock.advance(1000);
    expect(await status()).toMatchObject({
      phase: 'Waiting',
      conditions: [{ status: 'Unknown', reason: 'TeacherNotFound' }, {}, {}],
    });
    cluster.put(trainingJobs, teacherJob());
    await clock.advance(1000);
    expect(await status()).toMatchObject({ conditions: [{ reason: 'TeacherNotReady' }, {}, {}] });
    cluster.put(trainingJobs, teacherThatSucceeded('a'.repeat(64)));
    await clock.advance(1000);
    const names = await kubelet.start();
    expect(names).toEqual([attempt(1)]);
    await kubelet.end(attempt(1), [
      succeeded({ control: { ...metrics, accuracy: { value: 0.9 } }, teacherAgreement: 0.97 }),
    ]);
    await clock.advance(1000);
    expect(await status()).toMatchObject({ phase: 'Succeeded', gain: '+0.080' });
    await rig.stop();
  });

  test('learns from one teacher in all its attempts, even when that is trained anew meanwhile', async () => {
    const { cluster, clock, rig, kubelet } = begin();
    cluster.put(trainingJobs, teacherThatSucceeded('a'.repeat(64)));
    await clock.advance(1000);
    await kubelet.start();
    await clock.advance(1000);
    cluster.put(trainingJobs, teacherThatSucceeded('b'.repeat(64)));
    await kubelet.end(attempt(1), [ended({ exitCode: 1, message: 'boom' })]);
    await clock.advance(1000);
    const job = await cluster.get(batchJobs, { namespace: 'default', name: attempt(2) });
    expect(JSON.stringify(job)).toContain('a'.repeat(64));
    await rig.stop();
  });

  test('has stored its teacher before anything learns from it, so that a crash in between changes nothing', async () => {
    const { cluster, clock, rig, status } = begin();
    const stored: Promise<unknown>[] = [];
    cluster.afterWrite = ({ what }) => {
      if (what.startsWith('batch/v1/jobs')) stored.push(status());
    };
    cluster.put(trainingJobs, teacherThatSucceeded('a'.repeat(64)));
    await clock.advance(1000);
    const fixed = { teacherArtefact: { sha256: 'a'.repeat(64) } };
    expect(await Promise.all(stored)).toMatchObject([fixed]);
    await rig.stop();
  });

  test('whose teacher is deleted before the first attempt stops nothing that has begun', async () => {
    const { cluster, clock, rig, status, kubelet } = begin();
    cluster.put(trainingJobs, teacherThatSucceeded('a'.repeat(64)));
    await clock.advance(1000);
    await kubelet.start();
    await clock.advance(1000);
    await cluster.remove({ resource: trainingJobs, key: { namespace: 'default', name: 'digits-teacher' } });
    await clock.advance(1000);
    expect(await status()).toMatchObject({ phase: 'Running' });
    expect((await cluster.list(batchJobs, {})).items).toHaveLength(1);
    await rig.stop();
  });
});
