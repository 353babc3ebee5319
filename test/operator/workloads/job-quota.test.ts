import { describe, expect, test } from '@jest/globals';
import type { BatchJob } from '../../../operator/api/kubernetes.ts';
import { batchJobs, nodes, trainingJobs } from '../../../operator/api/resources.ts';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import { trainingReconciler } from '../../../operator/training/reconciler.ts';
import { jobInTheWay } from '../../../operator/workloads/job-quota.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { FakeKubelet } from '../../support/fake-kubelet.ts';
import { startRig } from '../../support/rig.ts';
import {
  ago,
  attemptJob,
  feeds,
  node,
  now,
  reported,
  settings,
  teacherAttempt,
  teacherJob,
} from '../../support/runs.ts';

/** In the words of the API server. */
const exceeded = (used: number, limited: number, name = 'a', what = 'count/jobs.batch'): string =>
  `jobs.batch "${name}" is forbidden: exceeded quota: few, requested: ${what}=1, used: ${what}=${String(used)}, limited: ${what}=${String(limited)}`;

describe('the next attempt has no room in a quota on Jobs', () => {
  const refused = (message: string, seconds = 10, reason = 'ApplyFailed') =>
    teacherJob(
      {},
      { conditions: [{ type: 'Progressing', status: 'False', reason, message, lastTransitionTime: ago(seconds) }] },
    );
  const over = [attemptJob(3, 'Failed'), attemptJob(2, 'Complete')];
  const [unfinished, gone] = [attemptJob(4), { ...attemptJob(1, 'Failed') }];
  const leaving: BatchJob = { ...gone, metadata: { ...gone.metadata, deletionTimestamp: ago(1) } };

  test.each<[string, ReturnType<typeof refused>, readonly BatchJob[], number | undefined]>([
    ['takes the oldest Job that is over', refused(exceeded(2, 2)), over, 2],
    ['takes no Job that goes on', refused(exceeded(2, 2)), [unfinished], undefined],
    ['takes one after the other, where more are in the way', refused(exceeded(3, 2)), over, 2],
    ['takes none where all of them would not help', refused(exceeded(4, 2)), over, undefined],
    ['waits for the last one to be gone', refused(exceeded(2, 2)), [leaving, ...over], undefined],
    ['waits for others to make room, for a moment', refused(exceeded(2, 2), 9), over, undefined],
    ['takes none for a quota of Services', refused(exceeded(2, 2, 'a', 'count/services')), over, undefined],
    ['takes none for another refusal', refused('admission webhook denied the request'), over, undefined],
    ['takes none for what is said of something else', refused(exceeded(2, 2), 60, 'NoPods'), over, undefined],
    ['takes none where nothing was said yet', teacherJob(), over, undefined],
  ])('and %s', (_, root, jobs, number) => {
    const ref = jobInTheWay({ root, jobs }, now);
    expect(ref?.key.name).toBe(number === undefined ? undefined : teacherAttempt(number));
    if (number !== undefined) expect(ref).toMatchObject({ resource: batchJobs, uid: `job-${String(number)}` });
  });

  test('nor is it alone in that: other counts stand beside', () => {
    const message =
      'jobs.batch "a" is forbidden: exceeded quota: few, requested: count/configmaps=1,count/jobs.batch=1, used: count/configmaps=9,count/jobs.batch=1, limited: count/configmaps=9,count/jobs.batch=1';
    expect(jobInTheWay({ root: refused(message), jobs: over }, now)?.key.name).toBe(teacherAttempt(2));
  });
});

test('a run in a namespace with a quota of one Job goes on from attempt to attempt', async () => {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  cluster.now = () => clock.now();
  cluster.put(nodes, node());
  const { metadata, ...job } = teacherJob({ retry: { limit: 3 } });
  cluster.put(trainingJobs, { ...job, metadata: { name: metadata.name, namespace: 'default' } });
  cluster.beforeWrite = async ({ verb, what }) => {
    const used = (await cluster.list(batchJobs, {})).items.length;
    if (verb === 'create' && what.includes('jobs default') && used > 0)
      throw new ApiError('forbidden', exceeded(used, 1), { status: 403 });
  };
  const kubelet = new FakeKubelet(cluster);
  const rig = startRig(cluster, clock, { reconcilers: [trainingReconciler(settings, feeds)] });
  const ran: string[] = [];
  while (ran.length < 3) {
    await clock.advance(60_000);
    const [name = 'none'] = await kubelet.start();
    ran.push(name);
    await clock.advance(1000);
    if (name !== 'none') await kubelet.end(name, [reported('Crashed', 1), reported('Interrupted', 143)]);
  }
  await rig.stop();
  expect(ran).toEqual([1, 2, 3].map((number) => teacherAttempt(number, 'uid-2')));
  expect(cluster.writes.filter(({ verb }) => verb === 'remove')).toHaveLength(2);
});
