import { describe, expect, test } from '@jest/globals';
import { StreamingClient } from '../../../operator/kernel/client.ts';
import { ApiError, type WatchEvent } from '../../../operator/kernel/cluster.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { settle } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { informing, member, until, type Heard } from '../../support/informing.ts';
import { loopbackApi, sendJson, transportTo } from '../../support/loopback-api.ts';

describe('a list as a stream', () => {
  type Answer = readonly WatchEvent<KubeObject>[] | ApiError;
  const put = (name: string, version: string): WatchEvent<KubeObject> => ({
    kind: 'put',
    object: member(name, version),
    added: true,
  });
  const end = (resourceVersion: string): WatchEvent<KubeObject> => ({
    kind: 'bookmark',
    resourceVersion,
    endsList: true,
  });

  /** Streams answer in turn, the last one stays open; every watch ends at once, as told; a list has `listed`. */
  function facing(streams: Answer[], watch: Error | undefined): { heard: Heard; asked: string[] } {
    const asked: string[] = [];
    const cluster = Object.assign(new FakeCluster(), {
      async *watchList(_: unknown, __: unknown, signal: AbortSignal): AsyncGenerator<WatchEvent<never>> {
        asked.push('stream');
        const answer = streams.shift();
        if (answer instanceof ApiError) throw answer;
        yield* (answer ?? []) as WatchEvent<never>[];
        if (streams.length === 0) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      },
      async *watch(_: unknown, { resourceVersion }: { resourceVersion: string }, signal: AbortSignal) {
        asked.push(`watch ${resourceVersion}`);
        if (watch !== undefined) throw watch;
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        yield* [];
      },
      list: () => {
        asked.push('list');
        const items = [member('listed', '5')] as never[];
        return Promise.resolve({ items, resourceVersion: '10', continueToken: undefined });
      },
    });
    return { heard: informing(cluster), asked };
  }

  test('is told when it is complete, without what went meanwhile, and goes on as a watch', async () => {
    const removed: WatchEvent<KubeObject> = { kind: 'removed', object: member('b', '4') };
    const { heard, asked } = facing([[put('a', '1'), put('b', '2'), removed, end('7'), put('c', '8')]], undefined);
    await settle();
    expect(heard.told).toEqual(['put a at first', 'put c']);
    expect([asked, heard.informer.synced, heard.store.resourceVersion]).toEqual([['stream'], true, '8']);
    await heard.stop();
  });

  test('is no state before its end: what is cut off is not told, and is listed instead', async () => {
    const { heard, asked } = facing([[put('a', '1')], []], undefined);
    await settle();
    expect(heard.told).toEqual(['watch unavailable', 'put listed at first']);
    expect(asked).toEqual(['stream', 'list', 'watch 10']);
    await heard.stop();
  });

  test.each<[string, ApiError, string[]]>([
    ['not served', new ApiError('invalid', 'no', { status: 422 }), ['stream', 'list', 'watch 10']],
    ['silent', new ApiError('silent', 'silence'), ['stream', 'list', 'watch 10']],
    ['failed at the server', new ApiError('unavailable', 'no', { status: 500 }), ['stream', 'list', 'watch 10']],
    ['unreadable', new ApiError('unavailable', 'no', { status: 200 }), ['stream', 'list', 'watch 10']],
    ['refused for now', new ApiError('throttled', 'later', { status: 429 }), ['stream', 'stream']],
    ['out of reach', new ApiError('unavailable', 'no connection'), ['stream', 'stream']],
  ])('%s: it comes in pages, or is tried again', async (_, error, expected) => {
    const { heard, asked } = facing([error, [end('7')]], undefined);
    await heard.clock.advance(2000);
    expect([asked, heard.informer.synced]).toEqual([expected, true]);
    await heard.stop();
  });

  test('replaces everything when a version is gone; otherwise the watch is resumed', async () => {
    const streams = [
      [put('a', '1'), end('7')],
      [put('b', '8'), end('9')],
    ];
    const { heard, asked } = facing(streams, new ApiError('gone', 'expired'));
    await heard.clock.advance(5000);
    expect(asked).toEqual(['stream', 'watch 7', 'stream']);
    expect(heard.told.filter((line) => !line.startsWith('watch'))).toEqual(['put a at first', 'removed a', 'put b']);
    await heard.stop();
  });

  test('is a stream again the next time, whatever became of the last one', async () => {
    const failed = new ApiError('unavailable', 'no', { status: 500 });
    const { heard, asked } = facing([failed, [end('12')]], new ApiError('gone', 'expired'));
    await heard.clock.advance(5000);
    expect(asked).toEqual(['stream', 'list', 'watch 10', 'stream']);
    await heard.stop();
  });

  test('that the server puts off comes in pages, and no sooner than it was asked to', async () => {
    const later = new ApiError('unavailable', 'starting', { status: 503, retryAfterMs: 3000 });
    const { heard, asked } = facing([later, []], undefined);
    await heard.clock.advance(2999);
    expect(asked).toEqual(['stream']);
    await heard.clock.advance(1);
    expect(asked).toEqual(['stream', 'list', 'watch 10']);
    await heard.stop();
  });

  test.each([
    [7000, 7000],
    [3_600_000, 60_000],
  ])('the watch after it, told to come again in %i ms, comes after %i ms and not before', async (askedMs, afterMs) => {
    const later = new ApiError('throttled', 'later', { status: 429, retryAfterMs: askedMs });
    const { heard, asked } = facing([[end('7')], []], later);
    await heard.clock.advance(afterMs - 1);
    const watches = (): number => asked.filter((what) => what === 'watch 7').length;
    expect(watches()).toBe(1);
    await heard.clock.advance(1);
    expect(watches()).toBe(2);
    await heard.stop();
  });
});

test('where it is served the list is a stream, of the newest state, and its watch goes on', async () => {
  const api = await loopbackApi((_, response) => {
    const end = {
      ...member('', '9'),
      metadata: { resourceVersion: '9', annotations: { 'k8s.io/initial-events-end': 'true' } },
    };
    const frames = [
      ['ADDED', member('a', '4')],
      ['BOOKMARK', end],
      ['ADDED', member('b', '11')],
    ];
    response.writeHead(200).write(frames.map(([type, object]) => `${JSON.stringify({ type, object })}\n`).join(''));
  });
  const heard = informing(new StreamingClient(transportTo(api.url)));
  await until(() => heard.store.get('default/b') !== undefined, heard.clock);
  expect(heard.told).toEqual(['put a at first', 'put b']);
  expect(api.asked).toHaveLength(1);
  expect(Object.fromEntries(new URL(api.asked[0]!.path, api.url).searchParams)).toEqual({
    watch: 'true',
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    allowWatchBookmarks: 'true',
    timeoutSeconds: '300',
    labelSelector: 'mine',
  });
  await heard.stop();
  await api.close();
});

test('on an etcd that cannot tell how far it is, streams fail at the server, and lists come in pages', async () => {
  const api = await loopbackApi((asked, response) => {
    const isWatch = asked.path.includes('watch=true');
    if (!isWatch) sendJson(response, 200, { metadata: { resourceVersion: '10' }, items: [member('a', '9')] });
    else if (!asked.path.includes('sendInitialEvents')) response.writeHead(200).flushHeaders();
    else {
      const object = { kind: 'Status', code: 500, message: 'etcdserver: not supported' };
      response.writeHead(200).end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
    }
  });
  const heard = informing(new StreamingClient(transportTo(api.url)));
  await until(() => heard.informer.synced, heard.clock);
  expect(heard.told).toEqual(['watch unavailable', 'put a at first']);
  await heard.stop();
  await api.close();
});

describe('a list in pages', () => {
  type Page = ReturnType<typeof page>;
  const page = (name: string, continueToken?: string) => ({
    items: [member(name, '4')] as never[],
    ...{ resourceVersion: '9', continueToken },
  });

  function facing(pages: (Page | ApiError)[]): { heard: Heard; asked: unknown[] } {
    const asked: unknown[] = [];
    const cluster = new FakeCluster();
    cluster.list = async (_, { limit, continueToken }) => {
      await Promise.resolve();
      asked.push([limit, continueToken]);
      const answer = pages.shift();
      if (answer === undefined || answer instanceof ApiError) throw answer ?? new Error('no page more');
      return answer;
    };
    cluster.watch = async function* (_, { resourceVersion }, signal) {
      asked.push(`watch ${resourceVersion}`);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      yield* [];
    };
    return { heard: informing(cluster), asked };
  }

  test('is one list, and the watch goes on from its version', async () => {
    const { heard, asked } = facing([page('a', 'more'), page('b')]);
    await settle();
    expect(heard.told).toEqual(['put a at first', 'put b at first']);
    expect(asked).toEqual([[500, undefined], [500, 'more'], 'watch 9']);
    await heard.stop();
  });

  test('that expires in between begins anew, and what was read of it is not told', async () => {
    const expired = new ApiError('gone', 'the token has expired', { status: 410 });
    const { heard, asked } = facing([page('half', 'more'), expired, page('whole', 'more'), page('rest')]);
    await heard.clock.advance(800);
    expect(heard.told).toEqual(['watch gone', 'put whole at first', 'put rest at first']);
    expect(asked.slice(1, 3)).toEqual([
      [500, 'more'],
      [500, undefined],
    ]);
    await heard.stop();
  });
});
