import { expect, test } from '@jest/globals';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import { batchJobs, deployments, distillationJobs, pods, trainingJobs } from '../../../operator/api/resources.ts';
import { startCaches } from '../../../operator/kernel/caches.ts';
import {
  candidatesOf,
  podsWithNews,
  stallSecondsOf,
  targetOf,
  type Target,
} from '../../../operator/progress/targets.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { teacherJob } from '../../support/runs.ts';
import { freshRegistry, rememberingLog } from '../../support/toy.ts';
import { deploymentOf, jobOf, managed, serverPod, trainerPod } from './support.ts';

type Found = Target & { readonly stallSeconds: number | undefined };

async function found(pod: Pod, kind = 'TrainingJob'): Promise<readonly Found[]> {
  const cluster = new FakeCluster();
  cluster.put(batchJobs, jobOf('teacher', kind));
  cluster.put(deployments, deploymentOf('digits'));
  cluster.put(pods, pod);
  cluster.put(trainingJobs, {
    ...teacherJob({ retry: { limit: 3, stallSeconds: 90 } }),
    metadata: { name: 'teacher', namespace: 'default' },
  });
  const { cache, whenSynced } = startCaches({
    ...{
      cluster,
      resources: [pods, batchJobs, deployments, trainingJobs, distillationJobs],
      indexes: [podsWithNews],
      log: rememberingLog(),
      registry: freshRegistry(),
    },
    ...{ signal: new AbortController().signal, clock: new FakeClock(), random: () => 0 },
  });
  await whenSynced;
  const targets = candidatesOf(cache).flatMap((one) => targetOf(one, cache, { trainer: 8082, server: 8080 }) ?? []);
  return targets.map((target) => ({ ...target, stallSeconds: stallSecondsOf(target, cache) }));
}

const targets = async (pod: Pod, kind?: string): Promise<readonly string[]> =>
  (await found(pod, kind)).map(
    ({ reconciler, key, address: { host, port, path } }) =>
      `${reconciler} ${key.namespace}/${key.name} ${host}:${String(port)}${path}`,
  );

test('a worker is known by attempt, rank and pod, with the patience that its job asks for', async () => {
  const labels = { ...managed, 'batch.kubernetes.io/job-completion-index': '1', 'limbeck.dev/attempt': '2' };
  const [worker] = await found(trainerPod('p', { labels }));
  expect(worker?.worker).toEqual({ attempt: 2, rank: 1, pod: 'p' });
  expect(worker?.stallSeconds).toBe(90);
  const [distilling] = await found(trainerPod('p'), 'DistillationJob');
  expect(distilling?.stallSeconds).toBeUndefined();
  expect((await found(serverPod('p')))[0]?.worker).toBeUndefined();
});

test.each<[string, Pod, string, string]>([
  ['rank 0 of a training', trainerPod('p'), 'TrainingJob', 'trainingjob default/teacher 10.0.0.1:8082/progress'],
  [
    'another rank',
    trainerPod('p', { labels: { ...managed, 'batch.kubernetes.io/job-completion-index': '1' } }),
    'TrainingJob',
    'trainingjob default/teacher 10.0.0.1:8082/progress',
  ],
  [
    'rank 0 of a distillation',
    trainerPod('p'),
    'DistillationJob',
    'distillationjob default/teacher 10.0.0.1:8082/progress',
  ],
  ['a server', serverPod('p'), 'TrainingJob', 'modelservice default/digits 10.0.0.2:8080/v2/models/digits/ready'],
])('%s is asked', async (_, pod, kind, expected) => {
  expect(await targets(pod, kind)).toEqual([expected]);
});

const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
const { ownerReferences: [reference] = [] } = trainerPod('p').metadata;

test.each<[string, Pod]>([
  ['a pod that another tool manages', trainerPod('p', { labels: { 'batch.kubernetes.io/job-completion-index': '0' } })],
  ['a pod of nobody', trainerPod('p', { ownerReferences: [] })],
  ['a pod of a former Job of that name', trainerPod('p', { ownerReferences: [{ ...reference!, uid: 'old' }] })],
  ['a pod that ends', trainerPod('p', { deletionTimestamp: '2026-11-24T12:00:00Z' })],
  ['a pod without an address', { ...trainerPod('p'), status: { phase: 'Running' } }],
  ['a pod that is over', { ...trainerPod('p'), status: { phase: 'Succeeded', podIP: '10.0.0.1' } }],
  ['a ready server', { ...serverPod('p'), status: { phase: 'Running', podIP: '10.0.0.2', ...ready } }],
  ['a pod that only has our label', serverPod('p', '10.0.0.2', { ownerReferences: [] })],
  [
    'a replica of another Deployment',
    serverPod('p', '10.0.0.2', { labels: { ...managed, 'limbeck.dev/model-service': 'other' } }),
  ],
])('%s is not', async (_, pod) => {
  expect(await targets(pod)).toEqual([]);
});

test('a Job of somebody else is not ours', async () => {
  expect(await targets(trainerPod('p'), 'CronJob')).toEqual([]);
});
