import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Workqueue, type Taken } from '../../../operator/kernel/workqueue.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

const keyOf = async (queue: Workqueue): Promise<string | undefined> => (await queue.take())?.key;

describe('Workqueue', () => {
  test('serves in order of arrival, what changed before what is merely looked at again', async () => {
    const queue = new Workqueue(new FakeClock());
    queue.add('resync-1', 'low');
    queue.add('resync-2', 'low');
    queue.add('changed-1');
    queue.add('resync-2', 'high');
    expect([await keyOf(queue), await keyOf(queue), await keyOf(queue)]).toEqual(['changed-1', 'resync-2', 'resync-1']);
  });

  test('a burst is one key', async () => {
    const queue = new Workqueue(new FakeClock());
    for (let times = 0; times < 5; times += 1) queue.add('a');
    expect(queue.depth).toBe(1);
    expect(await keyOf(queue)).toBe('a');
    expect(queue.depth).toBe(0);
  });

  test('a held key that is added waits until it is given back', async () => {
    const queue = new Workqueue(new FakeClock());
    queue.add('a');
    await queue.take();
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(queue.depth).toBe(1);
  });

  test('knows how long the oldest has waited, also when it was moved up, and how many fail', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    expect([queue.oldestWaitMs, queue.failing]).toEqual([0, 0]);
    queue.add('first', 'low');
    clock.pause(300);
    queue.add('second');
    clock.pause(100);
    queue.add('first');
    expect(queue.oldestWaitMs).toBe(400);
    await queue.take();
    expect(await queue.take()).toEqual({ key: 'first', priority: 'high', waitedMs: 400 });
    expect(queue.oldestWaitMs).toBe(0);
    queue.retry({ key: 'first', priority: 'high' });
    expect(queue.failing).toBe(1);
    queue.forget('first');
    expect(queue.failing).toBe(0);
  });

  test('of two delays the earlier one counts', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    queue.addAfter('a', 1000);
    queue.addAfter('a', 100);
    queue.addAfter('a', 5000);
    await clock.advance(99);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
  });

  test('failures back off and success forgets them', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    const a = { key: 'a', priority: 'high' } as const;
    const failAfter = async (waitMs: number, atLeastMs = 0): Promise<number> => {
      await clock.advance(waitMs);
      return queue.retry(a, atLeastMs);
    };
    expect([await failAfter(0), await failAfter(5), await failAfter(10)]).toEqual([5, 10, 20]);
    expect(await failAfter(20, 60_000)).toBe(60_000);
    await clock.advance(60_000);
    queue.forget('a');
    expect(queue.retry(a)).toBe(5);
    await clock.advance(5);
    expect(queue.depth).toBe(1);
  });

  test('events in the middle of a back-off make it neither longer nor shorter', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    queue.add('a');
    let delayMs = queue.retry((await queue.take())!, 1000);
    queue.done('a');
    for (let woken = 0; woken < 20; woken += 1) {
      await clock.advance(10);
      queue.add('a');
      delayMs = queue.retry((await queue.take())!);
      queue.done('a');
    }
    expect([delayMs, queue.failures('a')]).toEqual([800, 1]);
    await clock.advance(799);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
  });

  test('what fails comes again as urgent as it was, after what is as urgent and well', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    for (const [key, priority] of [['first look', 'low'] as const, ['change', 'high'] as const]) {
      queue.add(key, priority);
      queue.retry((await queue.take())!);
      queue.done(key);
    }
    await clock.advance(5);
    queue.add('well, first look', 'low');
    queue.add('well, change');
    const order = [await keyOf(queue), await keyOf(queue), await keyOf(queue), await keyOf(queue)];
    expect(order).toEqual(['well, change', 'change', 'well, first look', 'first look']);
  });

  test('of what fails in a group, or is known to have failed, some are held at once; each that is given back makes room for the next', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock, { failingAtOnce: 2, groupOf: () => 'all' });
    for (const key of ['a', 'b', 'c']) {
      queue.suspect(key);
      queue.add(key);
    }
    queue.add('well', 'low');
    const taken: (string | undefined)[] = [];
    for (let takers = 0; takers < 4; takers += 1) void keyOf(queue).then((key) => taken.push(key));
    await settle();
    expect(taken).toEqual(['a', 'b', 'well']);
    queue.done('well');
    await settle();
    expect(taken).toHaveLength(3);
    queue.done('a');
    await settle();
    expect(taken).toEqual(['a', 'b', 'well', 'c']);
  });

  test('groups take turns, so that who comes after a thousand of another waits for one of them', async () => {
    const queue = new Workqueue(new FakeClock(), { groupOf: (key) => key.slice(0, 1) });
    for (let at = 0; at < 1000; at += 1) queue.add(`a${String(at)}`);
    queue.add('b');
    expect([await keyOf(queue), await keyOf(queue), await keyOf(queue)]).toEqual(['a0', 'b', 'a1']);
  });

  test('what changes without end does not keep for ever waiting who fails, and who is looked at for the first time', async () => {
    const queue = new Workqueue(new FakeClock());
    queue.suspect('failing');
    queue.add('failing');
    queue.add('first look', 'low');
    const taken: (string | undefined)[] = [];
    for (let at = 0; at < 32; at += 1) {
      queue.add(`change ${String(at)}`);
      taken.push(await keyOf(queue));
    }
    expect(taken.filter((key) => key?.startsWith('change') === false)).toEqual(['first look', 'failing']);
  });

  test('what comes without end to any lanes keeps no other one for ever waiting', async () => {
    const ready = ['high', 'high failing', 'low', 'low failing'];
    for (let some = 1; some < 15; some += 1) {
      const endless = ready.filter((_, at) => (some & (1 << at)) !== 0);
      const queue = new Workqueue(new FakeClock());
      const add = (lane: string, key: string): void => {
        if (lane.endsWith('failing')) queue.suspect(key);
        queue.add(key, lane.startsWith('high') ? 'high' : 'low');
      };
      for (const lane of ready) if (!endless.includes(lane)) add(lane, lane);
      const taken = new Set<string | undefined>();
      for (let at = 0; at < 64; at += 1) {
        for (const lane of endless) add(lane, `${lane} ${String(at)}`);
        taken.add(await keyOf(queue));
      }
      expect(ready.filter((lane) => !endless.includes(lane) && !taken.has(lane))).toEqual([]);
    }
  });

  test('a place that a pass holds for long is given to the next, without anybody asking', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock, { places: 1 });
    queue.add('a');
    queue.add('b');
    const taken: (string | undefined)[] = [];
    for (let takers = 0; takers < 3; takers += 1) void keyOf(queue).then((key) => taken.push(key));
    await clock.advance(999);
    expect(taken).toEqual(['a']);
    await clock.advance(1);
    expect(taken).toEqual(['a', 'b']);
    queue.stop();
  });

  test('a taker waits, and is told when the queue stops', async () => {
    const queue = new Workqueue(new FakeClock());
    const [first, second] = [queue.take(), queue.take()];
    queue.add('a');
    expect((await first)?.key).toBe('a');
    queue.stop();
    expect(await second).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
  });

  test('tells how long a key waited', async () => {
    const clock = new FakeClock();
    const queue = new Workqueue(clock);
    queue.add('a');
    await clock.advance(250);
    expect(await queue.take()).toEqual({ key: 'a', priority: 'high', waitedMs: 250 });
  });

  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), key, low: fc.boolean() }),
    fc.record({ kind: fc.constant('later' as const), key, delayMs: fc.integer({ min: 0, max: 50 }) }),
    fc.record({ kind: fc.constant('retry' as const), which: fc.nat(5) }),
    fc.record({ kind: fc.constant('recover' as const), which: fc.nat(5) }),
    fc.record({ kind: fc.constant('take' as const) }),
    fc.record({ kind: fc.constant('done' as const), which: fc.nat(5) }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 40 }) }),
  );

  test('never two holders of a key, and no wake-up is lost', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new FakeClock();
        const queue = new Workqueue(clock, { failingAtOnce: 1 });
        const held = new Set<string>();
        const owed = new Set<string>();
        const take = (taken: Taken | undefined): void => {
          if (taken === undefined) return;
          expect(held.has(taken.key)).toBe(false);
          held.add(taken.key);
          owed.delete(taken.key);
        };
        for (const each of steps) {
          if (each.kind === 'add') queue.add(each.key, each.low ? 'low' : 'high');
          if (each.kind === 'later') queue.addAfter(each.key, each.delayMs);
          if (each.kind === 'add' || each.kind === 'later') owed.add(each.key);
          const holds = 'which' in each ? [...held][each.which % Math.max(1, held.size)] : undefined;
          if (each.kind === 'retry' && holds !== undefined) {
            queue.retry({ key: holds, priority: 'high' });
            owed.add(holds);
          }
          if (each.kind === 'recover' && holds !== undefined) queue.forget(holds);
          if (each.kind === 'take') void queue.take().then(take);
          if (each.kind === 'done') giveBack(queue, held, each.which);
          if (each.kind === 'pass') await clock.advance(each.ms);
          else await settle();
        }
        for (const holder of [...held]) giveBack(queue, held, [...held].indexOf(holder));
        await clock.advance(10_000_000);
        for (let left = 0; left < 20; left += 1) {
          void queue.take().then(take);
          await settle();
          for (const holder of [...held]) giveBack(queue, held, [...held].indexOf(holder));
        }
        expect([...owed]).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

function giveBack(queue: Workqueue, held: Set<string>, which: number): void {
  const key = [...held][which % Math.max(1, held.size)];
  if (key === undefined) return;
  held.delete(key);
  queue.done(key);
}
