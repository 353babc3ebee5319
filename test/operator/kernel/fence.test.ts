import { describe, expect, test } from '@jest/globals';
import { fenced, NotLeading } from '../../../operator/kernel/fence.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { crew, crews } from '../../support/toy.ts';

const never = new AbortController().signal;
const key = { namespace: 'default', name: 'alpha' };
const object = { ...crew('alpha', []), status: {} };

describe('fenced', () => {
  test.each(['apply', 'applyStatus', 'create', 'update', 'remove'] as const)(
    '%s reaches the cluster only while we lead, asked each time',
    async (verb) => {
      const cluster = new FakeCluster();
      let leads = false;
      const guarded = fenced(cluster, () => (leads ? Infinity : 0));
      const write = (): Promise<unknown> =>
        verb === 'remove' ? guarded.remove({ resource: crews, key }, never) : guarded[verb](crews, object, never);
      await expect(write()).rejects.toBeInstanceOf(NotLeading);
      expect(cluster.writes).toEqual([]);
      leads = true;
      if (verb !== 'create') cluster.put(crews, crew('alpha', []));
      await write();
      expect(cluster.writes).toHaveLength(1);
    },
  );

  test('writes go to the cluster that asks again in the moment of sending, reads do not', async () => {
    const [cluster, sender] = [new FakeCluster(), new FakeCluster()];
    const budgets: number[] = [];
    const guarded = fenced(
      Object.assign(cluster, {
        within: (budgetMs: () => number) => {
          budgets.push(budgetMs());
          return sender;
        },
      }),
      () => 700,
    );
    await guarded.apply(crews, crew('alpha', []), never);
    expect([budgets, cluster.writes.length, sender.writes.length]).toEqual([[700], 0, 1]);
    expect((await guarded.list(crews, {}, never)).items).toEqual([]);
  });

  test.each(['get', 'list'] as const)(
    'a look (%s) ends with the signal to stop, and the pass with it',
    async (verb) => {
      const [cluster, stopping] = [new FakeCluster(), new AbortController()];
      const hanging = (_resource: unknown, _what: unknown, signal?: AbortSignal): Promise<never> =>
        new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
      Object.assign(cluster, { get: hanging, list: hanging });
      const guarded = fenced(cluster, () => Infinity, stopping.signal);
      const looked = verb === 'get' ? guarded.get(crews, key, never) : guarded.list(crews, {}, never);
      stopping.abort();
      await expect(looked).rejects.toBeInstanceOf(NotLeading);
    },
  );

  test('reads pass', async () => {
    const cluster = new FakeCluster();
    cluster.put(crews, crew('alpha', []));
    const guarded = fenced(cluster, () => 0);
    expect((await guarded.list(crews, {}, never)).items).toHaveLength(1);
    expect((await guarded.get(crews, key, never)).metadata.name).toBe('alpha');
  });
});
