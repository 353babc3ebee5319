import { describe, expect, test } from '@jest/globals';
import { ApiError, NotLeading } from '../../../operator/kernel/cluster.ts';
import type { Next } from '../../../operator/kernel/reconcile.ts';
import { sleep } from '../../../process/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { startRig } from '../../support/rig.ts';
import { crew, crewReconciler, crews, type Crew } from '../../support/toy.ts';

const alpha = { namespace: 'default', name: 'alpha' };
const noting = (...names: readonly string[]): Crew => ({
  ...{ ...crew('alpha', []), status: { conditions: [], members: 0 } },
  metadata: { ...alpha, annotations: Object.fromEntries(names.map((name) => [name, 'now'])) },
});

/** Starts a reconciler whose passes over `alpha`, which is at rest, are counted and say `next`, which may throw. */
function startCounting(next: () => Next) {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  cluster.put(crews, noting());
  let passes = 0;
  const reconciler: typeof crewReconciler = {
    ...crewReconciler,
    plan: (observed, now) => {
      passes += 1;
      const status = { conditions: [], members: 0 };
      return { ...crewReconciler.plan(observed, now), apply: [], status, next: next() };
    },
  };
  return { cluster, clock, rig: startRig(cluster, clock, { reconcilers: [reconciler] }), passes: () => passes };
}

const settled = (): Next => ({ kind: 'settled' });

/** Lets no child be applied. Returns how often it was tried. */
function refuseApplying(cluster: FakeCluster, errorOf: (attempt: number) => Error): () => number {
  let attempts = 0;
  cluster.beforeWrite = ({ verb }) => {
    if (verb !== 'apply') return;
    attempts += 1;
    throw errorOf(attempts);
  };
  return () => attempts;
}

const inNamespace = (namespace: string, { metadata, ...rest }: Crew): Crew => ({
  ...rest,
  metadata: { ...metadata, namespace },
});

const failing = (error: Error) => (): Next => {
  throw error;
};

describe('what follows a pass', () => {
  test.each<[string, () => Next, number, number]>([
    ['settled: nothing until something changes', settled, 1_000_000, 1],
    ['recheck: at the time it named', () => ({ kind: 'recheck', afterMs: 10_000 }), 35_000, 4],
    ['blocked: a slow look', () => ({ kind: 'blocked', reason: 'x' }), 125_000, 3],
    // Once more at first: it has said what it is.
    ['an error: 5, 10, 20, 40 ms and so on', failing(new Error('x')), 79, 6],
    [
      'an error that names a time: not before',
      failing(new ApiError('throttled', 'x', { retryAfterMs: 9000 })),
      8999,
      2,
    ],
    // A timer would take it for none.
    ['a time that is no number: as an error', () => ({ kind: 'recheck', afterMs: NaN }), 79, 6],
  ])('%s', async (_, next, elapsedMs, expected) => {
    const { clock, rig, passes } = startCounting(next);
    await clock.advance(elapsedMs);
    await rig.stop();
    expect(passes()).toBe(expected);
  });

  test('settled: looked at again after ten hours', async () => {
    const { clock, rig, passes } = startCounting(settled);
    await clock.advance(0);
    clock.pause(32_000_000);
    await clock.advance(1000);
    expect(passes()).toBe(1);
    clock.pause(1_000_000);
    await clock.advance(1000);
    expect(passes()).toBe(2);
    await rig.stop();
  });

  test('writing "it failed" into the status does not cut the back-off short', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    cluster.put(crews, crew('alpha', ['ann']));
    const attempts = refuseApplying(
      cluster,
      (attempt) => new ApiError('invalid', `refused for the ${String(attempt)}th time`),
    );
    const rig = startRig(cluster, clock);
    await clock.advance(60_000);
    await rig.stop();
    expect(attempts()).toBeLessThan(18);
  });

  const refused = new ApiError('invalid', 'refused');
  test.each<[string, Error, Next, number]>([
    ['a deadline is looked at in time, however long the back-off', refused, { kind: 'recheck', afterMs: 70_000 }, 29],
    ['who looks every second does so once a minute while he fails', refused, { kind: 'recheck', afterMs: 1000 }, 31],
    ['without either the back-off alone counts', refused, { kind: 'settled' }, 19],
    [
      'who seems not to lead looks again each second, and either ends or goes on',
      new NotLeading(),
      { kind: 'settled' },
      1001,
    ],
  ])('of writes that fail, %s', async (_, error, next, expected) => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    cluster.put(crews, crew('alpha', ['ann'], { next }));
    const attempts = refuseApplying(cluster, () => error);
    const rig = startRig(cluster, clock);
    await clock.advance(1_000_000);
    await rig.stop();
    expect(attempts()).toBe(expected);
  });

  test('what a pass after a failure says about the status is acted upon: its echo may be heard before its end', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    cluster.put(crews, crew('alpha', []));
    let passes = 0;
    const inTwoSteps: typeof crewReconciler = {
      ...crewReconciler,
      plan: (observed, now) => {
        passes += 1;
        if (passes === 1) throw new Error('x');
        const members = observed.crew.status?.members ?? 0;
        return { ...crewReconciler.plan(observed, now), status: { conditions: [], members: members === 0 ? 1 : 2 } };
      },
    };
    const rig = startRig(cluster, clock, { reconcilers: [inTwoSteps] });
    await clock.advance(60_000);
    await rig.stop();
    expect((await cluster.get(crews, alpha)).status?.members).toBe(2);
  });

  test.each([1, 50])('%d failing neighbours keep nobody waiting, even if there is one worker alone', async (ill) => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    for (let number = 1; number <= ill; number += 1) cluster.put(crews, crew(`ill-${String(number)}`, ['ann']));
    cluster.beforeWrite = ({ what }) => {
      if (what.includes('ill')) throw new ApiError('unavailable', 'no');
    };
    const rig = startRig(cluster, clock, { workers: 1 });
    await clock.advance(10_000);
    cluster.put(crews, crew('well', ['bob']));
    await clock.advance(100);
    expect((await cluster.get(crews, { namespace: 'default', name: 'well' })).status?.members).toBe(1);
    await rig.stop();
  });

  test('neighbours that are refused slowly keep nobody waiting: not at the start, not when they were seen to fail before', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    const told = { type: 'Progressing', status: 'False', reason: 'ApplyFailed', message: '' } as const;
    const status = { conditions: [{ ...told, lastTransitionTime: '2026-01-01T00:00:00Z' }], members: 0 };
    const ill = (number: number): Crew => ({ ...crew(`ill-${String(number)}`, ['ann']), status });
    for (let number = 1; number <= 40; number += 1) cluster.put(crews, ill(number));
    for (let number = 1; number <= 4; number += 1) cluster.put(crews, crew(`well-${String(number)}`, ['bob']));
    cluster.beforeWrite = async ({ what }) => {
      if (!what.includes('ill')) return;
      await sleep(clock, 10_000, new AbortController().signal);
      throw new ApiError('unavailable', 'no answer in time');
    };
    const rig = startRig(cluster, clock, { workers: 4 });
    const members = async (name: string) => (await cluster.get(crews, { namespace: 'default', name })).status?.members;
    await clock.advance(100);
    expect(await Promise.all([1, 2, 3, 4].map((number) => members(`well-${String(number)}`)))).toEqual([1, 1, 1, 1]);
    await clock.advance(30_000);
    cluster.put(crews, crew('late', ['bob']));
    await clock.advance(100);
    expect(await members('late')).toBe(1);
    // What is on the way must come to its end, or nothing stops.
    cluster.beforeWrite = () => undefined;
    await clock.advance(20_000);
    await rig.stop();
  });

  test('neighbours that hang keep nobody waiting in another namespace who has failed once, as by a conflict', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    const rig = startRig(cluster, clock, { workers: 4 });
    for (let number = 1; number <= 40; number += 1) cluster.put(crews, crew(`ill-${String(number)}`, ['ann']));
    let refusals = 1;
    cluster.beforeWrite = async ({ what }) => {
      if (what.includes('ill')) await sleep(clock, 10_000, new AbortController().signal);
      else refusals -= 1;
      if (what.includes('ill') || refusals >= 0) throw new ApiError('conflict', 'no');
    };
    // By now all of them are known to fail, and more are due than may be held.
    await clock.advance(200_000);
    cluster.put(crews, inNamespace('another', crew('well', ['bob'])));
    await clock.advance(1100);
    expect((await cluster.get(crews, { namespace: 'another', name: 'well' })).status?.members).toBe(1);
    cluster.beforeWrite = () => undefined;
    await clock.advance(20_000);
    await rig.stop();
  });

  test('neighbours that nobody has seen fail yet, and that are answered slowly, keep no other namespace waiting for long', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    const rig = startRig(cluster, clock, { workers: 4 });
    await clock.advance(100);
    let asked = 0;
    cluster.beforeWrite = async ({ what }) => {
      if (!what.includes('ill')) return;
      asked += 1;
      await sleep(clock, 10_000, new AbortController().signal);
      throw new ApiError('unavailable', 'no answer in time');
    };
    for (let number = 1; number <= 40; number += 1) cluster.put(crews, crew(`ill-${String(number)}`, ['ann']));
    await clock.advance(500);
    cluster.put(crews, inNamespace('another', crew('well', ['bob'])));
    await clock.advance(600);
    expect((await cluster.get(crews, { namespace: 'another', name: 'well' })).status?.members).toBe(1);
    // Theirs has as many at once as there are workers, as it would have alone.
    await clock.advance(5000);
    expect(asked).toBe(4);
    cluster.beforeWrite = () => undefined;
    await clock.advance(200_000);
    await rig.stop();
  });

  test('somebody who touches a failing neighbour has it looked at at once', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    cluster.put(crews, crew('alpha', ['ann']));
    const attempts = refuseApplying(cluster, () => new ApiError('forbidden', 'exceeded quota'));
    const rig = startRig(cluster, clock);
    await clock.advance(600_000);
    const before = attempts();
    const found = await cluster.get(crews, alpha);
    cluster.put(crews, { ...found, metadata: { ...found.metadata, annotations: { touched: 'now' } } });
    await clock.advance(0);
    expect(attempts()).toBe(before + 1);
    await rig.stop();
  });

  test('what changes is looked at before what was there at the start', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    for (let number = 1; number <= 50; number += 1) cluster.put(crews, crew(`old-${String(number)}`, []));
    const order: string[] = [];
    const reconciler: typeof crewReconciler = {
      ...crewReconciler,
      plan: (observed, now) => {
        order.push(observed.crew.metadata.name);
        if (order.length === 1) cluster.put(crews, crew('new', []));
        return crewReconciler.plan(observed, now);
      },
    };
    const rig = startRig(cluster, clock, { reconcilers: [reconciler], workers: 1 });
    await clock.advance(60_000);
    await rig.stop();
    expect(new Set(order).size).toBe(51);
    expect(order.indexOf('new')).toBeLessThan(order.indexOf('old-50'));
  });

  test('whatever a pass says has its key and its id; another pass has another id', async () => {
    const [cluster, clock] = [new FakeCluster(), new FakeClock()];
    cluster.put(crews, crew('alpha', ['ann']));
    cluster.beforeWrite = ({ verb, what }) => {
      if (verb === 'apply' && what.includes('alpha-ann')) throw new ApiError('forbidden', 'no');
    };
    let drawn = 0;
    const rig = startRig(cluster, clock, { random: () => (drawn += 1) / 1024 });
    await clock.advance(6);
    await rig.stop();
    const ofPasses = rig.lines.filter((line) => line.includes('reconcileId'));
    const fields = ofPasses.map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, string>);
    const sentences = (id: string | undefined): readonly string[] =>
      ofPasses.filter((_, at) => fields[at]?.['reconcileId'] === id).map((line) => line.slice(0, line.indexOf(' {')));
    const ids = [...new Set(fields.map(({ reconcileId }) => reconcileId))];
    expect(ids.length).toBeGreaterThan(1);
    expect(fields.every(({ key, reconciler }) => key === 'default/alpha' && reconciler === 'crew')).toBe(true);
    expect(ids.every((id) => /^[0-9a-f]{12}$/.test(id ?? ''))).toBe(true);
    expect(sentences(ids[0])).toEqual(['not written', 'written', 'pass over', 'pass failed']);
  });

  test('a new version with nothing new in what is kept wakes nobody', async () => {
    const { cluster, clock, rig, passes } = startCounting(settled);
    await clock.advance(0);
    const noted = async (name: string): Promise<unknown> => {
      const { resourceVersion } = cluster.put(crews, noting(name)).metadata;
      await clock.advance(0);
      return [passes(), rig.manager.cache.get(crews, alpha)?.metadata.resourceVersion === resourceVersion];
    };
    expect(await noted('kubectl.kubernetes.io/last-applied-configuration')).toEqual([1, true]);
    expect(await noted('touched')).toEqual([2, true]);
    await rig.stop();
  });

  test('a poke runs a pass at once', async () => {
    const { clock, rig, passes } = startCounting(settled);
    await clock.advance(0);
    rig.manager.poke('crew', alpha);
    await clock.advance(0);
    expect(passes()).toBe(2);
    await rig.stop();
  });
});
