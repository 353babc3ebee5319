import { describe, expect, test } from '@jest/globals';
import { ApiError, type ApiErrorCode } from '../../../operator/kernel/cluster.ts';
import { longestAwayMs } from '../../../operator/kernel/deadlines.ts';
import { NotLeading } from '../../../operator/kernel/fence.ts';
import type { KubeObject, OwnerReference } from '../../../operator/kernel/objects.ts';
import type { AnyReconciler, Next } from '../../../operator/kernel/reconcile.ts';
import type { FakeCluster } from '../../support/fake-cluster.ts';
import { crew, crewReconciler, crews, members } from '../../support/toy.ts';
import { key, member, stage, whileNobodyIsThere, withCrew } from '../../support/pass-stage.ts';

describe('runPass', () => {
  test('a root that is not there is gone', async () => {
    const { pass } = await stage(() => undefined);
    expect(await pass()).toEqual({ kind: 'gone' });
  });

  test.each<Next>([{ kind: 'settled' }, { kind: 'recheck', afterMs: 5 }, { kind: 'blocked', reason: 'why' }])(
    'what the plan says next is the outcome: %j',
    async (next) => {
      const { pass } = await stage(withCrew([], { next }));
      expect(await pass()).toEqual(next);
    },
  );

  test('does not plan before the cache shows its own writes, and not for ever', async () => {
    const { pass, see, hear, cluster, clock } = await stage(withCrew(['ann']));
    cluster.holdWatches();
    expect((await pass()).kind).toBe('settled');
    const writes = cluster.writes.length;
    expect(await pass()).toEqual({ kind: 'stale', afterMs: 50 });
    clock.pause(300);
    expect(await pass()).toEqual({ kind: 'stale', afterMs: 300 });
    clock.pause(4700);
    expect(await pass()).toEqual({ kind: 'stale', afterMs: 1000 });
    // A watch may be away for as long before it brings them, and looking wakes nobody.
    clock.pause(longestAwayMs - 5001);
    expect(await pass()).toEqual({ kind: 'stale', afterMs: 15_000 });
    expect(cluster.writes.length).toBe(writes);
    clock.pause(1);
    // Nothing was heard meanwhile: what there is to know may still be on its way.
    expect(await pass()).toEqual({ kind: 'stale', afterMs: 15_000 });
    hear();
    // It looks for itself, and finds that what it sees is the past.
    expect([await pass(), cluster.writes.length]).toEqual([{ kind: 'stale', afterMs: 50 }, writes]);
    cluster.releaseWatches();
    await see();
    expect((await pass()).kind).toBe('settled');
  });

  test('does nothing while something is there that its cache does not show', async () => {
    const { pass, cluster } = await stage(withCrew(['ann']), whileNobodyIsThere);
    cluster.holdWatches();
    cluster.put(members, member('bob'));
    const writes = cluster.writes.length;
    expect([await pass(), cluster.writes.length]).toEqual([{ kind: 'stale', afterMs: 1000 }, writes]);
    cluster.withdraw(members, { namespace: 'default', name: 'alpha-bob' });
    expect([(await pass()).kind, cluster.writes.length > writes]).toEqual(['settled', true]);
  });

  test.each<ApiErrorCode>(['forbidden', 'unavailable'])(
    'a look that is %s is told if a person can help',
    async (code) => {
      const next: Next = { kind: 'recheck', afterMs: 9 };
      const { pass, cluster, root } = await stage(withCrew(['ann'], { next }), whileNobodyIsThere);
      const writes = code === 'forbidden' ? ['applyStatus'] : [];
      const error = new ApiError(code, 'no look at members');
      cluster.list = () => Promise.reject(error);
      expect(await pass()).toEqual({ kind: 'failed', error, lookMs: 9 });
      expect(cluster.writes.map(({ verb }) => verb)).toEqual(writes);
      const told = (await root()).status?.conditions.map(({ message }) => message) ?? [];
      expect(told).toEqual(writes.map(() => error.message));
    },
  );

  test('the second pass over the same state writes nothing', async () => {
    const { pass, see, cluster } = await stage(withCrew(['ann', 'bob']));
    for (let round = 0; round < 3; round += 1) {
      await pass();
      await see();
    }
    const writes = cluster.writes.length;
    expect((await pass()).kind).toBe('settled');
    expect(cluster.writes.length).toBe(writes);
  });

  test('a root that removes itself writes no status and is gone next', async () => {
    const leaving: AnyReconciler = {
      ...crewReconciler,
      plan: (observed, now) => {
        const plan = crewReconciler.plan(observed as never, now);
        const { uid = '' } = (observed as { readonly crew: KubeObject }).crew.metadata;
        return { ...plan, remove: [{ resource: crews, key, uid }], events: [] };
      },
    };
    const { pass, see, cluster } = await stage(withCrew([]), leaving);
    expect((await pass()).kind).toBe('settled');
    await see();
    expect(await pass()).toEqual({ kind: 'gone' });
    expect(cluster.writes.map(({ verb }) => verb)).toEqual(['remove']);
  });

  describe('a status that waits for what is made', () => {
    const waiting: AnyReconciler = {
      ...crewReconciler,
      plan: (observed, now) => ({ ...crewReconciler.plan(observed as never, now), statusWaits: true }),
    };

    test('is not written', async () => {
      const { pass, cluster } = await stage(withCrew(['ann']), waiting);
      expect((await pass()).kind).toBe('settled');
      expect(cluster.writes.map(({ verb }) => verb)).toEqual(['apply']);
    });

    test('is written at once where nothing could be made', async () => {
      const { pass, root } = await stage((cluster) => {
        withCrew(['ann'])(cluster);
        cluster.put(members, member('ann'));
      }, waiting);
      expect((await pass()).kind).toBe('blocked');
      expect((await root()).status!.conditions).toContainEqual(expect.objectContaining({ reason: 'NameTaken' }));
    });
  });

  test.each([
    ['applied', 'ann'],
    ['created', 'ann'],
    ['once', 'other'],
  ] as const)('what somebody else changes of what is %s is %s in the end', async (manner, name) => {
    const { pass, see, cluster } = await stage(withCrew(['ann'], { manner }));
    await pass();
    await see();
    const ann = await cluster.get(members, { namespace: 'default', name: 'alpha-ann' });
    cluster.put(members, { ...ann, data: { name: 'other' } } as KubeObject);
    await see();
    await pass();
    expect((await cluster.get(members, { namespace: 'default', name: 'alpha-ann' })).data).toEqual({ name });
  });
});

describe('names of others', () => {
  test.each<[string, Partial<OwnerReference> | undefined, string]>([
    ['nobody’s', undefined, 'nobody we know'],
    ['another owner’s', { kind: 'Ship', name: 'argo', uid: 'x' }, 'Ship argo'],
    ['a root of another name', { name: 'beta', uid: 'x' }, 'Crew beta'],
  ])('%s object is never touched, and the status says whose it is', async (_, owner, holder) => {
    const { pass, root, cluster } = await stage((fresh) => {
      fresh.put(crews, crew('alpha', ['ann']));
      fresh.put(members, member('ann', owner));
    });
    const outcome = await pass();
    expect(outcome.kind).toBe('blocked');
    expect(cluster.writes.map(({ verb }) => verb)).toEqual(['applyStatus']);
    const conditions = (await root()).status!.conditions;
    const found = conditions.find(({ type }) => type === 'Progressing');
    expect(found).toMatchObject({ status: 'False', reason: 'NameTaken', observedGeneration: 1 });
    expect(found!.message).toContain(holder);
  });

  test.each([
    ['for less than a minute says nothing', 59, 1000, undefined],
    ['for longer says so, and who holds it', 60, 15_000, 'NameLeaving'],
  ])('of a predecessor that has been on its way out %s', async (_, seconds, afterMs, reason) => {
    const { pass, root, clock } = await stage((cluster) => {
      cluster.put(crews, crew('alpha', ['ann']));
      const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.org/audit'] };
      cluster.put(members, member('ann', { uid: 'before' }, leaving));
    });
    clock.pause(seconds * 1000);
    expect(await pass()).toMatchObject({ kind: 'waiting', afterMs });
    const found = (await root()).status?.conditions.find(({ type }) => type === 'Progressing');
    expect(found?.reason === 'NameLeaving' ? found.reason : undefined).toBe(reason);
    if (reason !== undefined) expect(found?.message).toContain('finalizers example.org/audit');
  });

  test('a stranger the cache does not show yet is found before anything is created', async () => {
    const { pass, cluster } = await stage(withCrew(['ann']));
    cluster.holdWatches();
    cluster.put(members, member('ann'));
    expect((await pass()).kind).toBe('blocked');
    expect(cluster.writes.map(({ verb }) => verb)).toEqual(['applyStatus']);
  });

  test.each<[string, Partial<OwnerReference>, object]>([
    ['the child of a predecessor of the same name', { uid: 'old' }, {}],
    ['our own child that is being deleted', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }],
  ])('%s is waited for', async (_, owner, more) => {
    const { pass, cluster, root } = await stage((fresh) => {
      fresh.put(crews, crew('alpha', ['ann']));
      fresh.put(members, member('ann', owner, more));
    });
    expect(await pass()).toMatchObject({ kind: 'waiting', afterMs: 1000 });
    expect(cluster.writes.filter(({ what }) => what.includes(members.plural))).toEqual([]);
    expect((await root()).status!.conditions.map(({ type }) => type)).toEqual(['Ready']);
  });
});

describe('when acting fails', () => {
  const refused = new ApiError('invalid', 'spec.replicas: must be positive', { status: 422 });
  const failing = (cluster: FakeCluster, error: Error, what = 'apply'): void => {
    cluster.beforeWrite = ({ verb }) => {
      if (verb === what) throw error;
    };
  };

  test.each(['apply', 'applyStatus'])(
    'of %s, when the plan wanted to look again is told all the same',
    async (verb) => {
      const { pass, cluster } = await stage(withCrew(['ann'], { next: { kind: 'recheck', afterMs: 300_000 } }));
      failing(cluster, refused, verb);
      expect(await pass()).toEqual({ kind: 'failed', error: refused, lookMs: 300_000 });
    },
  );

  test('the planned status is stored with the truth, and the error comes back for the back-off', async () => {
    const { pass, see, cluster, root } = await stage(withCrew(['ann']));
    failing(cluster, refused);
    expect(await pass()).toEqual({ kind: 'failed', error: refused });
    const status = (await root()).status!;
    expect(status.members).toBe(0);
    expect(status.conditions.find(({ type }) => type === 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ApplyFailed',
      message: 'spec.replicas: must be positive',
    });
    await see();
    const writes = cluster.writes.length;
    expect((await pass()).kind).toBe('failed');
    expect(cluster.writes.length).toBe(writes);
    cluster.beforeWrite = () => undefined;
    await pass();
    expect((await root()).status!.conditions.map(({ type }) => type)).toEqual(['Ready']);
  });

  test('of a refusal without end the beginning is told', async () => {
    const { pass, cluster, root } = await stage(withCrew(['ann']));
    failing(cluster, new ApiError('invalid', 'x'.repeat(100_000), { status: 422 }));
    await pass();
    const told = (await root()).status!.conditions.find(({ type }) => type === 'Progressing');
    expect(told?.message).toBe('x'.repeat(1024));
  });

  test('a process that no longer leads says nothing at all', async () => {
    const { pass, cluster } = await stage(withCrew(['ann']));
    failing(cluster, new NotLeading());
    expect(await pass()).toEqual({ kind: 'fenced' });
    expect(cluster.writes).toEqual([]);
  });

  test('a root deleted meanwhile is no failure', async () => {
    const { pass, cluster } = await stage(withCrew([]));
    cluster.beforeWrite = ({ verb }) => {
      if (verb === 'applyStatus') throw new ApiError('notFound', 'gone', { status: 404 });
    };
    expect((await pass()).kind).toBe('settled');
  });

  test('nothing more is done for a root whose status was not found, until its removal is seen', async () => {
    const { pass, cluster, see } = await stage(withCrew(['ann']));
    cluster.holdWatches();
    cluster.beforeWrite = ({ verb }) => {
      if (verb === 'applyStatus') cluster.withdraw(crews, key);
    };
    await pass();
    cluster.withdraw(members, { namespace: 'default', name: 'alpha-ann' });
    const before = cluster.writes.length;
    expect((await pass()).kind).toBe('stale');
    expect(cluster.writes).toHaveLength(before);
    cluster.releaseWatches();
    await see();
    expect(await pass()).toEqual({ kind: 'gone' });
  });

  test('nothing is made for a root that only the cache still shows', async () => {
    const { pass, cluster } = await stage(withCrew(['ann']));
    cluster.holdWatches();
    cluster.withdraw(crews, key);
    expect([(await pass()).kind, cluster.writes]).toEqual(['stale', []]);
  });

  test('a child that vanished is made again for a root that is there', async () => {
    const { pass, cluster, see } = await stage(withCrew(['ann']));
    await pass();
    await see();
    cluster.withdraw(members, { namespace: 'default', name: 'alpha-ann' });
    await see();
    await pass();
    expect(await cluster.get(members, { namespace: 'default', name: 'alpha-ann' })).toBeDefined();
  });

  test('a plan that throws is a failed pass', async () => {
    const broken: AnyReconciler = {
      ...crewReconciler,
      plan: () => {
        throw new TypeError('a bug');
      },
    };
    const { pass } = await stage(withCrew([]), broken);
    expect(await pass()).toMatchObject({ kind: 'failed', error: { message: 'a bug' } });
  });
});
