import { describe, expect, test } from '@jest/globals';
import { keptJob, keptNode, keptPod, withOurNotes, withoutNotes } from '../../../operator/api/kept.ts';
import type { BatchJob, Node, Pod } from '../../../operator/api/kubernetes.ts';
import {
  batchJobs,
  deployments,
  modelServices,
  nodes,
  pods,
  services,
  trainingJobs,
} from '../../../operator/api/resources.ts';
import type { KubeObject, Resource } from '../../../operator/kernel/objects.ts';
import { servingReconciler } from '../../../operator/serving/reconciler.ts';
import { trainingReconciler } from '../../../operator/training/reconciler.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { FakeKubelet } from '../../support/fake-kubelet.ts';
import { startRig } from '../../support/rig.ts';
import { ended, feeds, node, settings, teacherAttempt, teacherJob, worker } from '../../support/runs.ts';
import { service } from '../serving/support.ts';

const big = 'x'.repeat(1000);
const strange = { 'limbeck.dev/config': big, 'example.com/note': big };
const weigh = (object: KubeObject): number => JSON.stringify(object).length;

describe('what is kept', () => {
  test('of a pod is what judges it: who it works for, where, and how its containers, and those before them, ended', () => {
    const conditions = [{ type: 'DisruptionTarget', status: 'True', lastProbeTime: big }];
    const { metadata, status } = worker(0, { ...ended({ exitCode: 65, message: 'why' }), conditions });
    const spec = {
      nodeName: 'one',
      containers: [
        { name: 'trainer', image: 'trainer:1', env: [{ name: 'A', value: big }], resources: { limits: { cpu: '1' } } },
      ],
      volumes: [{ name: big }],
    };
    const labels = { ...metadata.labels, 'pod-template-hash': 'abc' };
    const times = { deletionTimestamp: '2026-11-24T12:00:00Z', deletionGracePeriodSeconds: 45 };
    const [container] = status?.containerStatuses ?? [];
    const waiting = { reason: 'CrashLoopBackOff' };
    const last = { terminated: { exitCode: 1, message: 'sealed' } };
    const injected = { name: 'vault', ready: false, restartCount: 4, state: { waiting }, lastState: last };
    const kept = keptPod({
      ...{ apiVersion: 'v1', kind: 'Pod', spec },
      metadata: { ...metadata, ...times, labels: { ...labels, [big]: big }, annotations: strange, finalizers: [big] },
      status: {
        ...status,
        containerStatuses: [{ ...container, ...{ name: 'trainer', imageID: big } }],
        initContainerStatuses: [{ ...injected, ...{ imageID: big } }],
        hostIP: big,
      },
    } as Pod);
    expect(kept).toEqual({
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: { ...metadata, ...times, labels },
      spec: { nodeName: 'one', containers: [{ name: 'trainer', image: 'trainer:1' }] },
      status: {
        ...status,
        initContainerStatuses: [injected],
        conditions: [{ type: 'DisruptionTarget', status: 'True' }],
      },
    });
  });

  test('of the worker of a pod are its devices, and no other amounts or containers', () => {
    const pod = worker(0, undefined);
    const resources = { requests: { cpu: '1' }, limits: { cpu: '1', 'nvidia.com/gpu': '2' } };
    const containers = ['trainer', 'proxy'].map((name) => ({ name, resources }));
    expect(keptPod({ ...pod, spec: { containers } }).spec).toEqual({
      containers: [{ name: 'trainer', resources: { limits: { 'nvidia.com/gpu': '2' } } }, { name: 'proxy' }],
    });
  });

  test('of a Job is what tells how far it is, and not what its pods are told', () => {
    const job = {
      ...{ apiVersion: 'batch/v1', kind: 'Job' },
      metadata: { name: 'a1', uid: '1', annotations: { ...strange, 'limbeck.dev/profile': 'cpu' } },
      spec: {
        ...{ completions: 2, suspend: true },
        template: { metadata: { annotations: strange }, spec: { subdomain: 'workers', containers: [{ env: big }] } },
      },
      status: { active: 1, completedIndexes: big },
    };
    expect(keptJob(job as BatchJob)).toEqual({
      ...{ apiVersion: 'batch/v1', kind: 'Job' },
      metadata: { name: 'a1', uid: '1', annotations: { 'limbeck.dev/profile': 'cpu' } },
      spec: { completions: 2, suspend: true, template: { spec: { subdomain: 'workers' } } },
      status: { active: 1 },
    });
  });

  test('of a node is what a profile asks for', () => {
    const pressures = [{ type: 'DiskPressure', status: 'True', message: big }];
    const taints = [{ key: 'a', effect: 'NoSchedule' }];
    const { metadata, status } = node({ 'nvidia.com/gpu': '4' });
    const labels = { pool: 'a100' };
    const kept = keptNode({
      ...{ apiVersion: 'v1', kind: 'Node', spec: { unschedulable: true, taints, podCIDR: big } },
      metadata: { ...metadata, labels, annotations: strange },
      status: { ...status, images: [{ names: [big] }], conditions: [...pressures, ...(status?.conditions ?? [])] },
    } as Node);
    const spec = { unschedulable: true, taints };
    expect(kept).toEqual({ apiVersion: 'v1', kind: 'Node', metadata: { ...metadata, labels }, spec, status });
  });

  test('of what is applied is all that a wish may ask for, and of the annotations ours', () => {
    const ours = { 'limbeck.dev/desired-hash': 'h', 'limbeck.dev/revision': 'r' };
    const one = { ...service(), metadata: { ...service().metadata, annotations: { ...ours, ...strange } } };
    expect(withOurNotes(one)).toEqual({ ...one, metadata: { ...one.metadata, annotations: ours } });
  });

  test('of what is declared is all, and whether somebody touched it', () => {
    const touched = (annotations: Record<string, string>, finalizers = ['a.b/c']) =>
      withoutNotes({ ...service(), metadata: { ...service().metadata, annotations, finalizers } });
    const { annotations, ...metadata } = touched(strange).metadata;
    expect([{ ...touched(strange), metadata }, withoutNotes(service())]).toEqual([
      { ...service(), metadata: { ...service().metadata, finalizers: ['a.b/c'] } },
      service(),
    ]);
    expect([
      touched({ ...strange }).metadata.annotations,
      touched({ ...strange, more: '1' }).metadata.annotations,
    ]).toEqual([annotations, expect.not.objectContaining(annotations ?? {})]);
  });

  test.each<[string, Resource]>([
    ['pods', pods],
    ['Jobs', batchJobs],
    ['Services', services],
    ['Deployments', deployments],
    ['nodes', nodes],
    ['TrainingJobs', trainingJobs],
    ['ModelServices', modelServices],
  ])('of %s never grows with the annotations of others', (_, resource) => {
    const metadata = { name: 'a', namespace: 'default', uid: '1' };
    const plain = { apiVersion: resource.apiVersion, kind: resource.kind, metadata };
    const kept = resource.kept?.({ ...plain, metadata: { ...metadata, annotations: strange } });
    expect(weigh(kept ?? plain)).toBeLessThan(weigh(plain) + 100);
    expect(kept).toMatchObject(plain);
  });
});

test('whoever begins with such caches finds everything as it is wanted, and writes nothing', async () => {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  cluster.now = () => clock.now();
  cluster.put(nodes, node());
  for (const [resource, root] of [
    [trainingJobs, teacherJob()],
    [modelServices, service()],
  ] as const) {
    const metadata = { ...root.metadata };
    Reflect.deleteProperty(metadata, 'uid');
    cluster.put(resource, { ...root, metadata });
  }
  const reconcilers = [
    trainingReconciler(settings, feeds),
    servingReconciler(settings, { recommendation: () => undefined, loadFailure: () => undefined }),
  ];
  const rest = async (): Promise<number> => {
    const rig = startRig(cluster, clock, { reconcilers });
    await clock.advance(120_000);
    await rig.stop();
    return cluster.writes.length;
  };
  await rest();
  expect(await new FakeKubelet(cluster).start()).toEqual([teacherAttempt(1, 'uid-2')]);
  const written = await rest();
  for (const resource of [services, batchJobs, deployments, pods])
    for (const one of (await cluster.list(resource, {})).items)
      cluster.put(resource, {
        ...one,
        metadata: { ...one.metadata, annotations: { ...one.metadata.annotations, ...strange } },
      });
  expect([await rest(), await rest()]).toEqual([written, written]);
  expect(cluster.writes.map(({ what }) => what)).toContainEqual(expect.stringContaining('deployments default/digits'));
});
