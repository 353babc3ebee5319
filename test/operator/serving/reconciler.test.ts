import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Deployment, Pod } from '../../../operator/api/kubernetes.ts';
import { deployments, distillationJobs, modelServices, nodes, pods } from '../../../operator/api/resources.ts';
import { replicasOf, servingReconciler, type Observed } from '../../../operator/serving/reconciler.ts';
import type { Settings } from '../../../operator/workloads/settings.ts';
import { cachesOf } from '../../support/caches.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import {
  artefact,
  deployed,
  distillation,
  node,
  noRoomStatus,
  now,
  planned,
  pod,
  readyStatus,
  seen,
  service,
  settings,
  stored,
  succeeded,
} from './support.ts';

const key = { namespace: 'default', name: 'digits' };
const ready = { status: { revision: 'r', verifiedRevision: 'r' } };
const deploymentOf = (observed: Observed, over?: Settings) =>
  deployed(observed, over).spec as Deployment['spec'] & object;
const revisionIn = (deployment: Deployment): string => deployment.metadata.annotations?.['limbeck.dev/revision'] ?? '';

describe('replicas', () => {
  const number = fc.option(fc.integer({ min: -5, max: 2000 }), { nil: undefined });

  test('stay within the bounds whatever is recommended or found, and an unverified revision gets one', () => {
    const bounds = fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 50 })).map(([low, more]) => ({
      minReplicas: low,
      maxReplicas: Math.max(1, low) + more - 1,
    }));
    const property = fc.property(bounds, number, number, fc.boolean(), (limits, recommended, observed, verified) => {
      const scaling = { ...service().spec.scaling, ...limits };
      const replicas = replicasOf(service({ scaling }), { recommended, observed, verified });
      expect(replicas).toBeGreaterThanOrEqual(verified ? limits.minReplicas : Math.max(1, limits.minReplicas));
      expect(replicas).toBeLessThanOrEqual(limits.maxReplicas);
    });
    fc.assert(property);
  });

  test.each<[string, number | undefined, number | undefined, number | undefined, number]>([
    ['a pin', 9, 2, 1, 9],
    ['a pin to zero', 0, 2, 1, 0],
    ['the recommendation', undefined, 2, 1, 2],
    ['what is there, while nobody recommends', undefined, undefined, 3, 3],
    ['the fewest at first', undefined, undefined, undefined, 0],
  ])('%s', (_, pin, recommended, observed, expected) => {
    const one = service(pin === undefined ? {} : { replicas: pin });
    expect(replicasOf(one, { recommended, observed, verified: true })).toBe(expected);
  });
});

describe('the template', () => {
  const upgrades = fc.record({
    server: fc.string({ minLength: 1 }),
    imagePullPolicy: fc.constantFrom('Always', 'Never'),
    gpuProfiles: fc.constantFrom({}, { cpu: {} }, { gpu: { resourceName: 'amd.com/gpu' } }, settings.gpuProfiles),
  });

  test('of a revision stays as it began, through upgrades, other settings and lost nodes', () => {
    const first = seen();
    const property = fc.property(fc.array(upgrades, { maxLength: 4 }), fc.boolean(), (sequence, hasNode) => {
      let current = first;
      let deployment = deployed(first);
      for (const { server, imagePullPolicy, gpuProfiles } of sequence) {
        const over = { ...settings, images: { trainer: 't', server }, imagePullPolicy, gpuProfiles };
        current = { ...first, service: stored(current), deployment, nodes: hasNode ? [node()] : [] };
        deployment = deployed(current, over);
        expect(deployment.spec?.template).toEqual(deployed(first).spec?.template);
      }
    });
    fc.assert(property, { numRuns: 50 });
  });

  test('is mended where somebody changed it, and taken as it is where we would render another', () => {
    const deployment = deployed(seen());
    const meddled = { ...deployment, spec: { ...deployment.spec, template: { spec: { containers: [] } } } };
    expect(deploymentOf(seen({ deployment: meddled })).template).toEqual(deployment.spec?.template);
    const upgraded = { ...settings, images: { trainer: 't', server: 'server:2' } };
    expect(deploymentOf(seen({ deployment: meddled }), upgraded).template).toEqual(meddled.spec.template);
  });

  test('is rendered anew once the store has another Secret, without which no pod of it could start', () => {
    const images = { trainer: 't', server: 'server:2' };
    const exchanged = { ...settings, images, store: { ...settings.store, secretName: 'my-s3' } };
    const before = deployed(seen());
    const after = deployed(seen({ deployment: before, nodes: [] }), exchanged);
    expect([revisionIn(after), after]).toEqual([revisionIn(before), deployed(seen(), exchanged)]);
    expect(JSON.stringify(after)).toMatch(/server:2.*"envFrom":\[{"secretRef":{"name":"my-s3"}}\]/);
    // Where it cannot be, for want of its profile, that is told.
    const { apply, status } = planned(seen({ deployment: before }), { ...exchanged, gpuProfiles: { cpu: {} } });
    expect(apply.at(-1)?.object).toMatchObject({ spec: { template: before.spec?.template } });
    expect(status.conditions).toContainEqual(expect.objectContaining({ type: 'Accepted', reason: 'ProfileUnknown' }));
  });

  test('of a new revision is of the present settings', () => {
    const upgraded = { ...settings, images: { trainer: 't', server: 'server:2' } };
    const next = service({ runtime: { onnx: { instances: 2, threads: 1 } } });
    const template = deploymentOf(seen({ service: next, deployment: deployed(seen()) }), upgraded).template;
    expect(JSON.stringify(template)).toContain('server:2');
  });
});

describe('a roll-out', () => {
  const rolling = (status: Pod['status'], at = now): readonly [unknown, unknown] => {
    const fresh = revisionIn(deployed(seen()));
    const observed = seen({ pods: [pod('old', 'former', readyStatus), pod('new', fresh, status)] });
    const { apply, next } = planned(observed, settings, at);
    const { spec } = apply.at(-1)!.object as unknown as { spec: { strategy: { rollingUpdate: unknown } } };
    return [spec.strategy.rollingUpdate, next];
  };
  const later = new Date(now.getTime() + 10_000);

  test.each<[string, Pod['status'], Date, unknown, unknown]>([
    ['keeps the old replicas', { phase: 'Running' }, later, 0, { kind: 'settled' }],
    ['waits a while for room', noRoomStatus, now, 0, { kind: 'recheck', afterMs: 5000 }],
    ['then makes room', noRoomStatus, later, 1, { kind: 'settled' }],
  ])('%s', (_, status, at, maxUnavailable, next) => {
    expect(rolling(status, at)).toEqual([{ maxSurge: 1, maxUnavailable }, next]);
  });

  test('of a model that is not there leaves what runs, and goes on scaling it', () => {
    const deployment = deployed(seen());
    const moved = service({ model: { trainingJob: { name: 'teacher' } } }, ready);
    const up = pod('up', revisionIn(deployment), readyStatus);
    const observed = seen({ service: moved, deployment, pods: [up], recommendation: { replicas: 3, reason: 'load' } });
    expect(deploymentOf(observed)).toEqual({ ...deployment.spec, replicas: 3 });
  });
});

describe('the model of a job', () => {
  const named = service({ model: { distillationJob: { name: 'student' } } });
  const before = seen({ service: named, job: distillation(succeeded) });

  test('is stored before anything runs it', () => {
    const { apply, status } = planned(before);
    expect([apply, status.artefact]).toEqual([[], artefact]);
    expect(planned({ ...before, service: stored(before) }).apply).toHaveLength(3);
  });

  test('has not rolled out before it is deployed, also where no replica is wanted', () => {
    const progressOf = (observed: ReturnType<typeof seen>) =>
      planned(observed).status.conditions.find(({ type }) => type === 'Progressing')?.reason;
    const stopped = { ...before, service: service({ ...named.spec, replicas: 0 }) };
    expect(progressOf(stopped)).toBe('RollingOut');
    expect(progressOf({ ...stopped, service: stored(stopped) })).toBe('RolledOut');
  });

  test('is served, and rolls out with other settings, when the job is gone', () => {
    const kept = seen({ service: stored(before), deployment: deployed(before) });
    expect(planned(kept).status).toMatchObject({ phase: 'Starting', artefact });
    const runtime = { onnx: { instances: 2, threads: 2 } };
    const changed = { ...kept, service: { ...kept.service, spec: { ...named.spec, runtime } } };
    expect(revisionIn(deployed(changed))).not.toBe(revisionIn(deployed(before)));
  });

  test('is known when a node comes after the job has gone', () => {
    const waiting = { ...before, nodes: [] };
    expect(planned(waiting).status).toMatchObject({ phase: 'Waiting', artefact });
    expect(deployed(seen({ service: stored(waiting) })).spec?.replicas).toBe(1);
  });

  test('that another one has taken the place of is stored before it is rolled out', () => {
    const other = distillation({ ...succeeded, artefact: { ...succeeded.artefact, sha256: 'b'.repeat(64) } });
    const replaced = seen({ service: stored(before), deployment: deployed(before), job: other });
    expect(planned(replaced).apply).toEqual([]);
    expect(revisionIn(deployed(replaced))).not.toBe(revisionIn(deployed(before)));
  });

  test('tells of another number of replicas in the pass that asks for it, and in none before', () => {
    const other = distillation({ ...succeeded, artefact: { ...succeeded.artefact, sha256: 'b'.repeat(64) } });
    const pinned = { ...stored(before), spec: { ...named.spec, replicas: 3 } };
    const replaced = seen({ service: pinned, deployment: deployed(before), job: other });
    const told = (observed: ReturnType<typeof seen>) => planned(observed).events.map(({ reason }) => reason);
    expect(told(replaced)).toEqual([]);
    expect(told({ ...replaced, service: stored(replaced) })).toEqual(['Scaled']);
  });
});

test('at rest the status stays as it is, and nothing is told twice', () => {
  const revision = revisionIn(deployed(seen()));
  const crashed = { name: 'server', lastState: { terminated: { exitCode: 1, message: 'why' } } };
  const up = { phase: 'Running' } as const;
  const status = fc.constantFrom<Pod['status']>(readyStatus, noRoomStatus, up, { ...up, containerStatuses: [crashed] });
  const replica = fc.tuple(fc.constantFrom('a', 'b'), fc.constantFrom(revision, 'former'), status);
  const number = fc.option(fc.nat(5), { nil: undefined });
  const model = { distillationJob: { name: 'student' } };
  const property = fc.property(
    fc.record({ pods: fc.array(replica, { maxLength: 3 }), pin: number, wanted: number, hasNode: fc.boolean() }),
    fc.constantFrom(undefined, 'Running', 'Failed'),
    fc.boolean(),
    ({ pods: replicas, pin, wanted, hasNode }, phase, isDeployed) => {
      const pinned = pin === undefined ? {} : { replicas: pin };
      const observed = seen({
        service: service({ ...pinned, ...(phase === undefined ? {} : { model }) }),
        pods: replicas.map(([name, of, is]) => pod(`${name}-${of}`, of, is)),
        ...{ job: distillation({ phase }), nodes: hasNode ? [node()] : [] },
        deployment: isDeployed ? deployed(seen()) : undefined,
        recommendation: wanted === undefined ? undefined : { replicas: wanted, reason: 'load' },
      });
      const again = planned({ ...observed, service: stored(observed) }, settings, new Date(now.getTime() + 60_000));
      expect(again.status).toEqual(planned(observed).status);
      expect(again.events.filter(({ reason }) => reason !== 'Scaled')).toEqual([]);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

test('what only a person can mend is looked at now and then', () => {
  const failed = seen({
    service: service({ model: { trainingJob: { name: 't' } } }),
    job: distillation({ phase: 'Failed' }),
  });
  expect(planned(failed).next).toEqual({ kind: 'blocked', reason: 'ModelFailed' });
});

test('observes replicas by their ReplicaSet, the job by its reference, and wakes for both', async () => {
  const cluster = new FakeCluster();
  const reconciler = servingReconciler(settings, {
    recommendation: (uid) => (uid === stored ? { replicas: 2, reason: 'load' } : undefined),
    loadFailure: () => 'unheard',
  });
  const one = pod('mine', 'r', { phase: 'Running' });
  const replica = (name: string, owner: string): Pod => ({
    ...one,
    metadata: {
      ...{ name, namespace: 'default' },
      labels: { ...one.metadata.labels, 'limbeck.dev/root': stored, 'pod-template-hash': 'x1' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: 'rs', controller: true }],
    },
  });
  const said = {
    type: 'Progressing',
    status: 'False',
    reason: 'ArtefactMissing',
    message: 'pod mine: not there',
  } as const;
  const conditions = [{ ...said, lastTransitionTime: '2026-11-24T12:00:00Z' }];
  const wish = service({ model: { distillationJob: { name: 'student' } } }, { status: { conditions } });
  const stored = cluster.put(modelServices, wish).metadata.uid ?? '';
  cluster.put(pods, replica('mine', 'digits-x1'));
  cluster.put(pods, replica('strange', 'other-x1'));
  const older = replica('of-a-predecessor', 'digits-x1');
  const labels = { ...older.metadata.labels, 'limbeck.dev/root': 'before' };
  cluster.put(pods, { ...older, metadata: { ...older.metadata, labels } });
  const job = distillation({ phase: 'Running' });
  cluster.put(distillationJobs, job);
  const without = { ...said, reason: 'NoNodeFits', lastTransitionTime: '2026-11-24T12:00:00Z' };
  const homeless = service({}, { status: { conditions: [without] } });
  cluster.put(modelServices, { ...homeless, metadata: { name: 'homeless', namespace: 'default' } });
  const { watches, indexes = [] } = reconciler;
  const caches = cachesOf(cluster, [modelServices, ...watches.map(({ resource }) => resource)], { indexes });
  await caches.whenSynced;
  const observed = reconciler.observe(caches.cache, key);
  expect(observed?.pods.map(({ metadata }) => metadata.name)).toEqual(['mine']);
  expect([observed?.job?.metadata.name, observed?.recommendation?.replicas]).toEqual(['student', 2]);
  // Nobody has asked it since this operator began: what it said to the last one still holds.
  expect([...(observed?.loadFailures ?? [])]).toEqual([['mine', { reason: 'ArtefactMissing', message: 'not there' }]]);
  const woken = (resource: object, object: Pod | typeof job) =>
    watches.filter((watch) => watch.resource === resource).flatMap((watch) => watch.keysOf(object, caches.cache));
  expect(woken(pods, one)).toEqual([key]);
  expect(woken(distillationJobs, job)).toEqual([key]);
  expect(woken(nodes, job)).toEqual([{ namespace: 'default', name: 'homeless' }]);
  expect(woken(deployments, deployed(seen()) as Pod)).toEqual([key]);
  expect(reconciler.observe(caches.cache, { namespace: 'default', name: 'gone' })).toBeUndefined();
});

test('a refusal to make pods is told while replicas are missing, and forgotten when they are there', () => {
  const deployment = deployed(seen());
  const message = 'pods "digits-1" is forbidden: exceeded quota';
  const refused = {
    ...deployment,
    status: { conditions: [{ type: 'ReplicaFailure', status: 'True' as const, reason: 'FailedCreate', message }] },
  };
  const progressing = (replicas: readonly Pod[]) =>
    planned(seen({ deployment: refused, pods: replicas })).status.conditions.find(({ type }) => type === 'Progressing');
  expect(progressing([])).toMatchObject({
    status: 'False',
    reason: 'NoPods',
    message: 'no pod is made: forbidden: exceeded quota',
  });
  expect(progressing([pod('up', revisionIn(deployment), readyStatus)])).toMatchObject({ reason: 'RolledOut' });
});
