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
  tell: (message: string) => Promise<void>;
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

  const failing = new ApiError('unavailable', 'HTTP 500', { status: 500 });
  test.each([
    ['is said at the second try', 1, ['written'], 1],
    ['twice is counted, and harms nothing', 2, ['failed'], 0],
  ])('an event at which the API server fails %s', async (_, failures, expected, count) => {
    const { cluster, tell, results } = recording();
    let left = failures;
    cluster.beforeWrite = () => {
      if ((left -= 1) >= 0) throw failing;
    };
    await tell('a');
    expect([results, (await cluster.list(eventsResource, {})).items.length]).toEqual([expected, count]);
  });

  test('an event whose answer is lost is said once', async () => {
    const { cluster, tell, results } = recording();
    cluster.afterWrite = () => {
      throw failing;
    };
    await tell('a');
    expect([results, (await cluster.list(eventsResource, {})).items.length]).toEqual([['unchanged'], 1]);
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
