import { describe, expect, test } from '@jest/globals';
import { pods } from '../../../operator/api/resources.ts';
import type { Cache } from '../../../operator/kernel/reconcile.ts';
import { Mute, type PullAnswer } from '../../../operator/progress/pull.ts';
import type { Pod } from '../../../operator/api/kubernetes.ts';
import { settle, type FakeClock } from '../../support/fake-clock.ts';
import { scene } from './scene.ts';
import { managed, serverPod, teacherUid, trainerPod } from './support.ts';

/** UID of the TrainingJob. */
const teacher = teacherUid;
const percent = (value: number): PullAnswer => ({ status: 200, body: `{"percent":${String(value)}}` });

describe('the poller', () => {
  test('tells progress, pokes when it changed, and asks every two seconds', async () => {
    const { clock, progress, poked, asked, answers, stop } = await scene([trainerPod('t0')]);
    answers.set('/progress', percent(1));
    await clock.advance(1900);
    const told = () => progress.news(teacher)?.progress;
    expect([told(), poked, asked.length]).toEqual(['1%', ['trainingjob default/teacher'], 1]);
    await clock.advance(4000);
    expect([poked.length, asked.length]).toEqual([1, 3]);
    answers.set('/progress', percent(2));
    await clock.advance(2000);
    expect([told(), poked.length]).toEqual(['2%', 2]);
    expect(progress.news('a successor of that name')).toBeUndefined();
    expect(progress.news(teacher)?.checkpoint).toBeUndefined();
    stop();
    await clock.advance(10_000);
    expect(asked.length).toBe(4);
  });

  test('tells of a training that moves every five seconds, and of a checkpoint at once', async () => {
    const { clock, progress, poked, answers } = await scene([trainerPod('t0')]);
    const tell = async (step: number, more: object = {}): Promise<void> => {
      answers.set('/progress', { status: 200, body: JSON.stringify({ percent: 1, step, ...more }) });
      await clock.advance(2000);
    };
    const told = () => [progress.news(teacher)?.training.step, poked.length];
    await tell(1);
    await tell(2);
    expect(told()).toEqual([1, 1]);
    await tell(3);
    expect(told()).toEqual([3, 2]);
    const checkpoint = { step: 5, uri: 's3://b/k', sha256: 'c'.repeat(64) };
    await tell(5, { checkpoint });
    expect(told()).toEqual([5, 3]);
    await tell(6, { checkpoint });
    expect(told()).toEqual([5, 3]);
    // One that goes back and forth is none that is newer.
    await tell(7, { checkpoint: { ...checkpoint, step: 4 } });
    expect(told()).toEqual([5, 3]);
  });

  test('tells of an attempt of which a rank is frozen, once, and of nobody who was never heard', async () => {
    const labels = (rank: number) => ({ ...managed, 'batch.kubernetes.io/job-completion-index': String(rank) });
    const mute = new Set<string>();
    const workers = [0, 1].map((rank) => ({
      ...trainerPod(`t${String(rank)}`, { labels: { ...labels(rank), 'limbeck.dev/attempt': '1' } }),
      status: { phase: 'Running', podIP: `10.0.0.${String(rank)}` } as const,
    }));
    let step = 0;
    const { clock, progress, poked } = await scene(workers, ({ host }) => {
      if (mute.has(host)) return Promise.reject(new Mute());
      // Who trains with a frozen peer waits for it.
      const document = { percent: 1, phase: 'training', step: mute.size > 0 ? step : (step += 1) };
      return Promise.resolve({ status: 200, body: JSON.stringify({ ...document, longestStepSeconds: 0.1 }) });
    });
    await clock.advance(60_000);
    expect(progress.stall(teacher)).toBeUndefined();
    mute.add('10.0.0.1');
    await clock.advance(58_000);
    expect(progress.stall(teacher)).toBeUndefined();
    poked.length = 0;
    await clock.advance(6000);
    expect(progress.stall(teacher)).toMatchObject({ attempt: 1, rank: 1, pod: 't1' });
    expect(poked).toEqual(['trainingjob default/teacher']);
    mute.clear();
    await clock.advance(4000);
    expect(progress.stall(teacher)).toBeUndefined();
  });

  test('keeps the last word of a trainer that falls silent or talks nonsense, and nothing of one that is gone', async () => {
    const { cluster, clock, progress, answers, metrics } = await scene([trainerPod('t0')]);
    answers.set('/progress', percent(7));
    await clock.advance(2000);
    answers.set('/progress', { status: 200, body: 'nonsense' });
    await clock.advance(2000);
    answers.delete('/progress');
    await clock.advance(2000);
    expect(progress.news(teacher)?.progress).toBe('7%');
    expect(await metrics()).toMatch(/limbeck_progress_pulls_total\{.*result="silent".*\} 1/);
    await cluster.remove({ resource: pods, key: { namespace: 'default', name: 't0' } });
    await clock.advance(1000);
    expect(progress.news(teacher)).toBeUndefined();
  });

  test('tells why a server does not get ready, until it loads again', async () => {
    const { pods: stored, clock, progress, poked, answers } = await scene([serverPod('s0')]);
    const server = stored[0]!;
    const path = '/v2/models/digits/ready';
    const body = JSON.stringify({ ready: false, reason: 'ArtefactMissing', error: 'no such key' });
    expect(progress.loadFailure(server)).toBe('unheard');
    answers.set(path, { status: 503, body });
    await clock.advance(1000);
    expect(progress.loadFailure(server)).toMatchObject({ reason: 'ArtefactMissing', message: 'no such key' });
    answers.set(path, { status: 503, body: '{"ready":false,"reason":"Loading","error":""}' });
    await clock.advance(2000);
    expect(progress.loadFailure(server)).toBeUndefined();
    expect(poked).toEqual(['modelservice default/digits', 'modelservice default/digits']);
  });

  test('asks the others also where one pod cannot be understood', async () => {
    const throwing = (cache: Cache): Cache => ({
      get: (resource, key) => {
        if (key.name === 'odd') throw new TypeError('no such kind');
        return cache.get(resource, key);
      },
      list: (resource, namespace) => cache.list(resource, namespace),
      ownedBy: (resource, owner) => cache.ownedBy(resource, owner),
      byIndex: (resource, index, value) => cache.byIndex(resource, index, value),
      silentMs: (resource) => cache.silentMs(resource),
    });
    const ownerReferences = [{ ...trainerPod('p').metadata.ownerReferences![0]!, name: 'odd' }];
    const all = [trainerPod('a', { ownerReferences }), serverPod('b')];
    const { clock, asked, said, metrics, stop } = await scene(all, undefined, throwing);
    await clock.advance(400);
    expect(asked).toEqual(['/v2/models/digits/ready']);
    expect(said.filter((line) => line.includes('no such kind'))).toEqual([expect.stringContaining('"default/a"')]);
    expect(await metrics()).toMatch(/limbeck_loop_failures_total\{loop="progress",.*\} 1/);
    stop();
  });

  test('asks a pod at the address that it has now, and tells nothing that was said at another', async () => {
    const asked: string[] = [];
    const body = JSON.stringify({ ready: false, reason: 'ArtefactMissing', error: 'no such key' });
    const {
      cluster,
      pods: stored,
      clock,
      progress,
    } = await scene([serverPod('s0')], ({ host }) => {
      asked.push(host);
      return host === '10.0.0.2' ? Promise.resolve({ status: 503, body }) : Promise.reject(new Error('nobody'));
    });
    await clock.advance(1000);
    expect(progress.loadFailure(stored[0]!)).toMatchObject({ reason: 'ArtefactMissing' });
    const moved: Pod = { ...stored[0]!, status: { phase: 'Running', podIP: '10.0.0.9' } };
    cluster.put(pods, moved);
    await clock.advance(1000);
    expect([progress.loadFailure(moved), asked.at(-1)]).toEqual(['unheard', '10.0.0.9']);
  });

  test('asks so many at a time, each in its turn', async () => {
    const many = Array.from({ length: 100 }, (_, index) => serverPod(`s${String(index)}`, `10.0.1.${String(index)}`));
    const [open, hosts] = [[] as ((answer: PullAnswer) => void)[], new Set<string>()];
    const { clock, stop } = await scene(many, ({ host }) => {
      hosts.add(host);
      return new Promise((resolve) => open.push(resolve));
    });
    const answer = async (): Promise<void> => {
      for (const resolve of open.splice(0)) resolve({ status: 200, body: '{}' });
      await settle();
    };
    await clock.advance(1000);
    // Nobody knows yet whether they answer.
    expect(open.length).toBe(16);
    while (hosts.size < 100) {
      expect(open.length).toBeLessThanOrEqual(16);
      await answer();
      // The next turn of those that were beyond the budget.
      if (open.length === 0) await clock.advance(500);
    }
    await answer();
    await clock.advance(4000);
    expect(open.length).toBe(32);
    stop();
  });

  test('asks who answers every two seconds, however many others cannot be reached, and those more and more seldom', async () => {
    const labelsOf = (rank: number) => ({ ...managed, 'batch.kubernetes.io/job-completion-index': String(rank) });
    const lost = Array.from({ length: 400 }, (_, at) => ({
      ...trainerPod(`t${String(at + 1)}`, { labels: labelsOf(at + 1) }),
      status: { phase: 'Running', podIP: `10.1.0.${String(at)}` } as const,
    }));
    const [asks, clocks, frozen] = [new Map<string, number>(), [] as FakeClock[], '10.1.0.7'];
    const { clock, stop } = await scene([...lost, trainerPod('t0')], ({ host }) => {
      asks.set(host, (asks.get(host) ?? 0) + 1);
      if (host === '10.0.0.1') return Promise.resolve(percent(1));
      if (host === frozen) return asks.get(host) === 1 ? Promise.resolve(percent(1)) : Promise.reject(new Mute());
      return new Promise((_, reject) => clocks[0]?.after(2000, () => reject(new Error('no connection in time'))));
    });
    clocks.push(clock);
    await clock.advance(240_000);
    expect(asks.get('10.0.0.1')).toBeGreaterThanOrEqual(115);
    // Who was found mute is asked before those, or it would take long to tell.
    expect(asks.get(frozen)).toBeGreaterThanOrEqual(50);
    asks.delete(frozen);
    const others = lost.flatMap(({ status }) => (status.podIP === frozen ? [] : [asks.get(status.podIP) ?? 0]));
    expect(Math.min(...others)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...others)).toBeLessThanOrEqual(12);
    stop();
  });

  test('leaves a pod that does not answer alone for ever longer, and asks as before once it does', async () => {
    const { clock, asked, answers, stop } = await scene([trainerPod('t0')]);
    await clock.advance(10_000);
    const early = asked.length;
    await clock.advance(190_000);
    const late = asked.length - early;
    expect(early).toBeGreaterThanOrEqual(4);
    expect([late > 5, late < 15]).toEqual([true, true]);
    answers.set('/progress', percent(1));
    await clock.advance(110_000);
    const before = asked.length;
    await clock.advance(20_000);
    expect(asked.length - before).toBe(10);
    stop();
  });

  test('takes a worker for no more frozen that answers, though it be no progress', async () => {
    let asks = 0;
    const { clock, progress, stop } = await scene([trainerPod('t0')], () => {
      asks += 1;
      if (asks < 3) return Promise.resolve({ status: 200, body: '{"percent":1,"phase":"training","step":1}' });
      return asks % 3 === 0 ? Promise.resolve({ status: 503, body: '' }) : Promise.reject(new Mute());
    });
    await clock.advance(300_000);
    expect(progress.stall(teacher)).toBeUndefined();
    stop();
  });

  test.each<[string, boolean]>([
    ['answer soon', true],
    ['go on answering', false],
  ])('keeps half of the places for those that %s', async (_, answersLate) => {
    const many = Array.from({ length: 100 }, (_, at) => serverPod(`s${String(at)}`, `10.3.0.${String(at)}`));
    const clocks: FakeClock[] = [];
    let [open, most] = [0, 0];
    const { clock, stop } = await scene(many, () => {
      most = Math.max(most, (open += 1));
      const answer = { status: 200, body: '{}' };
      return new Promise((resolve, reject) => {
        const end = (): void => {
          open -= 1;
          if (answersLate || clocks.length === 0) resolve(answer);
          else reject(new Error('no connection in time'));
        };
        if (clocks[0] === undefined) end();
        else clocks[0].after(3000, end);
      });
    });
    await clock.advance(10_000);
    clocks.push(clock);
    // Those that it has just asked were known to answer.
    await clock.advance(20_000);
    most = 0;
    await clock.advance(30_000);
    expect(most).toBe(16);
    stop();
  });

  test('asks no more than 100 in a second', async () => {
    const many = Array.from({ length: 300 }, (_, at) =>
      serverPod(`s${String(at)}`, `10.2.${String(at >> 8)}.${String(at & 255)}`),
    );
    const { clock, asked, answers, stop } = await scene(many);
    answers.set('/v2/models/digits/ready', { status: 200, body: '{}' });
    await clock.advance(400);
    expect(asked.length).toBe(50);
    await clock.advance(9500);
    expect(asked.length).toBeGreaterThan(900);
    expect(asked.length).toBeLessThanOrEqual(1000);
    stop();
  });
});
