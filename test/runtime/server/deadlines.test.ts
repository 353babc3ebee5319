import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Batcher, BatcherOptions } from '../../../runtime/server/batcher.ts';
import { Deadlines } from '../../../runtime/server/deadlines.ts';
import { batcherOver, Executor, ids, one, turn, type Work } from '../../support/batch-executor.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const timersOf = (clock: FakeClock): Pick<BatcherOptions<Work, number>, 'now' | 'after'> => ({
  now: () => clock.monotonicMs(),
  after: (delayMs, callback) => clock.after(delayMs, callback),
});

test('the soonest deadline is told, then the next, and none that is forgotten', async () => {
  const clock = new FakeClock();
  const told: number[] = [];
  const left = [5, 30, Infinity];
  const deadlines = new Deadlines(timersOf(clock), () => {
    told.push(clock.monotonicMs());
    left.shift();
    return left[0] ?? Infinity;
  });
  for (const deadline of [30, 5, Infinity, 70]) deadlines.add(deadline);
  await clock.advance(100);
  expect(told).toEqual([5, 30]);
  deadlines.add(110);
  deadlines.clear();
  await clock.advance(100);
  expect(told).toEqual([5, 30]);
});

describe('a batcher with deadlines and priorities', () => {
  const timed = (
    executor: Executor,
    clock: FakeClock,
    options: Partial<BatcherOptions<Work, number>> = {},
  ): Batcher<Work, number> => batcherOver(executor, { ...timersOf(clock), ...options });

  const scripts = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('submit' as const),
        patienceMs: fc.constantFrom(-1, 0, 1, 2.5, 40, 500, Infinity),
        level: fc.integer({ min: 1, max: 9 }),
      }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 3, 50, 2000) }),
      fc.record({ kind: fc.constant('finish' as const) }),
    ),
    { maxLength: 40 },
  );

  test('what waits at its deadline is refused then and never run; everything else runs before its own', async () => {
    await fc.assert(
      fc.asyncProperty(scripts, async (script) => {
        const [executor, clock] = [new Executor(), new FakeClock()];
        const begun = new Map<number, number>();
        const batcher = timed(executor, clock, {
          maxBatch: 2,
          execute: (batch) => {
            for (const { id } of batch) begun.set(id, clock.monotonicMs());
            return executor.execute(batch);
          },
        });
        const deadlines: number[] = [];
        const expiredAt = new Map<number, number>();
        for (const event of script) {
          if (event.kind === 'wait') await clock.advance(event.ms);
          else if (event.kind === 'finish') executor.finishOne();
          else {
            const id = deadlines.length;
            deadlines.push(clock.monotonicMs() + event.patienceMs);
            batcher.submit(one(id), undefined, { level: event.level, deadline: deadlines[id]! }).catch(() => {
              expiredAt.set(id, clock.monotonicMs());
            });
          }
          await clock.advance(0);
          // Whoever has waited in vain has been told: a timer has whole milliseconds.
          deadlines.forEach((deadline, id) => {
            if (clock.monotonicMs() >= deadline + 1) expect(begun.has(id) || expiredAt.has(id)).toBe(true);
          });
        }
        await executor.finishAll();
        await clock.advance(0);
        deadlines.forEach((deadline, id) => {
          expect(begun.has(id)).toBe(!expiredAt.has(id));
          expect(begun.get(id) ?? -Infinity).toBeLessThan(deadline);
          expect(expiredAt.get(id) ?? Infinity).toBeGreaterThanOrEqual(deadline);
        });
        expect(batcher.waiting).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test('a deadline is told as such, and frees its place in the queue', async () => {
    const [executor, clock] = [new Executor(), new FakeClock()];
    const batcher = timed(executor, clock, { queueLimit: 1 });
    void batcher.submit(one(0));
    await turn();
    const waiting = batcher.submit(one(1), undefined, { level: 5, deadline: 10 });
    const refused = expect(waiting).rejects.toMatchObject({ fault: { kind: 'expired' } });
    await clock.advance(10);
    await refused;
    expect(batcher.waiting).toBe(0);
    const next = batcher.submit(one(2));
    await executor.finishAll();
    expect(await next).toBe(2);
    expect(ids(executor)).toEqual([[0], [2]]);
  });

  test('the urgent goes first, and what has waited long enough before it', async () => {
    const [executor, clock] = [new Executor(), new FakeClock()];
    const batcher = timed(executor, clock, { maxBatch: 1 });
    const submit = (id: number, level: number): void => {
      void batcher.submit(one(id), undefined, { level, deadline: Infinity });
    };
    submit(0, 5);
    await turn();
    submit(1, 9);
    await clock.advance(4001);
    for (const [id, level] of [
      [2, 5],
      [3, 5],
      [4, 1],
    ] as const)
      submit(id, level);
    await executor.finishAll();
    expect(ids(executor)).toEqual([[0], [4], [1], [2], [3]]);
  });

  test('nothing is left behind by what is refused at once', async () => {
    const clock = new FakeClock();
    const batcher = timed(new Executor(), clock, { capacity: () => 0 });
    const late = batcher.submit(one(1), undefined, { level: 5, deadline: 20 });
    batcher.rejectWaiting(new Error('stopping'));
    await expect(late).rejects.toThrow('stopping');
    await clock.advance(30);
    await batcher.atRest();
    expect(batcher.waiting).toBe(0);
  });
});
