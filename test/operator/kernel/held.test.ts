import { describe, expect, test } from '@jest/globals';
import { longestAwayMs } from '../../../operator/kernel/deadlines.ts';
import { HeldKeys } from '../../../operator/kernel/held.ts';
import type { Outcome } from '../../../operator/kernel/pass.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { member } from '../../support/pass-stage.ts';
import { startRig } from '../../support/rig.ts';
import { scraped } from '../../support/scraped.ts';
import { crew, crews, freshRegistry, members } from '../../support/toy.ts';

const annKey = { namespace: 'default', name: 'alpha-ann' };
const none = { NameTaken: 0, Contested: 0, Stale: 0 };
const taken: Outcome = { kind: 'blocked', reason: 'x', held: 'NameTaken' };
const contested: Outcome = { kind: 'waiting', afterMs: 1, sentence: 'x', held: 'Contested' };
const stale: Outcome = { kind: 'stale', afterMs: 1 };

describe('keys that come no further', () => {
  test.each<[string, readonly Outcome[], object]>([
    ['a name is taken', [taken], { NameTaken: 1 }],
    ['somebody undoes what is written', [contested], { Contested: 1 }],
    ['first the one, then the other', [taken, contested], { Contested: 1 }],
    ['a person waits for himself', [{ kind: 'blocked', reason: 'refused' }], {}],
    ['a name is free again', [taken, { kind: 'settled' }], {}],
    ['the object is gone', [contested, { kind: 'gone' }], {}],
    ['a pass fails, which is counted elsewhere', [taken, { kind: 'failed', error: new Error('x') }], {}],
    ['a cache is behind, as it may be', [stale], {}],
  ])('are counted by why: %s', (_, outcomes, expected) => {
    const keys = new HeldKeys();
    for (const outcome of outcomes) keys.note('default/a', outcome, 0);
    expect(keys.counts(0)).toEqual({ ...none, ...expected });
  });

  test('a cache that is behind holds them from when no watch may be away for so long', () => {
    const keys = new HeldKeys();
    keys.note('default/a', stale, 0);
    keys.note('default/b', stale, 1);
    keys.note('default/a', stale, 1);
    expect(keys.counts(longestAwayMs).Stale).toBe(0);
    expect(keys.counts(longestAwayMs + 1).Stale).toBe(1);
    keys.note('default/a', { kind: 'settled' }, 2);
    keys.note('default/a', stale, 3);
    expect(keys.counts(longestAwayMs + 2).Stale).toBe(1);
  });

  test('are shown by a running manager until somebody helps', async () => {
    const [cluster, clock, registry] = [new FakeCluster(), new FakeClock(), freshRegistry()];
    const rig = startRig(cluster, clock, { registry });
    const shown = async (): Promise<readonly string[]> =>
      (await scraped(registry, 'limbeck_queue_held_keys')).filter((line) => !line.endsWith(' 0'));
    cluster.put(members, member('ann'));
    cluster.put(crews, crew('alpha', ['ann']));
    await clock.advance(1000);
    expect((await shown()).join()).toMatch(/reconciler="crew",why="NameTaken".* 1$/);
    cluster.withdraw(members, { namespace: 'default', name: 'alpha-ann' });
    await clock.advance(61_000);
    expect(await shown()).toEqual([]);
    await rig.stop();
  });

  test('are shown for as long as somebody deletes what is made each time', async () => {
    const [cluster, clock, registry] = [new FakeCluster(), new FakeClock(), freshRegistry()];
    const rig = startRig(cluster, clock, { registry });
    cluster.put(crews, crew('alpha', ['ann']));
    let isHostile = true;
    cluster.afterWrite = ({ what }) => {
      if (isHostile && what.endsWith('alpha-ann')) clock.after(10, () => cluster.withdraw(members, annKey));
    };
    await clock.advance(600_000);
    const shown = async () => (await scraped(registry, 'limbeck_queue_held_keys')).join();
    expect(await shown()).toMatch(/why="Contested".* 1(,|$)/);
    // 1, 2, 4 … 32 s after one another, then one a minute.
    expect(cluster.writes.filter(({ what }) => what.endsWith('alpha-ann')).length).toBeLessThan(21);
    isHostile = false;
    await clock.advance(61_000);
    expect(await shown()).not.toMatch(/why="Contested".* 1(,|$)/);
    expect(await cluster.get(members, annKey)).toBeDefined();
    await rig.stop();
  });
});
