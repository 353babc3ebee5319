/** Candidates for one lease, and what may come between them and it. */
import { ApiError, type Cluster } from '../../operator/kernel/cluster.ts';
import { Leader } from '../../operator/kernel/leader.ts';
import { leases, usualTimes, type Lease } from '../../operator/kernel/lease.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster } from './fake-cluster.ts';
import { freeLease } from './free-lease.ts';
import { rememberingLog } from './toy.ts';

export const key = { namespace: 'limbeck', name: 'operator' };
export const never = new AbortController().signal;

/** A cluster in which an operator has led before, and has given its lease back. */
export function led(): FakeCluster {
  const cluster = new FakeCluster();
  cluster.put(leases, freeLease(key));
  return cluster;
}

export function candidate(identity: string, cluster: Cluster, clock: FakeClock, results: string[] = []): Leader {
  const [log, counts] = [rememberingLog(), (result: string) => results.push(result)];
  return new Leader({ cluster, key, identity, times: usualTimes, clock, random: () => 0, log, counts });
}

/** Sleeps between its tries for as long as chance ever makes it. */
export function unlucky(cluster: Cluster, clock: FakeClock): Leader {
  const [log, random] = [rememberingLog(), () => 1];
  const more = { times: usualTimes, log, counts: () => undefined };
  return new Leader({ cluster, key, identity: 'b', clock, random, ...more });
}

/** The only candidate, and it leads. */
export async function reigning() {
  const [cluster, clock] = [led(), new FakeClock()];
  const leader = candidate('a', cluster, clock);
  await leader.acquire(never);
  return { cluster, clock, leader };
}

/** Holds until it is told to stop. */
export function leading(leader: Leader): readonly [AbortController, Promise<void>] {
  const stop = new AbortController();
  return [stop, leader.hold(stop.signal)];
}

/** The same cluster, until it is out of reach. */
export function cuttable(cluster: FakeCluster): readonly [Cluster, () => void] {
  let isCut = false;
  const reached = <T>(ask: () => Promise<T>): Promise<T> =>
    isCut ? Promise.reject(new ApiError('unavailable', 'partitioned')) : ask();
  const lines: Pick<Cluster, 'get' | 'create' | 'update'> = {
    get: (resource, name) => reached(() => cluster.get(resource, name)),
    create: (resource, object) => reached(() => cluster.create(resource, object)),
    update: (resource, object) => reached(() => cluster.update(resource, object)),
  };
  return [Object.assign(new FakeCluster(), lines), () => (isCut = true)];
}

function deletes(cluster: FakeCluster): Promise<void> {
  cluster.withdraw(leases, key);
  return Promise.resolve();
}

async function shortens(cluster: FakeCluster): Promise<void> {
  const lease = await cluster.get(leases, key);
  cluster.put(leases, { ...lease, spec: { ...lease.spec, leaseDurationSeconds: 1 } } as Lease);
}

/** What somebody does to the lease while its holder is cut off from it, and who is there then. */
export const meddled = [
  { who: 'waits already', what: 'deleted', waits: true, meddle: deletes },
  { who: 'begins only then', what: 'deleted', waits: false, meddle: deletes },
  { who: 'waits already', what: 'shortened', waits: true, meddle: shortens },
  { who: 'begins only then', what: 'shortened', waits: false, meddle: shortens },
];
