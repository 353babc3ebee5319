import { afterEach, describe, expect, test } from '@jest/globals';
import type { ServerResponse } from 'node:http';
import { StreamingClient } from '../../../operator/kernel/client.ts';
import { ApiError, type Cluster } from '../../../operator/kernel/cluster.ts';
import { afterFailure } from '../../../operator/kernel/informer.ts';
import type { KubeObject } from '../../../operator/kernel/objects.ts';
import { settle } from '../../support/fake-clock.ts';
import { loopbackApi, sendJson, transportTo, type Asked, type LoopbackApi } from '../../support/loopback-api.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { informing, member, until, type Heard } from '../../support/informing.ts';
import { members } from '../../support/toy.ts';

describe('faults of the wire', () => {
  let api: LoopbackApi;
  let heard: Heard;
  afterEach(async () => {
    await heard.stop();
    await api.close();
  });

  type Fault = (response: ServerResponse) => void;
  const frame = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;

  /** Lists a at version 10; the first watch does as told, the next one shows b. */
  async function facing(fault: Fault): Promise<readonly Asked[]> {
    const watches: Asked[] = [];
    api = await loopbackApi((asked, response) => {
      if (!asked.path.includes('watch=true')) {
        const resourceVersion = watches.length === 0 ? '10' : '25';
        sendJson(response, 200, { metadata: { resourceVersion }, items: [member('a', '9')] });
        return;
      }
      if (asked.path.includes('sendInitialEvents')) {
        sendJson(response, 422, { message: 'sendInitialEvents is forbidden' });
        return;
      }
      watches.push(asked);
      if (watches.length === 1) {
        fault(response);
        return;
      }
      response.writeHead(200).write(frame('ADDED', member('b', '30')));
    });
    heard = informing(new StreamingClient(transportTo(api.url, { watchSilenceMs: 200 })));
    await until(() => heard.store.get('default/b') !== undefined, heard.clock);
    return watches;
  }

  const open = (response: ServerResponse): ServerResponse => {
    response.writeHead(200).write(frame('ADDED', member('c', '20')));
    return response;
  };
  const lists = (): number => api.asked.filter(({ path }) => !path.includes('watch=true')).length;

  test.each<[string, Fault, string, number]>([
    [
      'the connection is reset',
      (response) => open(response).write('\n', () => setTimeout(() => response.destroy(), 20)),
      '20',
      1,
    ],
    ['the server closes', (response) => open(response).end(), '20', 1],
    ['a frame is cut in half', (response) => open(response).end('{"type":"ADD'), '20', 1],
    ['a frame is no JSON', (response) => open(response).end('<html>\n'), '20', 1],
    ['the server falls silent', (response) => open(response), '20', 1],
    [
      'a bookmark without a version came before',
      (response) => open(response).end(frame('BOOKMARK', member('', ''))),
      '20',
      1,
    ],
    ['a bookmark came before', (response) => open(response).end(frame('BOOKMARK', member('', '25'))), '25', 1],
    ['the watch is refused for now', (response) => sendJson(response, 429, {}, { 'retry-after': '1' }), '10', 1],
    ['the server is ill', (response) => sendJson(response, 500, {}), '10', 1],
    ['the token is refused twice', (response) => sendJson(response, 403, {}), '10', 1],
    ['the version is gone', (response) => sendJson(response, 410, {}), '25', 2],
    [
      'the version is gone, said in the stream',
      (response) => open(response).end(frame('ERROR', { code: 410 })),
      '25',
      2,
    ],
  ])('%s: it goes on from where it was', async (_, fault, resumedFrom, expectedLists) => {
    const watches = await facing(fault);
    expect(new URL(watches[1]!.path, api.url).searchParams.get('resourceVersion')).toBe(resumedFrom);
    expect(lists()).toBe(expectedLists);
    // Each list is asked for as a stream first: a server that refuses today may be another one tomorrow.
    expect(api.asked.filter(({ path }) => path.includes('sendInitialEvents'))).toHaveLength(expectedLists);
    const query = new URL(watches[0]!.path, api.url).searchParams;
    expect([query.get('allowWatchBookmarks'), query.get('timeoutSeconds'), query.get('labelSelector')]).toEqual([
      'true',
      '300',
      'mine',
    ]);
  });
});

describe('Informer', () => {
  test('tells the first list as such, then changes, and is synced in between', async () => {
    const cluster = new FakeCluster();
    const labels = { mine: '' };
    cluster.put(members, { ...member('a', ''), metadata: { ...member('a', '').metadata, labels } });
    const heard = informing(cluster);
    expect(heard.informer.synced).toBe(false);
    await heard.informer.whenSynced;
    const b = await cluster.create(members, {
      ...member('b', ''),
      metadata: { name: 'b', namespace: 'default', labels },
    });
    await cluster.remove({ resource: members, key: { namespace: 'default', name: 'b' }, uid: b.metadata.uid! });
    await settle();
    expect(heard.told).toEqual(['put a at first', 'put b', 'removed b']);
    await heard.stop();
  });

  test('a list replaces everything: what vanished is removed, what was re-created is another object', async () => {
    const pages = [
      [member('gone', '1'), member('same', '2'), member('twin', '3', 'old')],
      [member('same', '2'), member('twin', '9', 'new')],
    ];
    const heard = informing(
      scripted(
        () => pages.shift() ?? [],
        () => Promise.reject(new ApiError('gone', 'expired')),
      ),
    );
    await settle();
    expect(heard.told.splice(0)).toEqual(['put gone at first', 'put same at first', 'put twin at first', 'watch gone']);
    await heard.clock.advance(800);
    expect(heard.told.slice(0, 3)).toEqual(['removed gone', 'removed twin', 'put twin']);
    await heard.stop();
  });

  describe('a list from the past', () => {
    /** The first list is of version 10, the watch brings the store to 20, then the version is gone and lists are from `then`. */
    function travelling(then: () => string): Cluster {
      const cluster = new FakeCluster();
      let lists = 0;
      cluster.list = async () => {
        await Promise.resolve();
        lists += 1;
        const items = [member('a', '9')] as never[];
        return { items, resourceVersion: lists === 1 ? '10' : then(), continueToken: undefined };
      };
      cluster.watch = async function* (_, { resourceVersion }) {
        await Promise.resolve();
        if (resourceVersion !== '10') return yield* [];
        yield { kind: 'removed', object: member('a', '20') as never };
        throw new ApiError('gone', 'expired');
      };
      return cluster;
    }

    test('brings nothing to life again that was seen to be deleted', async () => {
      let lists = 0;
      const heard = informing(travelling(() => ((lists += 1) < 4 ? '15' : '21')));
      await settle();
      expect(heard.told.splice(0)).toEqual(['put a at first', 'removed a', 'watch gone']);
      await heard.clock.advance(5000);
      expect(heard.told.splice(0)).toEqual(['watch unavailable', 'watch unavailable']);
      expect([heard.store.size, heard.store.resourceVersion]).toEqual([0, '20']);
      await heard.clock.advance(10_000);
      expect([heard.store.size, heard.store.resourceVersion]).toEqual([1, '21']);
      await heard.stop();
    });

    test('is the truth when there is nothing newer, time after time', async () => {
      const heard = informing(travelling(() => '15'));
      await heard.clock.advance(120_000);
      expect([heard.store.size, heard.store.resourceVersion]).toEqual([1, '15']);
      expect(heard.told.filter((line) => line === 'watch unavailable')).toHaveLength(5);
      await heard.stop();
    });
  });

  test('never gives up, backs off to half a minute, and says what it does not know', async () => {
    let lists = 0;
    const heard = informing(
      scripted(
        () => {
          lists += 1;
          throw new Error('no');
        },
        () => Promise.resolve(),
      ),
    );
    await heard.clock.advance(600_000);
    expect(heard.informer.synced).toBe(false);
    expect(lists).toBeGreaterThan(20);
    expect(lists).toBeLessThan(30);
    expect(heard.informer.silentMs).toBe(600_000);
    await heard.stop();
  });

  test('watches that close at once without a word count as failures', async () => {
    let watches = 0;
    const heard = informing(
      scripted(
        () => [],
        () => {
          watches += 1;
          return Promise.resolve();
        },
      ),
    );
    await heard.clock.advance(60_000);
    expect(watches).toBeLessThan(10);
    await heard.stop();
  });

  test('a stall is told apart, and resumed at once; after two of which neither had a frame the kind is listed anew', async () => {
    let [lists, watches] = [0, 0];
    const heard = informing(
      scripted(
        () => {
          lists += 1;
          return [];
        },
        () => {
          watches += 1;
          return watches < 4 ? Promise.reject(new ApiError('silent', '')) : new Promise(() => undefined);
        },
      ),
    );
    await heard.clock.advance(0);
    expect([watches, lists, heard.told]).toEqual([4, 2, ['watch silent', 'watch silent', 'watch silent']]);
  });

  test('a listener that throws harms neither the store nor the next change', async () => {
    const cluster = new FakeCluster();
    cluster.put(members, { ...member('a', ''), metadata: { ...member('a', '').metadata, labels: { mine: '' } } });
    const heard = informing(cluster, ({ object }) => {
      if (object.metadata.name === 'a') throw new Error('a bug');
    });
    await heard.informer.whenSynced;
    cluster.put(members, { ...member('b', ''), metadata: { ...member('b', '').metadata, labels: { mine: '' } } });
    await settle();
    expect(heard.told).toEqual(['put a at first', 'listener failed', 'put b']);
    expect(heard.store.size).toBe(2);
    await heard.stop();
  });

  test.each([
    ['an expired version', new ApiError('gone', 'expired'), 'relist'],
    ['a refusal for now', new ApiError('throttled', 'later'), 'resume'],
    ['anything else', new Error('a bug'), 'resume'],
  ])('after %s', (_, error, expected) => {
    expect(afterFailure(error)).toBe(expected);
  });

  /** A cluster of which only list and watch are asked. */
  function scripted(list: () => readonly KubeObject[], watch: () => Promise<void>): Cluster {
    const cluster = new FakeCluster();
    cluster.list = async () => {
      await Promise.resolve();
      return { items: list() as never[], resourceVersion: '10', continueToken: undefined };
    };
    cluster.watch = async function* () {
      await watch();
      yield* [];
    };
    return cluster;
  }
});
