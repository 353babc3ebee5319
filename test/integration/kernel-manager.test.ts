/** The kernel over a real API server: a toy kind from its definition to rest, takeover, and deletion under its feet. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '../../process/clock.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import { connect, type Connection } from '../../operator/kernel/connect.ts';
import { leases } from '../../operator/kernel/lease.ts';
import { startManager, type Manager } from '../../operator/kernel/manager.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import { createNamespace, definitions, removeNamespace } from '../support/cluster-scoped.ts';
import { freeLease } from '../support/free-lease.ts';
import { testKubeconfig } from '../support/kubeconfig.ts';
import { crew, crewReconciler, crews, freshRegistry, members, rememberingLog, type Crew } from '../support/toy.ts';

const namespace = `kernel-${randomUUID().slice(0, 8)}`;
const never = new AbortController().signal;
const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const definition = {
  apiVersion: definitions.apiVersion,
  kind: definitions.kind,
  metadata: { name: 'crews.test.dev' },
  spec: {
    group: 'test.dev',
    scope: 'Namespaced',
    names: { kind: 'Crew', plural: 'crews', singular: 'crew', listKind: 'CrewList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: free, status: free } } },
      },
    ],
  },
} as KubeObject;

let connection: Connection;
let cluster: Cluster;
const writes: string[] = [];

/** Notes every write with who made it. */
function noting(who: string): Cluster {
  const noted =
    (verb: 'apply' | 'applyStatus' | 'create') =>
    async (resource: Resource, object: KubeObject, signal: AbortSignal): Promise<KubeObject> => {
      writes.push(`${who} ${verb} ${resource.plural}`);
      return verb === 'applyStatus'
        ? cluster.applyStatus(resource, { ...object, status: 'status' in object ? object.status : {} }, signal)
        : cluster[verb](resource, object, signal);
    };
  return {
    list: (resource, options, signal) => cluster.list(resource, options, signal),
    watch: (resource, options, signal) => cluster.watch(resource, options, signal),
    get: (resource, key, signal) => cluster.get(resource, key, signal),
    update: (resource, object, signal) => cluster.update(resource, object, signal),
    remove: (ref, signal) => cluster.remove(ref, signal),
    apply: noted('apply'),
    applyStatus: noted('applyStatus'),
    create: noted('create'),
  };
}

interface Running {
  readonly manager: Manager;
  readonly stop: () => Promise<void>;
}

function run(identity: string): Running {
  const stopping = new AbortController();
  const manager = startManager({
    cluster: noting(identity),
    leaseCluster: connection.leaseCluster,
    reconcilers: [crewReconciler],
    log: rememberingLog(),
    registry: freshRegistry(),
    signal: stopping.signal,
    clock: systemClock,
    random: Math.random,
    identity,
    namespace,
    watchNamespace: namespace,
    leaderElection: { leaseName: 'toy' },
  });
  return {
    manager,
    stop: () => {
      stopping.abort();
      return manager.done;
    },
  };
}

async function eventually(what: () => Promise<boolean> | boolean): Promise<void> {
  for (let look = 0; look < 400; look += 1) {
    if (await Promise.resolve(what()).catch(() => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it never came to be');
}

const of = (name: string, names: readonly string[]): Crew => ({ ...crew(name, names), metadata: { name, namespace } });
const member = (name: string): Promise<KubeObject> => cluster.get(members, { namespace, name }, never);
const ready = async (name: string, count: number): Promise<boolean> =>
  (await cluster.get(crews, { namespace, name }, never)).status?.members === count;

beforeAll(async () => {
  process.env['KUBECONFIG'] = testKubeconfig();
  connection = await connect({ component: 'kernel', version: '0.0.0', registry: freshRegistry(), clock: systemClock });
  ({ cluster } = connection);
  await cluster.apply(definitions, definition, never);
  await createNamespace(cluster, namespace);
  await cluster.create(leases, freeLease({ namespace, name: 'toy' }), never);
  await eventually(async () => (await cluster.list(crews, { namespace }, never)).items.length === 0);
});

afterAll(async () => {
  await cluster.remove({ resource: definitions, key: { namespace: '', name: 'crews.test.dev' } }, never);
  await removeNamespace(cluster, namespace);
  await connection.close();
});

describe('the kernel on a real API server', () => {
  test('converges, is quiet, repairs drift, hands over, and survives re-creation', async () => {
    const first = run('first');
    await first.manager.leading;
    const second = run('second');
    await cluster.create(crews, of('alpha', ['ann', 'bob']), never);
    await eventually(() => ready('alpha', 2));

    const before = writes.length;
    first.manager.poke('crew', { namespace, name: 'alpha' });
    await eventually(() => second.manager.ready() === undefined);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(writes.slice(before)).toEqual([]);

    const ann = await member('alpha-ann');
    await cluster.update(members, { ...ann, data: { name: 'mallory' } } as KubeObject, never);
    await eventually(
      async () => (await cluster.get(members, { namespace, name: 'alpha-ann' }, never)).data?.['name'] === 'ann',
    );

    expect(writes.filter((line) => line.startsWith('second'))).toEqual([]);
    await first.stop();
    await second.manager.leading;
    expect((await cluster.get(leases, { namespace, name: 'toy' }, never)).spec.holderIdentity).toBe('second');

    const old = await cluster.get(crews, { namespace, name: 'alpha' }, never);
    await cluster.remove({ resource: crews, key: { namespace, name: 'alpha' } }, never);
    await cluster.create(crews, of('alpha', ['ann', 'cid']), never);
    // The collector of the cluster learns a new kind within half a minute only; the test does its work.
    for (const name of ['alpha-ann', 'alpha-bob'])
      await cluster.remove({ resource: members, key: { namespace, name } }, never);
    await eventually(() => ready('alpha', 2));
    const next = await cluster.get(crews, { namespace, name: 'alpha' }, never);
    const owner = (await member('alpha-ann')).metadata.ownerReferences?.[0]?.uid;
    expect([owner === next.metadata.uid, old.metadata.uid === next.metadata.uid]).toEqual([true, false]);
    await second.stop();
  }, 60_000);
});
