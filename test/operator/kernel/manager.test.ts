import { describe, expect, test } from '@jest/globals';
import { leases } from '../../../operator/kernel/lease.ts';
import { eventsResource } from '../../../operator/kernel/recorder.ts';
import { led } from '../../support/candidates.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { FakeCluster, type Write } from '../../support/fake-cluster.ts';
import { masked, startRig } from '../../support/rig.ts';
import { crew, crews, freshRegistry, members } from '../../support/toy.ts';

const key = { namespace: 'default', name: 'alpha' };
const election = { leaseName: 'operator' };
const restMs = 30_000;

async function converged(names: readonly string[]): Promise<FakeCluster> {
  const [cluster, clock] = [led(), new FakeClock()];
  cluster.put(crews, crew('alpha', names));
  const rig = startRig(cluster, clock);
  await clock.advance(restMs);
  await rig.stop();
  return cluster;
}

describe('a manager', () => {
  test('makes the children, says so in the status, tells once, and comes to rest', async () => {
    const cluster = await converged(['ann', 'bob']);
    expect((await cluster.get(crews, key)).status).toMatchObject({ members: 2, conditions: [{ status: 'True' }] });
    const verbs = cluster.writes.map(({ verb }) => verb);
    expect(verbs).toEqual(['apply', 'apply', 'applyStatus', 'create', 'applyStatus']);
  });

  test('is quiet at rest, also after a restart', async () => {
    const cluster = await converged(['ann', 'bob']);
    const before = cluster.writes.length;
    const clock = new FakeClock();
    const rig = startRig(cluster, clock);
    await clock.advance(restMs);
    rig.manager.poke('crew', key);
    await clock.advance(restMs);
    await rig.stop();
    expect(cluster.writes.length).toBe(before);
  });

  test('follows changes of the wish and repairs drift', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const root = cluster.put(crews, crew('alpha', ['ann', 'bob']));
    const rig = startRig(cluster, clock);
    await clock.advance(restMs);
    cluster.put(crews, { ...root, spec: { members: ['bob', 'cid'] } } as typeof root);
    await clock.advance(restMs);
    expect(rig.manager.cache.list(members).map(({ metadata }) => metadata.name)).toEqual(['alpha-bob', 'alpha-cid']);
    const bob = await cluster.get(members, { namespace: 'default', name: 'alpha-bob' });
    cluster.put(members, { ...bob, data: { name: 'mallory' } } as typeof bob);
    await clock.advance(restMs);
    expect((await cluster.get(members, { namespace: 'default', name: 'alpha-bob' })).data).toEqual({ name: 'bob' });
    await rig.stop();
  });

  test('passes and events take the time of the API server for now, the lease its own', async () => {
    const [cluster, clock, time] = [led(), new FakeClock('2026-01-01T00:00:00Z'), '2026-07-01T00:00:00Z'];
    cluster.put(crews, crew('alpha', []));
    const serverClock = Object.assign(new FakeClock(), { now: () => new Date(time) });
    const rig = startRig(cluster, clock, { serverClock, leaderElection: election });
    await clock.advance(restMs);
    expect((await cluster.get(crews, key)).status).toMatchObject({ conditions: [{ lastTransitionTime: time }] });
    const { items } = await cluster.list(eventsResource, {});
    expect(items).toMatchObject([{ eventTime: '2026-07-01T00:00:00.000000Z' }]);
    const { spec } = await cluster.get(leases, { namespace: 'limbeck', name: 'operator' });
    expect(spec.renewTime).toMatch(/^2026-01-01/);
    await rig.stop();
  });

  test('is ready when its caches are, leads only with the lease, and writes nothing as a standby', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const first = startRig(cluster, clock, { leaderElection: election, identity: 'first' });
    await clock.advance(1000);
    const second = startRig(cluster, clock, { leaderElection: election, identity: 'second' });
    expect(second.manager.ready()).toContain('crews');
    await clock.advance(5000);
    expect([second.manager.ready(), first.manager.isLeader(), second.manager.isLeader()]).toEqual([
      undefined,
      true,
      false,
    ]);
    cluster.put(crews, crew('alpha', ['ann']));
    await clock.advance(5000);
    await first.stop();
    expect((await cluster.get(leases, { namespace: 'limbeck', name: 'operator' })).spec.holderIdentity).toBe('');
    cluster.put(crews, crew('beta', ['eve']));
    await clock.advance(5000);
    expect(second.manager.isLeader()).toBe(true);
    expect(await cluster.get(members, { namespace: 'default', name: 'beta-eve' })).toBeDefined();
    await second.stop();
  });

  test('a standby keeps no account of what happens meanwhile, and looks at all that is there once it leads', async () => {
    const [cluster, clock, registry] = [led(), new FakeClock(), freshRegistry()];
    const first = startRig(cluster, clock, { leaderElection: election, identity: 'first' });
    await clock.advance(1000);
    const second = startRig(cluster, clock, { leaderElection: election, identity: 'second', registry });
    for (const name of ['alpha', 'beta', 'gamma']) cluster.put(crews, crew(name, ['ann']));
    await clock.advance(5000);
    await first.stop();
    expect(await registry.metrics()).toMatch(/_queue_depth\{[^}]*"crew"[^}]*\} 0$/m);
    // Nobody hears of this one but by looking.
    cluster.put(crews, crew('delta', ['ann']));
    await clock.advance(5000);
    expect(await cluster.get(members, { namespace: 'default', name: 'delta-ann' })).toBeDefined();
    await second.stop();
  });

  test('a paused leader writes nothing when it wakes and ends with an error', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const rig = startRig(cluster, clock, { leaderElection: election });
    let end: unknown;
    rig.manager.done.catch((error: unknown) => (end = error));
    await clock.advance(1000);
    clock.pause(30_000);
    const before = cluster.writes.length;
    cluster.put(crews, crew('alpha', ['ann']));
    await settle();
    await clock.advance(1000);
    expect(cluster.writes.length).toBe(before);
    expect(String(end)).toContain('leadership lost');
  });

  test('says nothing more once it may not write, also no status after its event', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const rig = startRig(cluster, clock, { leaderElection: election });
    await clock.advance(1000);
    // The event that comes before the status: everybody is here.
    cluster.afterWrite = ({ verb }) => {
      if (verb === 'create') clock.pause(13_000);
    };
    cluster.put(crews, crew('alpha', []));
    await settle();
    expect(cluster.writes.map(({ verb }) => verb)).toEqual(['update', 'create']);
    expect((await cluster.get(crews, key)).status).toBeUndefined();
    await rig.stop();
  });

  test('does not ask for the lease before its caches are synced: until then another one may lead', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const { promise: listed, resolve: list } = Promise.withResolvers<undefined>();
    const listNow = cluster.list.bind(cluster);
    cluster.list = (resource, options) => listed.then(() => listNow(resource, options));
    const rig = startRig(cluster, clock, { leaderElection: election });
    await clock.advance(60_000);
    expect([cluster.writes, rig.manager.isLeader()]).toEqual([[], false]);
    list(undefined);
    await clock.advance(5000);
    expect([cluster.writes.length > 0, rig.manager.isLeader()]).toEqual([true, true]);
    await rig.stop();
  });

  test('asked to end it keeps the lease until the write that is on the way is answered, and begins no other', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const holder = async (): Promise<unknown> =>
      (await cluster.get(leases, { namespace: 'limbeck', name: 'operator' })).spec.holderIdentity;
    const { promise: answered, resolve: answer } = Promise.withResolvers<undefined>();
    const applyNow = cluster.apply.bind(cluster);
    cluster.apply = (resource, object) => answered.then(() => applyNow(resource, object));
    const rig = startRig(cluster, clock, { leaderElection: election });
    cluster.put(crews, crew('alpha', ['ann']));
    await clock.advance(1000);
    const stopped = rig.stop();
    await clock.advance(20_000);
    expect([await holder(), rig.manager.isLeader()]).toEqual(['rig', true]);
    answer(undefined);
    await stopped;
    expect(await holder()).toBe('');
    expect(cluster.writes.slice(-2).map(({ verb }) => verb)).toEqual(['apply', 'update']);
  });

  test('gives up when its caches do not sync, so that a supervisor sees it', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    cluster.list = () => Promise.reject(new Error('no'));
    const rig = startRig(cluster, clock);
    let end: unknown;
    rig.manager.done.catch((error: unknown) => (end = error));
    await clock.advance(121_000);
    expect(String(end)).toContain('crews, configmaps');
  });

  test('refuses to poke a reconciler it does not know', async () => {
    const rig = startRig(new FakeCluster(), new FakeClock());
    expect(() => rig.manager.poke('nobody', key)).toThrow('no reconciler named nobody');
    await rig.stop();
  });
});

type Crash = 'before it is sent' | 'after it is committed';

/** Kills the manager at one write, restarts another one on the same cluster, and lets it come to rest. */
async function crashedAt(number: number, when: Crash): Promise<FakeCluster> {
  const [cluster, clock] = [led(), new FakeClock()];
  cluster.put(crews, crew('alpha', ['ann', 'bob', 'cid']));
  let dead = false;
  const strike = (write: Write): void => {
    dead ||= write.number >= number;
    if (dead) throw new Error('the connection broke');
  };
  if (when === 'before it is sent') cluster.beforeWrite = strike;
  else cluster.afterWrite = strike;
  const first = startRig(cluster, clock);
  await clock.advance(20);
  await first.stop();
  cluster.beforeWrite = () => undefined;
  cluster.afterWrite = () => undefined;
  const second = startRig(cluster, clock);
  await clock.advance(restMs);
  await second.stop();
  return cluster;
}

describe('a crash at any write', () => {
  const whens: readonly Crash[] = ['before it is sent', 'after it is committed'];
  const cases = whens.flatMap((when) => [1, 2, 3, 4, 5, 6].map((number) => [number, when] as const));

  test.each(cases)('write %i, %s: the end is the same', async (number, when) => {
    const reference = masked(await converged(['ann', 'bob', 'cid']));
    expect(masked(await crashedAt(number, when))).toEqual(reference);
    expect(reference.some((line) => line.startsWith(`${eventsResource.apiVersion}/events`))).toBe(true);
  });

  test.each(cases)('write %i fails once %s, without a restart: the end is the same', async (number, when) => {
    const [cluster, clock] = [led(), new FakeClock()];
    cluster.put(crews, crew('alpha', ['ann', 'bob', 'cid']));
    const strike = (write: Write): void => {
      if (write.number === number) throw new Error('the connection broke');
    };
    if (when === 'before it is sent') cluster.beforeWrite = strike;
    else cluster.afterWrite = strike;
    const rig = startRig(cluster, clock);
    await clock.advance(restMs);
    await rig.stop();
    expect(masked(cluster)).toEqual(masked(await converged(['ann', 'bob', 'cid'])));
  });
});
