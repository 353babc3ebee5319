import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import type { AnyReconciler, Manner, Next } from '../../../operator/kernel/reconcile.ts';
import { statusAfter } from '../../../operator/kernel/status.ts';
import { eventsResource } from '../../../operator/kernel/recorder.ts';
import { stage, withCrew, type Stage } from '../../support/pass-stage.ts';
import { crew, crewReconciler, crews, members, type Crew } from '../../support/toy.ts';

const broken: AnyReconciler = {
  ...crewReconciler,
  plan: () => {
    throw new RangeError('Invalid time value');
  },
};

/** As of what is over: what it says already. */
const restating: AnyReconciler = {
  ...crewReconciler,
  plan: (observed, now) => {
    const { status } = (observed as { readonly crew: Crew }).crew;
    const plan = crewReconciler.plan(observed as never, now);
    const isComplete = status?.conditions.some((one) => one.status === 'True') === true;
    return isComplete ? { ...plan, status } : plan;
  },
};

const progressing = (root: { readonly status?: { readonly conditions: readonly { readonly type: string }[] } }) =>
  root.status?.conditions.find(({ type }) => type === 'Progressing');

describe('an object says what went wrong', () => {
  test('when nothing can be planned, and keeps what it said before', async () => {
    const { pass, see, root, cluster } = await stage(withCrew(['ann']), broken);
    const before = await root();
    cluster.put(crews, { ...before, status: { conditions: [], members: 7 } } as KubeObject);
    await see();
    expect(await pass()).toMatchObject({ kind: 'failed', error: { message: 'Invalid time value' } });
    const after = await root();
    expect(after.status).toMatchObject({ members: 7 });
    expect(progressing(after)).toMatchObject({
      ...{ status: 'False', reason: 'ApplyFailed' },
      message: expect.stringContaining('Invalid time value'),
    });
  });

  test('when its status is refused, beside what it said before', async () => {
    const { pass, root, cluster } = await stage(withCrew([]));
    let refusals = 1;
    cluster.beforeWrite = ({ verb }) => {
      if (verb === 'applyStatus' && (refusals -= 1) >= 0) throw new ApiError('invalid', 'members: too many');
    };
    expect(await pass()).toMatchObject({ kind: 'failed', error: { message: 'members: too many' } });
    expect(progressing(await root())).toMatchObject({ reason: 'ApplyFailed', message: 'members: too many' });
  });

  test('where it would have said that all goes well, so that the order of what it says never changes', () => {
    const told = (type: string) =>
      ({ type, status: 'True', reason: 'A', message: 'm', lastTransitionTime: '' }) as const;
    const typesAfter = (...types: readonly string[]): readonly string[] =>
      statusAfter(new Error('no'), { conditions: types.map(told) }, crew('a', []), new Date(0)).conditions.map(
        ({ type, status }) => `${type} ${status}`,
      );
    expect(typesAfter('Accepted', 'Progressing', 'Succeeded')).toEqual([
      'Accepted True',
      'Progressing False',
      'Succeeded True',
    ]);
    expect(typesAfter('Accepted')).toEqual(['Accepted True', 'Progressing False']);
  });

  test('by an event, once, where no status is taken', async () => {
    const { pass, see, cluster } = await stage(withCrew([]));
    cluster.beforeWrite = ({ verb }) => {
      if (verb === 'applyStatus') throw new ApiError('forbidden', 'a policy denies it');
    };
    for (let round = 0; round < 3; round += 1) {
      expect((await pass()).kind).toBe('failed');
      await see();
    }
    const { items } = await cluster.list(eventsResource, {});
    const message = 'The status was refused: a policy denies it';
    expect(items).toMatchObject([{ reason: 'AllHere' }, { reason: 'ApplyFailed', type: 'Warning', message }]);
  });
});

describe('a condition of somebody else', () => {
  const theirs = {
    type: 'Audited',
    status: 'True',
    reason: 'a',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };

  test.each<[string, AnyReconciler]>([
    ['is left alone', crewReconciler],
    ['is not made ours by a plan that states what it finds', restating],
  ])('%s, and has nothing written', async (_, reconciler) => {
    const { pass, see, root, cluster } = await stage(withCrew(['ann']), reconciler);
    for (let round = 0; round < 3; round += 1) {
      await pass();
      await see();
    }
    const { status, ...before } = await root();
    const conditions = [theirs, ...(status?.conditions ?? [])];
    cluster.put(crews, { ...before, status: { ...status, conditions } } as KubeObject);
    await see();
    const { length } = cluster.writes;
    for (let round = 0; round < 3; round += 1) expect((await pass()).kind).toBe('settled');
    expect(cluster.writes).toHaveLength(length);
  });

  test('is not sent with what is to be told of a failure', async () => {
    const { pass, see, root, cluster } = await stage(withCrew([]), broken);
    cluster.put(crews, { ...(await root()), status: { conditions: [theirs], members: 7 } } as KubeObject);
    await see();
    const sent: unknown[] = [];
    const apply = cluster.applyStatus.bind(cluster);
    cluster.applyStatus = (resource, object) => {
      sent.push(object.status);
      return apply(resource, object);
    };
    await pass();
    expect(sent).toMatchObject([{ conditions: [{ type: 'Progressing' }], members: 7 }]);
  });
});

describe('who undoes what is written is not answered without end', () => {
  test.each<Next>([{ kind: 'settled' }, { kind: 'recheck', afterMs: 86_400_000 }])(
    'in the status, whatever the plan wants next: %j',
    async (next) => {
      const { pass, see, root, cluster, clock } = await stage(withCrew(['ann'], { next }));
      const undo = async (): Promise<void> => {
        const now = await root();
        const conditions = now.status!.conditions.map((one) => ({ ...one, message: String(cluster.writes.length) }));
        cluster.put(crews, { ...now, status: { ...now.status, conditions } } as KubeObject);
        await see();
      };
      await pass();
      await see();
      for (let round = 0; round < 20; round += 1) {
        await pass();
        await see();
        await undo();
      }
      const { length } = cluster.writes.filter(({ verb }) => verb === 'applyStatus');
      expect(length).toBeLessThan(8);
      const outcome = await pass();
      expect(outcome.kind === 'recheck' && outcome.afterMs <= 60_000).toBe(true);
      expect(outcome.held).toBe('Contested');
      clock.pause(61_000);
      await pass();
      expect(cluster.writes.filter(({ verb }) => verb === 'applyStatus').length).toBe(length + 1);
    },
  );

  test('in a child: it rests, the others do not, and the object says so', async () => {
    const { pass, see, root, cluster } = await stage(withCrew(['ann', 'bob'], { manner: 'applied' }));
    for (let round = 0; round < 20; round += 1) {
      await pass();
      await see();
      cluster.put(members, {
        ...(await cluster.get(members, { namespace: 'default', name: 'alpha-ann' })),
        data: { name: String(round) },
      } as KubeObject);
      await see();
    }
    cluster.put(members, {
      ...(await cluster.get(members, { namespace: 'default', name: 'alpha-bob' })),
      data: { name: 'x' },
    } as KubeObject);
    await see();
    const applied = (name: string) =>
      cluster.writes.filter(({ verb, what }) => verb === 'apply' && what.endsWith(name)).length;
    expect(applied('alpha-ann')).toBeLessThan(8);
    const before = applied('alpha-bob');
    expect(await pass()).toMatchObject({ kind: 'waiting', held: 'Contested' });
    expect(applied('alpha-bob')).toBe(before + 1);
    expect(progressing(await root())).toMatchObject({
      ...{ status: 'False', reason: 'Contested' },
      message: expect.stringContaining('default/alpha-ann'),
    });
  });

  describe('by deleting it', () => {
    const annKey = { namespace: 'default', name: 'alpha-ann' };
    const isThere = ({ cluster }: Stage, key = annKey) =>
      cluster.get(members, key).then(
        () => true,
        () => false,
      );
    /** A pass over what the last one has made and somebody has deleted since. */
    async function again(there: Stage) {
      there.cluster.withdraw(members, annKey);
      await there.see();
      const outcome = await there.pass();
      await there.see();
      return outcome;
    }

    test.each<Manner>(['applied', 'created', 'once'])(
      '%s: it rests, for a minute at most, and is told',
      async (manner) => {
        const there = await stage(withCrew(['ann', 'bob'], { manner }));
        const { cluster, clock, root } = there;
        await there.pass();
        await there.see();
        for (let round = 0; round < 20; round += 1) await again(there);
        const made = () =>
          cluster.writes.filter(({ verb, what }) => verb !== 'applyStatus' && what.endsWith('ann')).length;
        const before = made();
        expect(before).toBeLessThan(8);
        expect(await again(there)).toMatchObject({ kind: 'waiting', held: 'Contested' });
        expect(progressing(await root())).toMatchObject({
          ...{ status: 'False', reason: 'Contested' },
          message:
            'ConfigMap default/alpha-ann is removed by somebody else each time it is made; it is made again once a minute at most',
        });
        clock.pause(61_000);
        expect(await there.pass()).toMatchObject({ kind: 'settled' });
        expect([made(), await isThere(there)]).toEqual([before + 1, true]);
      },
    );

    test('once is answered at once, and so is what a person deletes now and then', async () => {
      const there = await stage(withCrew(['ann']));
      await there.pass();
      await there.see();
      for (let round = 0; round < 20; round += 1) {
        expect([(await again(there)).kind, await isThere(there)]).toEqual(['settled', true]);
        there.clock.pause(601_000);
      }
    });

    test('is not held against another root of that name, which is made all it needs at once', async () => {
      const there = await stage(withCrew(['ann']));
      await there.pass();
      await there.see();
      for (let round = 0; round < 20; round += 1) await again(there);
      expect(await isThere(there)).toBe(false);
      there.cluster.withdraw(crews, { namespace: 'default', name: 'alpha' });
      // No pass sees that there was none in between.
      withCrew(['ann'])(there.cluster);
      await there.see();
      expect([(await there.pass()).kind, await isThere(there)]).toEqual(['settled', true]);
    });

    test('one after the other, as those are that have ended, holds up none', async () => {
      const there = await stage(withCrew(['1'], { manner: 'once' }));
      for (let number = 1; number < 20; number += 1) {
        const name = String(number);
        there.cluster.put(crews, { ...(await there.root()), spec: { members: [name], manner: 'once' } } as KubeObject);
        await there.see();
        const key = { namespace: 'default', name: `alpha-${name}` };
        expect([(await there.pass()).kind, await isThere(there, key)]).toEqual(['settled', true]);
        there.cluster.withdraw(members, key);
        await there.see();
      }
    });
  });
});
