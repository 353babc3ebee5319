import { expect, test } from '@jest/globals';
import type { ContainerStatus, Pod } from '../../../operator/api/kubernetes.ts';
import { batchJobs, deployments, pods, trainingJobs } from '../../../operator/api/resources.ts';
import { candidatesOf, stallSecondsOf, targetOf, type Target } from '../../../operator/progress/targets.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { teacherJob } from '../../support/runs.ts';
import { deploymentOf, jobOf, managed, observedBy, putOwners, serverPod, trainerPod } from './support.ts';

const nothing: (cluster: FakeCluster) => void = () => undefined;

type Found = Target & { readonly stallSeconds: number | undefined };

async function found(pod: Pod, kind = 'TrainingJob', before: typeof nothing = nothing): Promise<readonly Found[]> {
  const cluster = new FakeCluster();
  putOwners(cluster, kind, { retry: { limit: 3, stallSeconds: 90 } });
  before(cluster);
  cluster.put(pods, pod);
  const { cache, whenSynced } = observedBy(cluster);
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

test('a worker that has ended is not asked, though its pod runs on', async () => {
  const pod = trainerPod('p');
  const proxy = { name: 'proxy', state: { running: {} } };
  const trainer = { name: 'trainer', state: { terminated: { exitCode: 0 } } };
  const as = (...containerStatuses: readonly ContainerStatus[]): Pod => ({
    ...pod,
    status: { ...pod.status, containerStatuses },
  });
  expect(await targets(as(proxy, { name: 'trainer', state: { running: {} } }))).toHaveLength(1);
  expect(await targets(as(proxy, trainer))).toEqual([]);
});

const { ownerReferences: [reference] = [] } = trainerPod('p').metadata;

test('who names the owner of another namespace speaks for nobody', async () => {
  const elsewhere = { namespace: 'attacker', name: 'teacher-a1' };
  const forged = (cluster: FakeCluster): void => {
    const job = jobOf('teacher', 'TrainingJob');
    cluster.put(batchJobs, { ...job, metadata: { ...job.metadata, ...elsewhere } });
    // One of that name may be there, too.
    cluster.put(trainingJobs, { ...teacherJob(), metadata: { name: 'teacher', namespace: 'attacker' } });
  };
  const ownerReferences = [{ ...reference!, uid: 'uid-5' }];
  expect(await found(trainerPod('p', { namespace: 'attacker', ownerReferences }), 'TrainingJob', forged)).toEqual([]);
  const service = (cluster: FakeCluster): void => {
    const deployment = deploymentOf('digits');
    cluster.put(deployments, { ...deployment, metadata: { ...deployment.metadata, namespace: 'attacker' } });
  };
  expect(await found(serverPod('p', undefined, { namespace: 'attacker' }), 'TrainingJob', service)).toEqual([]);
});

const ready = { conditions: [{ type: 'Ready', status: 'True' }] };

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

// The kind is whatever somebody wrote into an owner reference.
test.each(['CronJob', 'constructor', 'toString', '__proto__'])('a Job of a %s is not ours', async (kind) => {
  expect(await targets(trainerPod('p'), kind)).toEqual([]);
});
