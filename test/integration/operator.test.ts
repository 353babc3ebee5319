/** The operator process on a real API server with its controllers: the three examples, from apply to an accepted service. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse, stringify } from 'yaml';
import type { Pod } from '../../operator/api/kubernetes.ts';
import {
  batchJobs,
  deployments,
  distillationJobs,
  modelServices,
  pods,
  services,
  trainingJobs,
  type ModelService,
} from '../../operator/api/resources.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import { connect, type Connection } from '../../operator/kernel/connect.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import { systemClock } from '../../process/clock.ts';
import { childEnvironment } from '../support/child-environment.ts';
import { applyOurDefinitions, createNamespace, removeNamespace } from '../support/cluster-scoped.ts';
import { eventually } from '../support/eventually.ts';
import { startHandKubelet, type HandKubelet } from '../support/hand-kubelet.ts';
import { testKubeconfig } from '../support/kubeconfig.ts';
import { freshRegistry } from '../support/toy.ts';
import { distilled, trainerResult } from '../support/trained.ts';
import { settings } from '../operator/serving/support.ts';

const namespace = `operator-${randomUUID().slice(0, 8)}`;
const never = new AbortController().signal;

let connection: Connection;
let cluster: Cluster;
let kubelet: HandKubelet;
let folder: string;
let operator: ChildProcess;

const yamlOf = async (path: string): Promise<KubeObject> => parse(await readFile(path, 'utf8')) as KubeObject;

function startOperator(): ChildProcess {
  const env = {
    ...{ ...childEnvironment, KUBECONFIG: testKubeconfig(), LIMBECK_CONFIG: join(folder, 'operator.yaml') },
    ...{ LIMBECK_ADMIN_PORT: '0', LIMBECK_LOG_LEVEL: 'warn', POD_NAME: 'operator', POD_NAMESPACE: namespace },
  };
  return spawn(process.execPath, ['operator/main.ts'], { env, stdio: 'inherit' });
}

async function stopOperator(): Promise<number | null> {
  const ended = new Promise<number | null>((resolve) => operator.once('exit', resolve));
  operator.kill('SIGTERM');
  return ended;
}

const get = <T extends KubeObject>(resource: Resource<T>, name: string): Promise<T> =>
  cluster.get(resource, { namespace, name }, never);

async function podsWith(label: string, count: number): Promise<readonly Pod[]> {
  return eventually(`${String(count)} pods with ${label}`, async () => {
    const { items } = await cluster.list(pods, { namespace, labelSelector: label }, never);
    return items.length === count && items;
  });
}

const phaseIs = (resource: Resource<KubeObject & { status?: { phase?: string } }>, name: string, phase: string) =>
  eventually(`${name} ${phase}`, async () => (await get(resource, name)).status?.phase === phase);

const condition = (service: ModelService, type: string): string => {
  const found = service.status?.conditions?.find((candidate) => candidate.type === type);
  return `${found?.status ?? ''} ${found?.reason ?? ''}`;
};

const serviceSays = (type: string, verdict: string): Promise<ModelService> =>
  eventually(`${type} ${verdict}`, async () => {
    const service = await get(modelServices, 'digits');
    return condition(service, type) === verdict && service;
  });

/** Workers run and end well; rank 0 alone says what came of it. */
async function train(label: string, workers: number, result: string): Promise<void> {
  const members = await podsWith(label, workers);
  for (const member of members) await kubelet.run(member);
  for (const member of members) {
    const rank = member.metadata.labels?.['batch.kubernetes.io/job-completion-index'];
    await kubelet.end(member, 0, rank === '0' ? result : '');
  }
}

beforeAll(async () => {
  process.env['KUBECONFIG'] = testKubeconfig();
  connection = await connect({ component: 'test', version: '0.0.0', registry: freshRegistry(), clock: systemClock });
  ({ cluster } = connection);
  await applyOurDefinitions(cluster);
  await createNamespace(cluster, namespace);
  kubelet = await startHandKubelet(cluster, namespace, {
    cpu: '8',
    memory: '16Gi',
    pods: '100',
    'nvidia.com/gpu': '4',
  });
  folder = await mkdtemp(join(tmpdir(), 'operator-'));
  await writeFile(join(folder, 'operator.yaml'), stringify(settings));
  operator = startOperator();
}, 60_000);

afterAll(async () => {
  if (operator.exitCode === null) await stopOperator();
  await kubelet.stop();
  await removeNamespace(cluster, namespace);
  await connection.close();
  await rm(folder, { recursive: true });
}, 60_000);

test('trains, distils and serves, through a restart of the operator', async () => {
  for (const [name, resource] of [
    ['service', modelServices],
    ['student', distillationJobs],
    ['teacher', trainingJobs],
  ] as const) {
    const example = await yamlOf(`examples/digits/${name}.yaml`);
    const object = { ...example, metadata: { ...example.metadata, namespace } };
    await eventually(`${name} is taken`, () => cluster.create(resource, object, never));
  }
  await serviceSays('Accepted', 'Unknown ModelNotReady');

  await train('limbeck.dev/training-job=digits-teacher', 2, trainerResult('a'));
  await phaseIs(trainingJobs, 'digits-teacher', 'Succeeded');

  const members = await podsWith('limbeck.dev/distillation-job=digits-student', 1);
  expect(await stopOperator()).toBe(0);
  await kubelet.run(members[0]!);
  await kubelet.end(members[0]!, 0, trainerResult('b', distilled));
  operator = startOperator();
  await phaseIs(distillationJobs, 'digits-student', 'Succeeded');

  await serviceSays('Accepted', 'True Valid');
  const [replica] = await podsWith('limbeck.dev/model-service=digits', 1);
  expect(condition(await get(modelServices, 'digits'), 'Ready')).toBe('Unknown Starting');
  await kubelet.run(replica!);
  const { status } = await serviceSays('Ready', 'True Verified');
  expect(status).toMatchObject({
    ...{ phase: 'Serving', model: 'distillationjob/digits-student', profile: 'gpu', replicas: 1, readyReplicas: 1 },
    artefact: { uri: `s3://limbeck/models/${'b'.repeat(64)}`, sha256: 'b'.repeat(64) },
  });
  expect(status?.verifiedRevision).toBe(status?.revision);
  expect(await get(services, 'digits')).toMatchObject({ spec: { type: 'ExternalName' } });
  expect(await get(services, 'digits-replicas')).toMatchObject({ spec: { clusterIP: 'None' } });

  const before = await get(deployments, 'digits');
  expect(await stopOperator()).toBe(0);
  const upgraded = { ...settings, images: { ...settings.images, server: 'server:2' } };
  await writeFile(join(folder, 'operator.yaml'), stringify(upgraded));
  operator = startOperator();
  const service = await get(modelServices, 'digits');
  await cluster.update(modelServices, { ...service, spec: { ...service.spec, replicas: 3 } } as KubeObject, never);
  await podsWith('limbeck.dev/model-service=digits', 3);
  expect((await get(deployments, 'digits')).spec?.template).toEqual(before.spec?.template);
}, 120_000);

test('while it is down every create, update and delete is accepted, and carried out afterwards', async () => {
  expect(await stopOperator()).toBe(0);
  const example = await yamlOf('examples/digits/teacher.yaml');
  await cluster.create(trainingJobs, { ...example, metadata: { name: 'fresh', namespace } }, never);
  const service = await get(modelServices, 'digits');
  await cluster.update(modelServices, { ...service, spec: { ...service.spec, replicas: 2 } } as KubeObject, never);
  await cluster.remove({ resource: trainingJobs, key: { namespace, name: 'digits-teacher' } }, never);
  expect((await get(trainingJobs, 'fresh')).status).toBeUndefined();
  expect((await get(deployments, 'digits')).spec?.replicas).toBe(3);

  operator = startOperator();
  await podsWith('limbeck.dev/training-job=fresh', 2);
  await podsWith('limbeck.dev/model-service=digits', 2);
  const jobsOf = async (label: string): Promise<number> =>
    (await cluster.list(batchJobs, { namespace, labelSelector: `limbeck.dev/training-job=${label}` }, never)).items
      .length;
  await eventually('what was deleted is gone', async () => (await jobsOf('digits-teacher')) === 0);
  expect(await jobsOf('fresh')).toBe(1);
}, 120_000);
