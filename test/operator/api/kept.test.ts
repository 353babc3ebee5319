import { describe, expect, test } from '@jest/globals';
import { keptJob, keptNode, keptPod, withOurNotes, withoutNotes } from '../../../operator/api/kept.ts';
import type { BatchJob, Node, Pod } from '../../../operator/api/kubernetes.ts';
import {
  batchJobs,
  deployments,
  endpointSlices,
  modelServices,
  nodes,
  pods,
  services,
  trainingJobs,
  volcanoGroups,
} from '../../../operator/api/resources.ts';
import { standingOf } from '../../../operator/kernel/act.ts';
import {
  ownerReferenceTo,
  type KubeObject,
  type ObjectMeta,
  type OwnerReference,
  type Resource,
} from '../../../operator/kernel/objects.ts';
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

  const kinds: readonly (readonly [string, Resource])[] = [
    ['pods', pods],
    ['Jobs', batchJobs],
    ['Services', services],
    ['Deployments', deployments],
    ['PodGroups', volcanoGroups],
    ['EndpointSlices', endpointSlices],
    ['TrainingJobs', trainingJobs],
    ['ModelServices', modelServices],
  ];
  const metadata = { name: 'a', namespace: 'default', uid: '1' };

  test.each([...kinds, ['nodes', nodes] as const])(
    'of %s never grows with the annotations of others',
    (_, resource) => {
      const plain = { apiVersion: resource.apiVersion, kind: resource.kind, metadata };
      const kept = resource.kept?.({ ...plain, metadata: { ...metadata, annotations: strange } });
      expect(weigh(kept ?? plain)).toBeLessThan(weigh(plain) + 100);
      expect(kept).toMatchObject(plain);
    },
  );

  test.each(kinds)(
    'of %s is no more than it takes to know it, however much the API server lets others add',
    (_, resource) => {
      const many = Array.from({ length: 4000 }, (_member, at) => `example.com/${at}-${big.slice(0, 40)}`);
      const owner = { apiVersion: 'v1', kind: 'Owner', name: 'o', uid: '2' };
      const controller = { ...owner, kind: big, name: big, controller: true };
      const kept = resource.kept?.({
        ...{ apiVersion: resource.apiVersion, kind: resource.kind },
        metadata: {
          ...metadata,
          labels: { ...Object.fromEntries(many.map((name) => [name, 'x'])), 'limbeck.dev/root': '3' },
          annotations: { 'limbeck.dev/desired-hash': big },
          ownerReferences: [...many.map((uid) => ({ ...owner, uid })), controller],
          finalizers: many,
        },
      });
      expect(weigh(kept!)).toBeLessThan(2000);
      // Nor the beginning of a long text, which would hold all of it in memory.
      expect(kept?.metadata.ownerReferences).toEqual([{ ...controller, kind: '', name: '' }]);
    },
  );

  const digits = service();
  test.each<[string, readonly OwnerReference[], string]>([
    ['stands in the way', [], 'taken'],
    ['is of another kind', [{ ...ownerReferenceTo(digits), apiVersion: 'apps/v1', uid: '2' }], 'taken'],
    ['names us without being controlled', [{ ...ownerReferenceTo(digits), controller: false }], 'taken'],
    ['is of a predecessor', [{ ...ownerReferenceTo(digits), uid: 'former' }], 'leaving'],
    ['is ours', [ownerReferenceTo(digits)], 'ours'],
  ])(
    'of a Deployment or a Service that %s is its spec only where it is of our kinds',
    (_, ownerReferences, standing) => {
      for (const resource of [deployments, services]) {
        const { apiVersion, kind } = resource;
        const named = { ...metadata, labels: { 'limbeck.dev/root': '3' } };
        const found = {
          apiVersion,
          kind,
          metadata: { ...named, ownerReferences },
          spec: { template: big },
          status: big,
        };
        const left = resource.kept?.(found);
        expect(standingOf(left, digits)).toBe(standing);
        expect(left).toEqual(
          standing === 'taken' ? { apiVersion, kind, metadata: expect.objectContaining(named) } : found,
        );
      }
    },
  );

  test('of an EndpointSlice, which its Service controls, are the addresses', () => {
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Service', name: 's', uid: '2', controller: true }];
    const { apiVersion, kind } = endpointSlices;
    const slice = { apiVersion, kind, metadata: { ...metadata, ownerReferences }, endpoints: [{ addresses: ['::1'] }] };
    expect(endpointSlices.kept?.(slice)).toEqual(slice);
  });

  test('of what is declared tells whether somebody touched a label, or took it away', () => {
    const labelled = (labels: Record<string, string>) =>
      JSON.stringify(withoutNotes({ ...digits, metadata: { ...digits.metadata, labels } }));
    expect(labelled({ team: 'a' })).toBe(labelled({ team: 'a' }));
    expect(new Set([{}, { team: 'a' }, { team: 'b' }, { team: 'a', other: 'b' }].map(labelled)).size).toBe(4);
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
  const meddle = async (how: (metadata: ObjectMeta) => ObjectMeta, resources: readonly Resource[]): Promise<void> => {
    for (const resource of resources)
      for (const one of (await cluster.list(resource, {})).items)
        cluster.put(resource, { ...one, metadata: how(one.metadata) });
  };
  const add = ({ annotations, labels, ...metadata }: ObjectMeta): ObjectMeta => ({
    ...metadata,
    annotations: { ...annotations, ...strange },
    labels: { ...labels, 'example.com/team': 'a' },
  });
  await meddle(add, [services, batchJobs, deployments, pods]);
  expect([await rest(), await rest()]).toEqual([written, written]);
  expect(cluster.writes.map(({ what }) => what)).toContainEqual(expect.stringContaining('deployments default/digits'));
  // A label of ours that somebody takes away is put back.
  const take = ({ labels, ...metadata }: ObjectMeta): ObjectMeta => {
    const left = Object.entries(labels ?? {}).filter(([name]) => name !== 'limbeck.dev/model-service');
    return { ...metadata, labels: Object.fromEntries(left) };
  };
  await meddle(take, [deployments]);
  expect([await rest(), await rest()]).toEqual([written + 1, written + 1]);
  const [mended] = (await cluster.list(deployments, {})).items;
  expect(mended?.metadata.labels).toMatchObject({ 'limbeck.dev/model-service': 'digits', 'example.com/team': 'a' });
});
