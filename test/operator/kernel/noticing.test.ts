import { describe, expect, test } from '@jest/globals';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import { cachesOf } from '../../support/caches.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { startRig } from '../../support/rig.ts';
import { crew, crews, freshRegistry, members } from '../../support/toy.ts';

const extras = { ...members, plural: 'extras', kind: 'Extra', optional: true as const };
const extra = { apiVersion: 'v1', kind: 'Extra', metadata: { name: 'one', namespace: 'default' } };

/** A cluster that answers questions about the optional kind like this, from whenever it is said. */
function failing(error: () => Error | undefined): FakeCluster {
  const cluster = new FakeCluster();
  const [list, watch] = [cluster.list.bind(cluster), cluster.watch.bind(cluster)];
  cluster.list = (resource, options) => {
    const failure = resource.kind === 'Extra' ? error() : undefined;
    return failure === undefined ? list(resource, options) : Promise.reject(failure);
  };
  cluster.watch = async function* (resource, options, signal) {
    for await (const event of watch(resource, options, signal)) {
      const failure = resource.kind === 'Extra' ? error() : undefined;
      if (failure !== undefined) throw failure;
      yield event;
    }
  };
  return cluster;
}

const startedOn = (cluster: FakeCluster, clock: FakeClock, registry = freshRegistry()) =>
  cachesOf(cluster, [crews, extras], { clock, registry });

describe('an optional kind', () => {
  test.each([
    ['cannot be listed', new ApiError('unavailable', 'conversion webhook failed', { status: 500 }), true],
    ['may not be listed', new ApiError('forbidden', 'no right', { status: 403 }), true],
    ['is not there', new ApiError('notFound', 'not found', { status: 404 }), false],
  ])('that %s holds nobody up', async (_, error, isServed) => {
    const [cluster, clock] = [failing(() => error), new FakeClock()];
    const caches = startedOn(cluster, clock);
    await clock.advance(1000);
    expect([caches.notSynced(), caches.synced(), caches.serves(extras)]).toEqual([undefined, true, isServed]);
    await caches.whenSynced;
    // Nobody waits for a write that will not be shown, nor for a word that will not come.
    expect([caches.hasReached(extras, '99'), caches.hasReached(crews, '99')]).toEqual([true, false]);
    await clock.advance(600_000);
    expect([caches.cache.silentMs(extras), caches.cache.silentMs(crews) > 0]).toEqual([0, true]);
  });

  test('that is not served is not told to be silent', async () => {
    const [clock, registry] = [new FakeClock(), freshRegistry()];
    startedOn(
      failing(() => new ApiError('notFound', 'not found', { status: 404 })),
      clock,
      registry,
    );
    await clock.advance(600_000);
    const silences = (await registry.metrics()).match(/^limbeck_cache_silence_seconds\{.*/gm) ?? [];
    expect(silences.map((line) => [line.includes('extras'), Number(line.split(' ').at(-1)) > 0])).toEqual([
      ...[
        [false, true],
        [true, false],
      ],
    ]);
  });

  test('ends no process and keeps nobody from leading', async () => {
    const [cluster, clock] = [failing(() => new ApiError('unavailable', 'no', { status: 500 })), new FakeClock()];
    cluster.put(crews, crew('alpha', ['ann']));
    const rig = startRig(cluster, clock, { extraResources: [extras] });
    await clock.advance(121_000);
    expect([rig.manager.ready(), cluster.writes.length > 0]).toEqual([undefined, true]);
    await rig.stop();
  });

  test('that is removed while it is watched is gone, and back when it is served again', async () => {
    let isGone = false;
    const gone = new ApiError('notFound', 'not found', { status: 404 });
    const [cluster, clock] = [failing(() => (isGone ? gone : undefined)), new FakeClock()];
    const caches = startedOn(cluster, clock);
    await clock.advance(1000);
    cluster.put(extras, extra);
    await clock.advance(1000);
    expect([caches.serves(extras), caches.hasReached(extras, '99')]).toEqual([true, false]);
    isGone = true;
    cluster.put(extras, { ...extra, metadata: { ...extra.metadata, labels: { a: 'b' } } });
    await clock.advance(1000);
    expect([caches.serves(extras), caches.hasReached(extras, '99')]).toEqual([false, true]);
    isGone = false;
    cluster.put(extras, { ...extra, metadata: { ...extra.metadata, labels: { a: 'c' } } });
    await clock.advance(120_000);
    expect([caches.serves(extras), caches.hasReached(extras, '99')]).toEqual([true, false]);
  });
});
