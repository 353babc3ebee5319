import { describe, expect, test } from '@jest/globals';
import type { Cluster } from '../../../operator/kernel/cluster.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { trimmed } from '../../../operator/kernel/trimmed.ts';
import { cachesOf } from '../../support/caches.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { members } from '../../support/toy.ts';

const never = new AbortController().signal;
const bare = (object: KubeObject): KubeObject => {
  const metadata = { ...object.metadata };
  Reflect.deleteProperty(metadata, 'annotations');
  return { ...object, metadata };
};
const slim = { ...members, kept: bare };
const heavy = (name: string): KubeObject => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap' },
  metadata: { name, namespace: 'default', annotations: { note: 'x'.repeat(1000) } },
});

describe('a cache of a kind of which little is kept', () => {
  test.each([
    ['listed in pages', false],
    ['listed as a stream', true],
  ])('holds no more of it, be it %s, added or changed', async (_, streams) => {
    const cluster = new FakeCluster();
    cluster.put(members, heavy('listed'));
    if (streams)
      (cluster as Cluster).watchList = async function* (resource, options, signal) {
        const { items, resourceVersion } = await cluster.list(resource, {});
        for (const object of items) yield { kind: 'put', object, added: true };
        yield { kind: 'bookmark', resourceVersion, endsList: true };
        yield* cluster.watch(resource, { ...options, resourceVersion }, signal);
      };
    const clock = new FakeClock();
    const told: KubeObject[] = [];
    const caches = cachesOf(cluster, [slim], { clock });
    caches.onChange(({ object }) => told.push(object));
    await caches.whenSynced;
    cluster.put(members, heavy('watched'));
    cluster.put(members, { ...heavy('listed'), data: {} } as KubeObject);
    await clock.advance(0);
    const held = caches.cache.list(slim);
    expect(held.map(({ metadata }) => metadata.name)).toEqual(['watched', 'listed']);
    expect(JSON.stringify([held, told])).not.toContain('note');
  });

  test('takes it in small pages, and says nothing about the size of others', async () => {
    const asked: (number | undefined)[] = [];
    const cluster = new FakeCluster();
    const list = cluster.list.bind(cluster);
    cluster.list = (resource, options) => {
      asked.push(options.limit);
      return list(resource, options);
    };
    await trimmed(cluster).list(slim, { limit: 500 }, never);
    await trimmed(cluster).list(members, { limit: 500 }, never);
    expect(asked).toEqual([100, 500]);
  });
});
