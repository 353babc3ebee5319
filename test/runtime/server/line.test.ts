import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { levelMs, levelOf, levels, Line, type Standing } from '../../../runtime/server/line.ts';

interface Person extends Standing {
  readonly id: number;
}

type Step =
  | { readonly kind: 'come'; readonly level: number }
  | { readonly kind: 'serve' }
  | { readonly kind: 'leave'; readonly of: number }
  | { readonly kind: 'wait'; readonly ms: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('come' as const), level: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('serve' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), of: fc.integer({ min: 2, max: 4 }) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 4000 }) }) },
  ),
  { maxLength: 120 },
);

/** The same line as a plain list, sorted anew each time. */
class Crowd {
  people: Person[] = [];

  get order(): readonly Person[] {
    const turn = ({ since, level }: Person): number => since + level * levelMs;
    return [...this.people].sort((a, b) => turn(a) - turn(b) || a.level - b.level || a.id - b.id);
  }

  leave(gone: readonly Person[]): void {
    this.people = this.people.filter((person) => !gone.includes(person));
  }
}

/** Everybody who was served, in order, while the line and the crowd are compared at every step. */
function served(script: readonly Step[]): readonly Person[] {
  const [line, crowd] = [new Line<Person>(), new Crowd()];
  const done: Person[] = [];
  let now = 0;
  let ids = 0;
  const serve = (): void => {
    const [next] = crowd.order;
    expect(line.first).toBe(next);
    expect(line.shift()).toBe(next);
    if (next === undefined) return;
    crowd.leave([next]);
    done.push(next);
  };
  for (const step of script) {
    if (step.kind === 'wait') now += step.ms;
    else if (step.kind === 'serve') serve();
    else if (step.kind === 'come') {
      ids += 1;
      const person = { id: ids, since: now, level: step.level };
      line.push(person);
      crowd.people.push(person);
    } else {
      const gone = line.remove(({ id }) => id % step.of === 0);
      expect(new Set(gone)).toEqual(new Set(crowd.people.filter(({ id }) => id % step.of === 0)));
      crowd.leave(gone);
    }
    expect(line.size).toBe(crowd.people.length);
    expect(new Set(line.all)).toEqual(new Set(crowd.people));
  }
  while (line.size > 0) serve();
  return done;
}

describe('a line', () => {
  test('serves whose turn it is, loses nobody, and serves nobody who left', () => {
    fc.assert(
      fc.property(steps, (script) => {
        served(script);
      }),
      { numRuns: 300 },
    );
  });

  test('lets nobody be overtaken but by the more urgent, who came within so many seconds', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const order = served(script);
        order.forEach((late, place) => {
          for (const early of order.slice(0, place)) {
            if (early.id < late.id) continue;
            // `early` came after `late` and was served before.
            expect(early.level).toBeLessThan(late.level);
            expect(early.since).toBeLessThanOrEqual(late.since + (late.level - early.level) * levelMs);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  test('is first come, first served where nobody is in a hurry, however long it is', () => {
    const line = new Line<Person>();
    const ids = Array.from({ length: 5000 }, (_, id) => id);
    for (const id of ids) line.push({ id, since: 0, level: levels.usual });
    expect(ids.map(() => line.shift()?.id)).toEqual(ids);
    expect(line.shift()).toBeUndefined();
  });
});

test.each([
  [0, 1],
  [1, 1],
  [5, 5],
  [9, 9],
  [1e9, 9],
])('the priority %d is of the level %d', (priority, level) => expect(levelOf(priority)).toBe(level));
