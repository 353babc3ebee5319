import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { WaitingRoom, type Guest, type Refusal } from '../../../operator/gateway/waiting-room.ts';
import { FakeClock } from '../../support/fake-clock.ts';

interface Person extends Guest<number> {
  readonly answers: (number | Refusal)[];
  readonly arrivedAtMs: number;
}

/** A room over numbered seats, and everything that happened in it. */
class World {
  readonly clock = new FakeClock();
  readonly people: Person[] = [];
  readonly seatedInOrder: number[] = [];
  readonly left = new Set<Person>();
  free: number[] = [];
  seats = 0;
  changes = 0;
  readonly room: WaitingRoom<number>;
  readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
    this.room = new WaitingRoom<number>({
      ...{ limit: () => limit, take: () => this.free.shift(), clock: this.clock },
      changed: () => this.changes++,
    });
  }

  arrive(patienceMs: number): Person {
    const order = this.people.length + 1;
    const answers: (number | Refusal)[] = [];
    const person: Person = {
      ...{ order, patienceMs, answers, arrivedAtMs: this.clock.monotonicMs() },
      seated: (seat) => {
        answers.push(seat);
        this.seatedInOrder.push(order);
      },
      refused: (why) => void answers.push(why),
    };
    this.people.push(person);
    this.room.enter(person);
    return person;
  }

  addSeat(): void {
    this.free.push(++this.seats);
    this.room.wake();
  }
}

describe('the waiting room', () => {
  test('seats at once while there is a seat, then holds in order, then refuses', () => {
    const world = new World(2);
    world.free = [7];
    const people = [1, 2, 3, 4].map(() => world.arrive(1000));
    expect(people.map(({ answers }) => answers)).toEqual([[7], [], [], ['full']]);
    world.addSeat();
    expect(people.map(({ answers }) => answers)).toEqual([[7], [1], [], ['full']]);
  });

  test('a guest who waited as long as it may is refused at that moment, not before', async () => {
    const world = new World(9);
    const person = world.arrive(1000);
    await world.clock.advance(999);
    expect(person.answers).toEqual([]);
    await world.clock.advance(1);
    expect(person.answers).toEqual(['late']);
    world.addSeat();
    expect(world.free).toEqual([1]);
  });

  test('a guest that comes back takes the place of its order, even when the room is full', () => {
    const world = new World(2);
    world.free = [7];
    const [first, second, third] = [world.arrive(1000), world.arrive(1000), world.arrive(1000)];
    world.room.rejoin(first);
    expect(world.room.size).toBe(3);
    world.addSeat();
    expect([first.answers, second.answers, third.answers]).toEqual([[7, 1], [], []]);
  });

  test('a guest that comes back while seats are handed out goes before those who came later', () => {
    const world = new World(9);
    const order: string[] = [];
    const flaky: Guest<number> = {
      ...{ order: 1, patienceMs: 1000, refused: () => undefined },
      seated: (seat) => {
        order.push(`flaky ${seat}`);
        if (order.length === 1) world.room.rejoin(flaky);
      },
    };
    world.room.enter(flaky);
    world.room.enter({ ...flaky, order: 2, seated: (seat) => void order.push(`second ${seat}`) });
    world.free = [1, 2, 3];
    world.room.wake();
    expect(order).toEqual(['flaky 1', 'flaky 2', 'second 3']);
  });

  test('closing refuses everyone, now and later', () => {
    const world = new World(9);
    const waiting = world.arrive(1000);
    world.room.close();
    expect([waiting.answers, world.arrive(1000).answers]).toEqual([['closed'], ['closed']]);
  });
});

type Step =
  | { readonly kind: 'arrive'; readonly patienceMs: number }
  | { readonly kind: 'seat' }
  | { readonly kind: 'leave'; readonly who: number }
  | { readonly kind: 'pass'; readonly ms: number };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({ kind: fc.constant('arrive' as const), patienceMs: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ kind: fc.constant('seat' as const) }),
    fc.record({ kind: fc.constant('leave' as const), who: fc.nat(40) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(50) }),
  ),
  { maxLength: 40 },
);

async function play(world: World, step: Step): Promise<void> {
  if (step.kind === 'arrive') world.arrive(step.patienceMs);
  else if (step.kind === 'seat') world.addSeat();
  else if (step.kind === 'pass') await world.clock.advance(step.ms);
  else {
    const person = world.people[step.who];
    if (person === undefined || person.answers.length > 0) return;
    world.room.leave(person);
    world.left.add(person);
  }
}

test('whatever happens: in order, bounded, nobody lost, nobody answered twice, no seat idle while someone waits', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 5 }), steps, async (limit, story) => {
      const world = new World(limit);
      for (const step of story) {
        await play(world, step);
        expect(world.room.size).toBeLessThanOrEqual(limit);
        expect(world.free.length === 0 || world.room.size === 0).toBe(true);
      }
      expect(world.seatedInOrder).toEqual([...world.seatedInOrder].sort((a, b) => a - b));
      for (const person of world.people)
        expect(person.answers.length).toBeLessThanOrEqual(world.left.has(person) ? 0 : 1);
      const unanswered = world.people.filter((person) => person.answers.length === 0 && !world.left.has(person));
      expect(unanswered.length).toBe(world.room.size);
      // In the end everyone who stayed gets an answer, and no seat was given to two.
      await world.clock.advance(1000);
      for (const person of world.people) expect(person.answers.length).toBe(world.left.has(person) ? 0 : 1);
      const seats = world.people.flatMap(({ answers }) => answers).filter((answer) => typeof answer === 'number');
      expect(new Set(seats).size).toBe(seats.length);
    }),
    { numRuns: 60 },
  );
});
