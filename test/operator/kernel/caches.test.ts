import { describe, expect, test } from '@jest/globals';
import type { Caches, CachesOptions } from '../../../operator/kernel/caches.ts';
import type { Index } from '../../../operator/kernel/reconcile.ts';
import { cachesOf } from '../../support/caches.ts';
import { settle } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { crew, crews, freshRegistry, members, type Crew } from '../../support/toy.ts';

const byMember: Index<Crew> = { resource: crews, name: 'member', valuesOf: (one) => one.spec.members };

function caches(
  cluster: FakeCluster,
  more: Partial<CachesOptions> = {},
): Caches & { readonly metrics: () => Promise<string> } {
  const registry = freshRegistry();
  const started = cachesOf(cluster, [crews, members, crews], { registry, indexes: [byMember], ...more });
  return { ...started, metrics: () => registry.metrics() };
}

describe('caches', () => {
  test('say what is missing until they are synced', async () => {
    const cluster = new FakeCluster();
    const started = caches(cluster);
    expect([started.synced(), started.notSynced()]).toEqual([false, 'not listed yet: crews, configmaps']);
    await started.whenSynced;
    expect([started.synced(), started.notSynced()]).toEqual([true, undefined]);
  });

  test('show a kind that comes in pages as one, and tell all of it as the first list', async () => {
    const cluster = new FakeCluster();
    const names = Array.from({ length: 1001 }, (_, index) => `crew-${String(index)}`);
    for (const name of names) cluster.put(crews, crew(name, []));
    const started = caches(cluster);
    const told: boolean[] = [];
    started.onChange(({ initial }) => told.push(initial));
    await started.whenSynced;
    expect(started.cache.list(crews).map(({ metadata }) => metadata.name)).toEqual(names);
    expect([told.length, told.every((initial) => initial)]).toEqual([1001, true]);
  });

  test('answer by key, namespace, owner and index', async () => {
    const cluster = new FakeCluster();
    cluster.put(crews, crew('alpha', ['ann']));
    cluster.put(crews, crew('beta', ['ann', 'bob']));
    const { cache, whenSynced } = caches(cluster);
    await whenSynced;
    expect(cache.get(crews, { namespace: 'default', name: 'alpha' })?.spec.members).toEqual(['ann']);
    expect(cache.byIndex(crews, 'member', 'ann')).toHaveLength(2);
    expect(cache.list(crews, 'other')).toEqual([]);
    expect(cache.ownedBy(members, cache.list(crews)[0]!)).toEqual([]);
  });

  test('asked for a kind or an index nobody declared, they say so', async () => {
    const { cache, whenSynced } = caches(new FakeCluster(), { resources: [crews] });
    await whenSynced;
    expect(() => cache.list(members)).toThrow('v1/configmaps is not cached');
    expect(() => cache.byIndex(crews, 'colour', 'red')).toThrow('no index named colour');
  });

  test('tell changes until they are told to stop, and know how far they are', async () => {
    const cluster = new FakeCluster();
    const started = caches(cluster);
    const heard: string[] = [];
    const stop = started.onChange(({ object, initial }) => heard.push(`${object.metadata.name} ${String(initial)}`));
    await started.whenSynced;
    const stored = cluster.put(crews, crew('alpha', []));
    expect(started.hasReached(crews, stored.metadata.resourceVersion!)).toBe(false);
    await settle();
    expect(started.hasReached(crews, stored.metadata.resourceVersion!)).toBe(true);
    stop();
    cluster.put(crews, crew('beta', []));
    await settle();
    expect(heard).toEqual(['alpha false']);
  });

  test('tell of a version that says nothing new as such, and reach it', async () => {
    const cluster = new FakeCluster();
    const started = caches(cluster);
    const heard: unknown[] = [];
    started.onChange(({ object, onlyVersion }) => heard.push([object.metadata.name, onlyVersion]));
    await started.whenSynced;
    // Of which nothing is kept.
    const noted = (note: string): string => {
      const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': note };
      const { metadata, ...rest } = crew('alpha', []);
      return cluster.put(crews, { ...rest, metadata: { ...metadata, annotations } }).metadata.resourceVersion!;
    };
    noted('a');
    await settle();
    const version = noted('b');
    expect(started.hasReached(crews, version)).toBe(false);
    await settle();
    expect(started.hasReached(crews, version)).toBe(true);
    expect(heard).toEqual([
      ['alpha', undefined],
      ['alpha', true],
    ]);
  });

  test('tell everybody, also after somebody who cannot bear it, which is counted', async () => {
    const cluster = new FakeCluster();
    const started = caches(cluster);
    const heard: string[] = [];
    started.onChange(() => {
      throw new Error('a bug');
    });
    started.onChange(({ object }) => heard.push(object.metadata.name));
    await started.whenSynced;
    cluster.put(crews, crew('alpha', []));
    await settle();
    expect(heard).toEqual(['alpha']);
    expect(await started.metrics()).toMatch(
      /limbeck_cache_listener_failures_total\{resource="test.dev\/v1\/crews"[^}]*\} 1\n/,
    );
  });

  test('hold one namespace when asked to', async () => {
    const cluster = new FakeCluster();
    cluster.put(crews, crew('alpha', []));
    const { cache, whenSynced } = caches(cluster, { namespace: 'other' });
    await whenSynced;
    expect(cache.list(crews)).toEqual([]);
  });

  test('count what they hold', async () => {
    const cluster = new FakeCluster();
    cluster.put(crews, crew('alpha', []));
    const { metrics, whenSynced } = caches(cluster);
    await whenSynced;
    expect(await metrics()).toMatch(/limbeck_cache_objects\{resource="test.dev\/v1\/crews"[^}]*\} 1\n/);
    expect(await metrics()).toMatch(/limbeck_cache_resource_version\{resource="test.dev\/v1\/crews"[^}]*\} [1-9]\d*\n/);
  });
});
