import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import { LeadershipLost, type Leader } from '../../../operator/kernel/leader.ts';
import { leases, usualTimes, type Lease } from '../../../operator/kernel/lease.ts';
import { candidate, cuttable, key, leading, led, meddled, never, reigning, unlucky } from '../../support/candidates.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const heldByOther = (lease: Lease): Lease => ({ ...lease, spec: { ...lease.spec, holderIdentity: 'b' } });

describe('Leader', () => {
  test('takes the lease, leads, and keeps it for as long as it renews', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const leader = candidate('a', cluster, clock);
    expect(leader.mayWrite()).toBe(false);
    expect(await leader.acquire(never)).toBe(true);
    const [stop, held] = leading(leader);
    await clock.advance(120_000);
    expect(leader.mayWrite()).toBe(true);
    expect(leader.notAlive()).toBeUndefined();
    stop.abort();
    await held;
  });

  test('a lease whose taker is told to end meanwhile is his, to be given back', async () => {
    const [cluster, clock, stop] = [led(), new FakeClock(), new AbortController()];
    const leader = candidate('a', cluster, clock);
    cluster.beforeWrite = () => {
      stop.abort();
    };
    expect(await leader.acquire(stop.signal)).toBe(true);
    await leader.release(never);
    expect((await cluster.get(leases, key)).spec.holderIdentity).toBe('');
  });

  test('of two candidates one leads; the other takes over after a release, at its next try', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const [a, b] = [candidate('a', cluster, clock), candidate('b', cluster, clock)];
    await a.acquire(never);
    const [stop, held] = leading(a);
    const next = b.acquire(never);
    await clock.advance(60_000);
    expect([a.mayWrite(), b.mayWrite()]).toEqual([true, false]);
    stop.abort();
    await held;
    await a.release(never);
    expect(a.mayWrite()).toBe(false);
    await clock.advance(2000);
    expect(await next).toBe(true);
    expect(b.mayWrite()).toBe(true);
  });

  test('a leader that vanishes is followed within its lease and one try, never earlier', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const [a, b] = [candidate('a', cluster, clock), candidate('b', cluster, clock)];
    await a.acquire(never);
    const next = b.acquire(never);
    for (let elapsed = 0; elapsed < 20_000; elapsed += 500) {
      expect([a.mayWrite(), b.mayWrite()]).not.toEqual([true, true]);
      await clock.advance(500);
    }
    expect(await next).toBe(true);
    expect((await cluster.get(leases, key)).spec.leaseTransitions).toBe(2);
  });

  test.each([
    ['is killed', 20_000, () => Promise.resolve()],
    ['is asked to end', 5000, (leader: Leader) => leader.release(never)],
  ])('when the leader %s, the other one leads within %d ms, however chance has it', async (_, limitMs, deed) => {
    for (let phaseMs = 0; phaseMs < 4400; phaseMs += 200) {
      const [cluster, clock] = [led(), new FakeClock()];
      const [first, second] = [candidate('a', cluster, clock), unlucky(cluster, clock)];
      await first.acquire(never);
      const [stop, held] = leading(first);
      const next = second.acquire(never);
      await clock.advance(10_000 + phaseMs);
      stop.abort();
      await deed(first);
      await clock.advance(limitMs);
      expect({ phaseMs, leads: second.mayWrite() }).toEqual({ phaseMs, leads: true });
      await Promise.all([held, next]);
    }
  });

  test('a paused leader may not write when it wakes, and ends', async () => {
    const { clock, leader } = await reigning();
    const held = leader.hold(never).catch((error: unknown) => error);
    await settle();
    clock.pause(20_000);
    expect(leader.mayWrite()).toBe(false);
    await clock.advance(1);
    expect(await held).toBeInstanceOf(LeadershipLost);
  });

  test('after the machine slept, and the monotonic clock with it, it may not write either, and ends', async () => {
    const { clock, leader } = await reigning();
    const held = leader.hold(never).catch((error: unknown) => error);
    await settle();
    clock.moveWall(12_000);
    expect([leader.mayWrite(), leader.renewalAgeMs]).toEqual([false, 12_000]);
    await clock.advance(2000);
    expect(await held).toBeInstanceOf(LeadershipLost);
  });

  test('a wall clock that was set back gives no time', async () => {
    const { clock, leader } = await reigning();
    clock.moveWall(-60_000);
    clock.pause(11_000);
    expect(leader.writeBudgetMs()).toBe(4000);
    clock.pause(1000);
    expect(leader.writeBudgetMs()).toBe(0);
  });

  test('a leader that goes on for long after its lease ran out is not alive', async () => {
    const { clock, leader } = await reigning();
    clock.pause(35_000);
    expect(leader.notAlive()).toBeUndefined();
    clock.pause(1);
    expect(leader.notAlive()).toBe('the lease ran out and this process did not end');
  });

  test('a leader that cannot reach the API server stops writing before anyone may follow', async () => {
    const { cluster, clock, leader } = await reigning();
    const held = leader.hold(never).catch((error: unknown) => error);
    cluster.beforeWrite = () => {
      throw new Error('partitioned');
    };
    await clock.advance(9_000);
    expect(leader.mayWrite()).toBe(true);
    await clock.advance(6_000);
    expect(leader.mayWrite()).toBe(false);
    expect(await held).toBeInstanceOf(LeadershipLost);
  });

  test('a leader whose lease was taken ends at its next look', async () => {
    const { cluster, clock, leader } = await reigning();
    const held = leader.hold(never).catch((error: unknown) => error);
    const lease = await cluster.get(leases, key);
    cluster.put(leases, heldByOther(lease));
    await clock.advance(2000);
    expect(await held).toBeInstanceOf(LeadershipLost);
    expect(leader.mayWrite()).toBe(false);
  });

  test('a lease that somebody deletes is taken up again by who leads, and by nobody else', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const [a, b] = [candidate('a', cluster, clock), candidate('b', cluster, clock)];
    await a.acquire(never);
    const [stop, held] = leading(a);
    const next = b.acquire(stop.signal);
    await clock.advance(10_500);
    const before = await cluster.get(leases, key);
    cluster.withdraw(leases, key);
    for (let elapsed = 0; elapsed < 60_000; elapsed += 500) {
      expect([a.mayWrite(), b.mayWrite()]).toEqual([true, false]);
      await clock.advance(500);
    }
    const { acquireTime, leaseTransitions } = before.spec;
    expect((await cluster.get(leases, key)).spec).toMatchObject({ holderIdentity: 'a', acquireTime, leaseTransitions });
    stop.abort();
    await clock.advance(2000);
    expect(await Promise.all([held, next])).toEqual([undefined, false]);
  });

  test.each(meddled)('who $who follows one cut off from a $what lease in no time of his', async ({ waits, meddle }) => {
    for (let phaseMs = 0; phaseMs < 4400; phaseMs += 200) {
      const [cluster, clock] = [led(), new FakeClock()];
      const [others, cut] = cuttable(cluster);
      const [a, b] = [candidate('a', others, clock), unlucky(cluster, clock)];
      await a.acquire(never);
      const [stop, held] = leading(a);
      let next = waits ? b.acquire(never) : undefined;
      await clock.advance(10_000 + phaseMs);
      cut();
      stop.abort();
      await meddle(cluster);
      next ??= b.acquire(never);
      for (let elapsed = 0; elapsed < 20_000; elapsed += 100) {
        expect([phaseMs, a.mayWrite(), b.mayWrite()]).not.toEqual([phaseMs, true, true]);
        await clock.advance(100);
      }
      expect(await Promise.all([held, next])).toEqual([undefined, true]);
    }
  });

  test('a leader that is too late to take up its deleted lease again ends at once', async () => {
    const { cluster, clock, leader } = await reigning();
    const held = leader.hold(never).catch((error: unknown) => error);
    const lease = await cluster.get(leases, key);
    cluster.withdraw(leases, key);
    cluster.beforeWrite = ({ verb }) => {
      if (verb === 'create') cluster.put(leases, heldByOther(lease));
    };
    await clock.advance(2000);
    expect(await held).toBeInstanceOf(LeadershipLost);
    expect(leader.mayWrite()).toBe(false);
  });

  describe('a release', () => {
    test('after a renewal whose answer was lost is one all the same', async () => {
      const { cluster, clock, leader } = await reigning();
      const [stop, held] = leading(leader);
      cluster.afterWrite = () => {
        throw new ApiError('unavailable', 'the answer was lost');
      };
      await clock.advance(2000);
      cluster.afterWrite = () => undefined;
      stop.abort();
      await held;
      await leader.release(never);
      expect((await cluster.get(leases, key)).spec.holderIdentity).toBe('');
    });

    test('leaves alone what is another one’s by now', async () => {
      const { cluster, leader } = await reigning();
      const lease = await cluster.get(leases, key);
      const taken = cluster.put(leases, heldByOther(lease));
      await leader.release(never);
      expect(await cluster.get(leases, key)).toEqual(taken);
    });
  });

  test('renews by one request; looks only when somebody else wrote', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    let looks = 0;
    const get = cluster.get.bind(cluster);
    cluster.get = (resource, name) => {
      looks += 1;
      return get(resource, name);
    };
    const leader = candidate('a', cluster, clock);
    await leader.acquire(never);
    const [stop, held] = leading(leader);
    await clock.advance(10_000);
    expect([looks, cluster.writes.length]).toEqual([1, 6]);
    const lease = await get(leases, key);
    cluster.put(leases, { ...lease, metadata: { ...lease.metadata, labels: { touched: '' } } });
    await clock.advance(2000);
    expect([looks, leader.renewalAgeMs]).toEqual([2, 0]);
    stop.abort();
    await clock.advance(2000);
    await held;
  });

  test('a renewal that was stored but not answered is no loss', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const results: string[] = [];
    const leader = candidate('a', cluster, clock, results);
    await leader.acquire(never);
    const held = leader.hold(never).catch((error: unknown) => error);
    cluster.afterWrite = () => {
      throw new ApiError('unavailable', 'the answer was lost');
    };
    await clock.advance(4000);
    cluster.afterWrite = () => undefined;
    await clock.advance(2000);
    expect([leader.renewalAgeMs, ...results]).toEqual([0, 'written', 'failed', 'failed', 'written']);
    await clock.advance(60_000);
    expect(leader.mayWrite()).toBe(true);
    expect(await Promise.race([held, settle().then(() => 'held')])).toBe('held');
  });

  test('an attempt that hangs does not put off the end, and its late answer revives nothing', async () => {
    const { cluster, clock, leader } = await reigning();
    const held = leader.hold(never).catch((error: unknown) => error);
    const update = cluster.update.bind(cluster);
    const answer = Promise.withResolvers<undefined>();
    cluster.update = async (resource, object) => {
      await answer.promise;
      return update(resource, object);
    };
    await clock.advance(usualTimes.renewDeadlineSeconds * 1000 + 1);
    expect(await Promise.race([held, settle().then(() => 'still held')])).toBeInstanceOf(LeadershipLost);
    answer.resolve(undefined);
    await settle();
    expect([leader.mayWrite(), leader.renewalAgeMs]).toEqual([false, undefined]);
  });

  test('the budget of a write is what is left of the lease, and nothing in its last fifth', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    const leader = candidate('a', cluster, clock);
    expect(leader.writeBudgetMs()).toBe(0);
    await leader.acquire(never);
    const budgets = [0, 5000, 6999, 1].map((passedMs) => {
      clock.pause(passedMs);
      return leader.writeBudgetMs();
    });
    expect(budgets).toEqual([15_000, 10_000, 3001, 0]);
  });

  test('stops waiting when told', async () => {
    const [cluster, clock] = [led(), new FakeClock()];
    await candidate('a', cluster, clock).acquire(never);
    const stop = new AbortController();
    const next = candidate('b', cluster, clock).acquire(stop.signal);
    await settle();
    stop.abort();
    expect(await next).toBe(false);
  });
});
