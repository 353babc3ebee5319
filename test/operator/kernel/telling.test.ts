import { describe, expect, test } from '@jest/globals';
import { ApiError, NotLeading } from '../../../operator/kernel/cluster.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { eventsResource } from '../../../operator/kernel/recorder.ts';
import type { AnyReconciler } from '../../../operator/kernel/reconcile.ts';
import { member, stage, withCrew, type Stage } from '../../support/pass-stage.ts';
import { crewReconciler, crews, members } from '../../support/toy.ts';

const eventsOf = async ({ cluster }: Stage) => (await cluster.list(eventsResource, {})).items;
const statusOf = async ({ root }: Stage) => (await root()).status;

/** Refuses the next so many events; tells how often one was offered. */
function refusing({ cluster }: Stage, error: Error, times: number): () => number {
  let offered = 0;
  cluster.beforeWrite = ({ verb }) => {
    if (verb === 'create' && (offered += 1) <= times) throw error;
  };
  return () => offered;
}

describe('what a status tells', () => {
  test('is said by events that no process takes along which ends before it is stored', async () => {
    const there = await stage(withCrew([]));
    there.cluster.beforeWrite = ({ verb }) => {
      if (verb === 'applyStatus') throw new NotLeading();
    };
    expect(await there.pass()).toEqual({ kind: 'fenced' });
    expect(await eventsOf(there)).toMatchObject([{ reason: 'AllHere' }]);
    there.cluster.beforeWrite = () => undefined;
    await there.pass();
    expect([await eventsOf(there), (await there.root()).status?.members]).toMatchObject([{ length: 1 }, 0]);
  });

  test('is not said of a root that has changed since', async () => {
    const there = await stage(withCrew([]));
    there.cluster.holdWatches();
    there.cluster.put(crews, { ...(await there.root()), spec: { members: ['ann'] } } as KubeObject);
    expect(await there.pass()).toMatchObject({ kind: 'stale' });
    expect([await eventsOf(there), there.cluster.writes]).toEqual([[], []]);
  });
});

describe('an event that is not taken for now', () => {
  const throttled = new ApiError('throttled', 'later', { status: 429, retryAfterMs: 5000 });

  test.each<[string, Error, number]>([
    ['429', throttled, 5000],
    ['401', new ApiError('unauthorized', 'who?', { status: 401 }), 1000],
    ['500', new ApiError('unavailable', 'HTTP 500', { status: 500 }), 1000],
    ['no answer', new Error('the connection broke'), 1000],
  ])('holds the status back until it was offered again: %s', async (_, error, afterMs) => {
    const there = await stage(withCrew([]));
    refusing(there, error, 1);
    expect(await there.pass()).toEqual({ kind: 'recheck', afterMs });
    expect([await eventsOf(there), await statusOf(there)]).toEqual([[], undefined]);
    there.clock.pause(afterMs);
    expect(await there.pass()).toEqual({ kind: 'settled' });
    expect([await eventsOf(there), await statusOf(there)]).toMatchObject([[{ reason: 'AllHere' }], { members: 0 }]);
  });

  test('is offered no sooner than was asked for, whatever wakes the key', async () => {
    const there = await stage(withCrew([]));
    const offered = refusing(there, throttled, 1);
    await there.pass();
    there.clock.pause(4000);
    expect([await there.pass(), offered()]).toEqual([{ kind: 'recheck', afterMs: 1000 }, 1]);
    expect(await statusOf(there)).toBeUndefined();
  });

  test('holds the status back no longer', async () => {
    const there = await stage(withCrew([]));
    refusing(there, throttled, 2);
    await there.pass();
    there.clock.pause(5000);
    expect(await there.pass()).toEqual({ kind: 'settled' });
    expect([await eventsOf(there), await statusOf(there)]).toMatchObject([[], { members: 0 }]);
  });

  test.each<[string, number, number, readonly string[]]>([
    ['that comes while another one is waited for is offered twice, too', 2, 3, ['1']],
    ['comes again and again, and is not waited for beyond a minute', 99, 13, []],
  ])('%s', async (_, times, passes, told) => {
    let seconds = 0;
    const there = await stage(withCrew([]), {
      ...crewReconciler,
      plan: (observed, now) => ({
        ...crewReconciler.plan(observed as never, now),
        events: [{ kind: 'Normal', reason: 'AllHere', message: String(Math.min(seconds++, passes === 3 ? 1 : 99)) }],
      }),
    });
    refusing(there, throttled, times);
    let round = 0;
    for (; (await statusOf(there)) === undefined; round += 1) {
      await there.pass();
      there.clock.pause(5000);
    }
    expect([round, (await eventsOf(there)).map((event) => 'message' in event && event.message)]).toEqual([
      passes,
      told,
    ]);
  });

  test.each<[string, boolean, readonly string[]]>([
    ['is kept where no later look would tell it', true, ['passing']],
    ['is not where the next look tells otherwise', false, []],
  ])('%s', async (_, isPassing, told) => {
    let looks = 0;
    const passing = { kind: 'Normal', reason: 'Scaled', message: 'passing', ...(isPassing && { isPassing }) } as const;
    const there = await stage(withCrew([]), {
      ...crewReconciler,
      plan: (observed, now) => ({
        ...crewReconciler.plan(observed as never, now),
        events: looks++ === 0 ? [passing] : [],
      }),
    });
    refusing(there, throttled, 1);
    expect(await there.pass()).toEqual({ kind: 'recheck', afterMs: 5000 });
    there.clock.pause(5000);
    await there.pass();
    await there.pass();
    expect((await eventsOf(there)).map((event) => 'message' in event && event.message)).toEqual(told);
  });

  test('may hold the next status back again', async () => {
    const there = await stage(withCrew([]));
    refusing(there, throttled, 2);
    for (let round = 0; round < 2; round += 1) {
      await there.pass();
      there.clock.pause(5000);
    }
    await there.see();
    there.cluster.put(crews, { ...(await there.root()), status: undefined } as unknown as KubeObject);
    await there.see();
    refusing(there, throttled, 1);
    expect(await there.pass()).toEqual({ kind: 'recheck', afterMs: 5000 });
  });

  test('because nobody can tell whether the root is as it was holds it back for as long as that', async () => {
    const there = await stage(withCrew([]));
    const get = there.cluster.get.bind(there.cluster);
    refusing(there, throttled, 1);
    await there.pass();
    there.cluster.get = () => Promise.reject(throttled);
    for (let round = 0; round < 3; round += 1) {
      there.clock.pause(5000);
      expect(await there.pass()).toEqual({ kind: 'failed', error: throttled });
    }
    there.cluster.get = get;
    expect([await eventsOf(there), await statusOf(there)]).toEqual([[], undefined]);
    expect(await there.pass()).toEqual({ kind: 'settled' });
    expect([await eventsOf(there), await statusOf(there)]).toMatchObject([[{ reason: 'AllHere' }], { members: 0 }]);
  });

  test('because nobody may look at the root holds up nothing', async () => {
    const there = await stage(withCrew([]));
    there.cluster.get = () => Promise.reject(new ApiError('forbidden', 'no look', { status: 403 }));
    expect(await there.pass()).toEqual({ kind: 'settled' });
    expect((await there.cluster.list(crews, {})).items).toMatchObject([{ status: { members: 0 } }]);
  });
});

test.each([
  ['403', new ApiError('forbidden', 'the namespace is being terminated', { status: 403 })],
  ['404', new ApiError('notFound', 'no such namespace', { status: 404 })],
  ['422', new ApiError('invalid', 'a policy', { status: 422 })],
])('an event that is refused for good holds up nothing: %s', async (_, error) => {
  const there = await stage(withCrew([]));
  refusing(there, error, 1);
  expect([await there.pass(), await statusOf(there)]).toMatchObject([{ kind: 'settled' }, { members: 0 }]);
});

describe('when an act fails', () => {
  const refused = new ApiError('forbidden', 'a policy', { status: 403 });
  /** Everybody is here, and one is too many, who cannot be removed. */
  const crowded = async (eventError?: Error): Promise<Stage> => {
    const there = await stage((cluster) => {
      withCrew([])(cluster);
      cluster.put(members, member('eve', {}));
    });
    there.cluster.beforeWrite = ({ verb }) => {
      if (verb === 'remove') throw refused;
      if (verb === 'create' && eventError !== undefined) throw eventError;
    };
    return there;
  };

  test('what the status tells all the same is said before', async () => {
    const there = await crowded();
    expect(await there.pass()).toEqual({ kind: 'failed', error: refused });
    expect(there.cluster.writes.map(({ verb }) => verb)).toEqual(['create', 'applyStatus']);
    expect(await eventsOf(there)).toMatchObject([{ reason: 'AllHere' }]);
  });

  test('the status waits for what is not taken for now, and the key for its back-off', async () => {
    const there = await crowded(new ApiError('throttled', 'later', { status: 429 }));
    expect(await there.pass()).toEqual({ kind: 'failed', error: refused, lookMs: 1000 });
    expect(await statusOf(there)).toBeUndefined();
    there.clock.pause(1000);
    expect(await there.pass()).toEqual({ kind: 'failed', error: refused });
    expect((await statusOf(there))?.conditions).toContainEqual(expect.objectContaining({ reason: 'ApplyFailed' }));
  });
});

describe('the API server is asked for the root', () => {
  const talkative: AnyReconciler = {
    ...crewReconciler,
    plan: (observed, now) => ({
      ...crewReconciler.plan(observed as never, now),
      events: [{ kind: 'Normal', reason: 'AllHere', message: 'always the same' }],
    }),
  };

  test('once in a pass that misses a child and has something to say, and not for what was said before', async () => {
    const there = await stage(withCrew(['ann'], { manner: 'once' }), talkative);
    const asked: string[] = [];
    const get = there.cluster.get.bind(there.cluster);
    there.cluster.get = (resource, key) => {
      asked.push(resource.kind);
      return get(resource, key);
    };
    const askedEach: string[][] = [];
    for (let round = 0; round < 3; round += 1) {
      await there.pass();
      await there.see();
      askedEach.push(asked.splice(0));
    }
    expect(askedEach).toEqual([['Crew'], [], []]);
  });
});
