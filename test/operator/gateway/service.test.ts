import { expect, test } from '@jest/globals';
import type { Route } from '../../../operator/gateway/routes.ts';
import type { Replica } from '../../../operator/gateway/replica.ts';
import { Service } from '../../../operator/gateway/service.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const route = (...ids: string[]): Route => ({
  ...{ key: 'a/b', uid: 'u', namespace: 'a', name: 'b', notReady: undefined, refusing: undefined, stopped: false },
  limits: { queueLimit: 100, maxColdStartSeconds: 60, maxInFlightPerReplica: 2 },
  addresses: ids.map((id) => ({ id, origin: `http://${id}` })),
});

function world(...ids: string[]) {
  const clock = new FakeClock();
  const times = { connectMs: 1, answerMs: 1 };
  const service = new Service(route(...ids), { clock, random: () => 0, times, changed: () => undefined });
  const seated: Replica[] = [];
  const come = (count: number): void => {
    for (let n = 0; n < count; n++) {
      const seat = (replica: Replica): void => void seated.push(replica);
      service.arrive();
      service.enter({ order: service.admit(), patienceMs: 60_000, seated: seat, refused: () => undefined });
    }
  };
  return { clock, service, seated, come, counts: () => [service.inFlight, service.waiting, service.arrived] };
}

test('seats are per replica; a freed one goes to the first who waits', () => {
  const { service, seated, come, counts } = world('x', 'y');
  come(6);
  expect(counts()).toEqual([4, 2, 6]);
  const [first] = seated;
  if (first !== undefined) service.release(first);
  expect(counts()).toEqual([4, 1, 6]);
  expect(seated[4]?.id).toBe(first?.id);
});

test('a new replica takes who waits; a gone one keeps what it has and gets no more', () => {
  const { service, seated, come, counts } = world('x');
  come(5);
  service.update(route('y'));
  expect(counts()).toEqual([4, 1, 5]);
  const [old] = seated;
  if (old !== undefined) service.release(old);
  expect(counts()).toEqual([3, 1, 5]);
});

test('an unreachable replica rests, is tried by one, and is back with the first answer', async () => {
  const { clock, service, seated, come, counts } = world('x');
  come(3);
  const [replica] = seated;
  if (replica === undefined) throw new Error('nobody was seated');
  // Both of its requests fail together: one failure, one rest.
  service.unreachable(replica);
  service.unreachable(replica);
  service.release(replica);
  service.release(replica);
  expect(counts()).toEqual([0, 1, 3]);
  await clock.advance(49);
  expect(counts()).toEqual([0, 1, 3]);
  await clock.advance(1);
  expect(counts()).toEqual([1, 0, 3]);
  come(1);
  expect(counts()).toEqual([1, 1, 4]);
  service.answered(replica);
  expect(counts()).toEqual([2, 0, 4]);
});
