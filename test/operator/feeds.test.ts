import { expect, test } from '@jest/globals';
import { deployments, endpointSlices, endpointSlicesOf, modelServices } from '../../operator/api/resources.ts';
import { gatewaysOf, scalesOf, slicesOfService } from '../../operator/feeds.ts';
import { ownerReferenceTo, type KubeObject, type Resource } from '../../operator/kernel/objects.ts';
import { cachesOf } from '../support/caches.ts';
import { FakeCluster } from '../support/fake-cluster.ts';
import { deployed, seen, service, settings } from './serving/support.ts';

async function cacheOf(objects: readonly (readonly [Resource, KubeObject])[]) {
  const cluster = new FakeCluster();
  for (const [resource, object] of objects) cluster.put(resource, object);
  const resources = [modelServices, deployments, endpointSlicesOf('limbeck-gateway')];
  const { cache, whenSynced } = cachesOf(cluster, resources, { indexes: [slicesOfService] });
  await whenSynced;
  return cache;
}

const status = { revision: 'r2', verifiedRevision: 'r1', readyReplicas: 2 };

test('a service is known with the scale of its own Deployment', async () => {
  const one = service({ replicas: 3 }, { status });
  // The fake cluster numbers what it stores.
  const owner = { ...one, metadata: { ...one.metadata, uid: 'uid-1' } };
  const deployment = deployed(seen({ service: one }));
  const metadata = { ...deployment.metadata, ownerReferences: [ownerReferenceTo(owner)] };
  const cache = await cacheOf([
    [modelServices, one],
    [deployments, { ...deployment, metadata }],
  ]);
  expect(scalesOf(cache)).toEqual([
    {
      ...{ key: { namespace: 'default', name: 'digits' }, uid: 'uid-1', minReplicas: 0, maxReplicas: 4 },
      ...{ targetInFlight: 4, idleSeconds: 60, maxColdStartSeconds: 120, pinned: 3 },
      ...{ currentReplicas: 3, readyReplicas: 2, verified: false },
    },
  ]);
});

test('a stranger’s Deployment counts for nothing, and a verified revision counts', async () => {
  const one = service({}, { status: { ...status, verifiedRevision: 'r2' } });
  const cache = await cacheOf([
    [modelServices, one],
    [deployments, deployed(seen({ service: one }))],
  ]);
  expect(scalesOf(cache)).toMatchObject([{ currentReplicas: 0, verified: true, pinned: undefined }]);
});

test('a service without anything to run has no scale', async () => {
  expect(scalesOf(await cacheOf([[modelServices, service()]]))).toEqual([]);
});

type Conditions = Readonly<Record<'ready' | 'serving' | 'terminating', boolean>>;

const draining: Conditions = { ready: false, serving: true, terminating: true };
const ending: Conditions = { ready: false, serving: false, terminating: true };

const slice = (
  name: string,
  addresses: readonly string[],
  conditions: Partial<Conditions> = draining,
  of = 'limbeck-gateway',
): readonly [Resource, KubeObject] => [
  endpointSlices,
  {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'limbeck', labels: { 'kubernetes.io/service-name': of } },
    endpoints: addresses.map((address) => ({
      ...{ addresses: [address], conditions },
      targetRef: { kind: 'Pod', name: `${name}-${address}` },
    })),
  } as KubeObject,
];

test('gateways are the endpoints of their Service, terminating ones too, each once', async () => {
  const cache = await cacheOf([
    slice('a', ['10.0.0.1', '10.0.0.2']),
    slice('b', ['10.0.0.2', 'fd00::1']),
    slice('c', ['10.0.0.9'], draining, 'other'),
  ]);
  expect(gatewaysOf(cache, settings)).toEqual([
    { name: 'a-10.0.0.1', url: 'http://10.0.0.1:8081' },
    { name: 'b-10.0.0.2', url: 'http://10.0.0.2:8081' },
    { name: 'b-fd00::1', url: 'http://[fd00::1]:8081' },
  ]);
});

test.each<[string, Partial<Conditions>, number | undefined]>([
  ['that is deleted and not ready has its grace period to end', ending, 45_000],
  ['that is deleted and still ready may be sent requests', draining, undefined],
  ['that is not ready, and not deleted, may be cut off', { ...ending, terminating: false }, undefined],
  ['of which nothing is said is ready', {}, undefined],
  ['of which only that it is deleted is said may be ready', { terminating: true }, undefined],
])('a gateway %s', async (_, conditions, endsInMs) => {
  const [gateway] = gatewaysOf(await cacheOf([slice('a', ['10.0.0.1'], conditions)]), settings);
  expect(gateway?.endsInMs).toBe(endsInMs);
});

test('an address that a new pod has is not at its end', async () => {
  for (const [one, other] of [
    [slice('old', ['10.0.0.1'], ending), slice('young', ['10.0.0.1'], {})],
    [slice('young', ['10.0.0.1'], {}), slice('old', ['10.0.0.1'], ending)],
  ] as const) {
    const gateways = gatewaysOf(await cacheOf([one, other]), settings);
    expect(gateways.map(({ url, endsInMs }) => [url, endsInMs])).toEqual([['http://10.0.0.1:8081', undefined]]);
  }
});
