import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OutOfMemory } from '../../../runtime/server/out-of-memory.ts';
import { invalid, Refusal } from '../../../runtime/server/protocol/errors.ts';
import { batcherOver, Executor, ids, one, turn } from '../../support/batch-executor.ts';

describe('Batcher', () => {
  test('sends at once what came in one turn, and collects while busy', async () => {
    const executor = new Executor();
    const batcher = batcherOver(executor);
    const results = [1, 2].map((id) => batcher.submit(one(id)));
    await turn();
    results.push(...[3, 4, 5].map((id) => batcher.submit(one(id))));
    await turn();
    expect(ids(executor)).toEqual([[1, 2]]);
    expect(batcher.waiting).toBe(3);
    await executor.finishAll();
    expect(ids(executor)).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5]);
  });

  test('joins no more rows than work of its kind says', async () => {
    const executor = new Executor();
    const batcher = batcherOver(executor);
    const results = [1, 2, 3].map((id) => batcher.submit({ ...one(id), most: 2 }));
    await executor.finishAll();
    expect(ids(executor)).toEqual([[1, 2], [3]]);
    expect(await Promise.all(results)).toEqual([1, 2, 3]);
  });

  const events = fc.array(
    fc.oneof(
      fc.record({
        kind: fc.constant('submit' as const),
        rows: fc.integer({ min: 0, max: 6 }),
        key: fc.constantFrom('a', 'b'),
        leaves: fc.boolean(),
      }),
      fc.record({ kind: fc.constantFrom('turn' as const, 'finish' as const, 'leave' as const) }),
    ),
    { maxLength: 60 },
  );

  test('loses nothing, keeps order, joins only equal keys, and never exceeds maxBatch', async () => {
    await fc.assert(
      fc.asyncProperty(
        events,
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 3 }),
        async (script, maxBatch, capacity) => {
          const executor = new Executor();
          const batcher = batcherOver(executor, { maxBatch, capacity: () => capacity });
          const leavers: { aborted: boolean }[] = [];
          const outcomes: Promise<number | string>[] = [];
          for (const event of script) {
            if (event.kind === 'submit') {
              const caller = { aborted: false };
              if (event.leaves) leavers.push(caller);
              const id = outcomes.length;
              outcomes.push(
                batcher
                  .submit({ id, rows: event.rows, key: event.key }, caller)
                  .catch((error: unknown) => (error as Refusal).fault.kind),
              );
            } else if (event.kind === 'finish') executor.finishOne();
            else if (event.kind === 'leave') for (const caller of leavers) caller.aborted = true;
            else await turn();
            expect(batcher.running).toBeLessThanOrEqual(capacity);
          }
          await executor.finishAll();
          const settled = await Promise.all(outcomes);
          const ran = ids(executor).flat();
          expect(ran).toEqual([...ran].sort((a, b) => a - b));
          expect(new Set(ran).size).toBe(ran.length);
          settled.forEach((outcome, id) => expect(outcome).toBe(ran.includes(id) ? id : 'abandoned'));
          for (const batch of executor.batches) {
            expect(new Set(batch.map(({ key }) => key)).size).toBe(1);
            if (batch.length > 1) expect(batch.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThanOrEqual(maxBatch);
          }
          expect(batcher.waiting).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('a full queue refuses with 429; a caller who left gives its seat to the next', async () => {
    const executor = new Executor();
    const batcher = batcherOver(executor, { queueLimit: 2 });
    const caller = { aborted: false };
    const running = batcher.submit(one(0));
    await turn();
    const leaver = batcher.submit(one(1), caller);
    const patient = batcher.submit(one(2));
    await expect(batcher.submit(one(3))).rejects.toMatchObject({ fault: { kind: 'queueFull' } });
    caller.aborted = true;
    const late = batcher.submit(one(4));
    await expect(leaver).rejects.toMatchObject({ fault: { kind: 'abandoned' } });
    await executor.finishAll();
    expect(await Promise.all([running, patient, late])).toEqual([0, 2, 4]);
  });

  test('one bad request fails alone', async () => {
    const executor = new Executor();
    executor.fails = (batch) => (batch.some(({ id }) => id === 1) ? invalid('index out of range') : undefined);
    const batcher = batcherOver(executor);
    const outcomes = Promise.allSettled([0, 1, 2].map((id) => batcher.submit(one(id))));
    await turn();
    await executor.finishAll();
    expect((await outcomes).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(ids(executor)).toEqual([[0, 1, 2], [0], [1], [2]]);
  });

  test('those who together want more memory than there is run alone', async () => {
    const executor = new Executor();
    executor.fails = (batch) => (batch.length > 1 ? new OutOfMemory(undefined) : undefined);
    const batcher = batcherOver(executor);
    const results = [0, 1].map((id) => batcher.submit(one(id)));
    await turn();
    await executor.finishAll();
    expect(await Promise.all(results)).toEqual([0, 1]);
  });

  test('a dead executor fails the whole batch and is not asked again for it', async () => {
    const executor = new Executor();
    executor.fails = () => new Refusal({ kind: 'unavailable', retryAfterSeconds: 1 }, 'died');
    const batcher = batcherOver(executor);
    const outcomes = Promise.allSettled([0, 1].map((id) => batcher.submit(one(id))));
    await turn();
    await executor.finishAll();
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(ids(executor)).toEqual([[0, 1]]);
  });

  test('work waits while there is no executor, goes when one comes, and can be refused', async () => {
    const executor = new Executor();
    let capacity = 0;
    const batcher = batcherOver(executor, { capacity: () => capacity });
    const first = batcher.submit(one(1));
    await turn();
    expect(batcher.waiting).toBe(1);
    capacity = 1;
    batcher.wake();
    await executor.finishAll();
    expect(await first).toBe(1);
    capacity = 0;
    const second = batcher.submit(one(2));
    batcher.rejectWaiting(new Error('stopping'));
    await expect(second).rejects.toThrow('stopping');
  });

  test('how many may run at once is for what comes next to say', async () => {
    const executor = new Executor();
    const batcher = batcherOver(executor, { maxBatch: 1, capacity: ({ key }) => (key === 'short' ? 2 : 1) });
    const keys = ['short', 'short', 'long', 'short'];
    const results = keys.map((key, id) => batcher.submit({ id, rows: 1, key }));
    await turn();
    expect(ids(executor)).toEqual([[0], [1]]);
    executor.finishOne();
    await turn();
    // Whoever comes after what must wait does so, too.
    expect(ids(executor)).toHaveLength(2);
    executor.finishOne();
    await turn();
    expect(ids(executor)).toEqual([[0], [1], [2], [3]]);
    await executor.finishAll();
    expect(await Promise.all(results)).toEqual([0, 1, 2, 3]);
  });

  test('what has a deadline may be given to fewer', async () => {
    const executor = new Executor();
    const capacity = (_: unknown, { deadline }: { deadline: number }): number => (deadline === Infinity ? 2 : 1);
    const batcher = batcherOver(executor, { maxBatch: 1, capacity });
    const results = [Infinity, 5].map((deadline, id) => batcher.submit(one(id), undefined, { level: 5, deadline }));
    await turn();
    expect(ids(executor)).toEqual([[0]]);
    await executor.finishAll();
    expect(await Promise.all(results)).toEqual([0, 1]);
  });

  test('a long queue is served in order', async () => {
    const executor = new Executor();
    const batcher = batcherOver(executor, { queueLimit: 5000 });
    const results = Array.from({ length: 5000 }, (_, id) => batcher.submit(one(id)));
    await executor.finishAll();
    expect(await Promise.all(results)).toEqual(Array.from({ length: 5000 }, (_, id) => id));
    expect(executor.batches).toHaveLength(625);
  });
});

describe('coming to rest', () => {
  test('rest is when nothing waits and nothing runs, and work is taken until then', async () => {
    const executor = new Executor();
    const batcher = batcherOver(executor, { maxBatch: 1 });
    let resting = false;
    const first = batcher.submit({ id: 1, rows: 1, key: '' });
    const rest = batcher.atRest().then(() => (resting = true));
    const second = batcher.submit({ id: 2, rows: 1, key: '' });
    await turn();
    executor.finishOne();
    await turn();
    expect(resting).toBe(false);
    await executor.finishAll();
    await rest;
    expect(await Promise.all([first, second])).toEqual([1, 2]);
  });

  test('a batcher without work is at rest', async () => {
    const batcher = batcherOver(new Executor(), { capacity: () => 0 });
    await batcher.atRest();
    expect(batcher.running).toBe(0);
  });
});
