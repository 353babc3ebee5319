import { describe, expect, test } from '@jest/globals';
import { ApiError, NotLeading, type Note } from '../../../operator/kernel/cluster.ts';
import { eventsResource, Recorder } from '../../../operator/kernel/recorder.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { crew, crews, rememberingLog } from '../../support/toy.ts';

const turn = { log: rememberingLog(), signal: new AbortController().signal };
const note = (message: string): Note => ({ kind: 'Normal', reason: 'Told', message });

function recording(): {
  cluster: FakeCluster;
  clock: FakeClock;
  tell: (message: string) => Promise<number>;
  again: () => Recorder;
  results: readonly string[];
} {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  const about = cluster.put(crews, crew('alpha', []));
  const results: string[] = [];
  const wrote = (result: string): void => void results.push(result);
  const again = (): Recorder => new Recorder({ cluster, clock, controller: 'c', instance: 'i', wrote });
  const recorder = again();
  return { cluster, clock, again, results, tell: (message) => recorder.note(about, note(message), turn) };
}

describe('Recorder', () => {
  test('says the same thing once, also across a restart', async () => {
    const { cluster, tell, again } = recording();
    await tell('a');
    await tell('a');
    await tell('b');
    await again().note(await cluster.get(crews, { namespace: 'default', name: 'alpha' }), note('a'), turn);
    const { items } = await cluster.list(eventsResource, {});
    expect(items).toHaveLength(2);
    expect(items[0]).toMatchObject({
      reason: 'Told',
      message: 'a',
      type: 'Normal',
      eventTime: '2026-01-01T00:00:00.000000Z',
      involvedObject: { kind: 'Crew', name: 'alpha', namespace: 'default' },
    });
  });

  test('says again what comes again when the API server has forgotten it', async () => {
    const { cluster, clock, tell } = recording();
    for (const minutes of [0, 1, 1440, 1440]) {
      await clock.advance(minutes * 60_000);
      await tell('a');
    }
    expect((await cluster.list(eventsResource, {})).items).toHaveLength(3);
  });

  test('a talkative object is slowed down, not silenced', async () => {
    const { cluster, clock, tell } = recording();
    for (let index = 0; index < 40; index += 1) await tell(`line ${String(index)}`);
    expect((await cluster.list(eventsResource, {})).items).toHaveLength(20);
    await clock.advance(10_000);
    await tell('later');
    expect((await cluster.list(eventsResource, {})).items).toHaveLength(21);
  });

  test('an event that cannot be stored harms nothing and is offered again', async () => {
    const { cluster, tell } = recording();
    cluster.beforeWrite = () => {
      throw new Error('no');
    };
    await tell('a');
    cluster.beforeWrite = () => undefined;
    await tell('a');
    expect((await cluster.list(eventsResource, {})).items).toHaveLength(1);
  });

  test.each<[string, Error, number]>([
    ['a storm', new ApiError('throttled', 'later', { status: 429 }), 1000],
    ['a storm that names a time', new ApiError('throttled', 'later', { retryAfterMs: 5000 }), 5000],
    ['one that names a long time', new ApiError('throttled', 'later', { retryAfterMs: 600_000 }), 30_000],
    ['a token that has just been exchanged', new ApiError('unauthorized', 'who?', { status: 401 }), 1000],
    ['a failure of the API server', new ApiError('unavailable', 'HTTP 500', { status: 500 }), 1000],
    ['whatever nobody foresaw', new Error('a bug'), 1000],
    ['a right that is missing, or a namespace that ends', new ApiError('forbidden', 'no', { status: 403 }), 0],
    ['a namespace that is gone', new ApiError('notFound', 'no', { status: 404 }), 0],
    ['a policy', new ApiError('invalid', 'no', { status: 422 }), 0],
  ])('says whether what was not taken is worth another try, and when, and counts it: %s', async (_, error, retryMs) => {
    const { cluster, tell, results } = recording();
    cluster.beforeWrite = () => {
      throw error;
    };
    expect([await tell('a'), results]).toEqual([retryMs, ['failed']]);
    cluster.beforeWrite = () => undefined;
    expect([await tell('a'), results]).toEqual([0, ['failed', 'written']]);
  });

  test('an event whose answer is lost is said once', async () => {
    const { cluster, tell, results } = recording();
    cluster.afterWrite = () => {
      throw new ApiError('unavailable', 'HTTP 500', { status: 500 });
    };
    expect([await tell('a'), await tell('a')]).toEqual([1000, 0]);
    expect([results, (await cluster.list(eventsResource, {})).items.length]).toEqual([['failed', 'unchanged'], 1]);
  });

  test('knows what is news to it', async () => {
    const { cluster, again } = recording();
    const [recorder, alpha] = [again(), await cluster.get(crews, { namespace: 'default', name: 'alpha' })];
    await recorder.note(alpha, note('a'), turn);
    const other = { ...alpha, metadata: { ...alpha.metadata, uid: 'another' } };
    expect([recorder.isNews(alpha, note('a')), recorder.isNews(alpha, note('b'))]).toEqual([false, true]);
    expect([recorder.isNews(other, note('a')), again().isNews(alpha, note('a'))]).toEqual([true, true]);
  });

  test('who does not lead says nothing, and the pass is over; should it lead after all, it says it then', async () => {
    const { cluster, tell } = recording();
    cluster.beforeWrite = () => {
      throw new NotLeading();
    };
    await expect(tell('a')).rejects.toThrow(NotLeading);
    cluster.beforeWrite = () => undefined;
    await tell('a');
    expect((await cluster.list(eventsResource, {})).items).toHaveLength(1);
  });

  test('says as much of a long message as an event may hold, in whole characters', async () => {
    const { cluster, tell } = recording();
    await tell('я'.repeat(1000));
    await tell('€'.repeat(1000));
    const { items } = await cluster.list(eventsResource, {});
    expect(items.map((item) => (item as unknown as Note).message)).toEqual(['я'.repeat(500), '€'.repeat(333)]);
  });
});
