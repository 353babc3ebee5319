import { describe, expect, test } from '@jest/globals';
import { atZero, isReady, readyAtLeast, Replicas, timelineOf } from '../../demo/replicas.ts';

const seen = (atMs: number, replicas: number, readyReplicas: number) => ({ atMs, status: { replicas, readyReplicas } });

describe('Replicas', () => {
  test('a wait ends with the first status that passes, and knows when', async () => {
    let now = 0;
    const replicas = new Replicas(() => now);
    replicas.see({ replicas: 1, readyReplicas: 0 });
    const two = replicas.reached(readyAtLeast(2), 60);
    now = 500;
    replicas.see({ replicas: 2, readyReplicas: 1 });
    now = 900;
    replicas.see({ replicas: 2, readyReplicas: 2 });
    expect(await two).toEqual(seen(900, 2, 2));
    expect(replicas.words).toContain('2 of 2 replicas ready');
  });

  test('what holds already is not waited for', async () => {
    const replicas = new Replicas(() => 7);
    replicas.see({ replicas: 0, readyReplicas: 0 });
    expect(await replicas.reached(atZero, 60)).toEqual(seen(7, 0, 0));
  });

  test('what does not happen is undefined, or an error with the newest state', async () => {
    const replicas = new Replicas(() => 0);
    replicas.see({ phase: 'Starting' });
    expect(await replicas.reached(isReady, 0.01)).toBeUndefined();
    await expect(replicas.must('ready', isReady, 0.01)).rejects.toThrow('not ready within 0.01 s: phase Starting');
  });
});

describe('timelineOf', () => {
  test('begins with how it was', () => {
    const history = [seen(0, 1, 1), seen(1000, 0, 0), seen(2500, 1, 0), seen(4040, 1, 1)];
    expect(timelineOf(history, 2000)).toEqual([
      { seconds: 0, replicas: 0, ready: 0 },
      { seconds: 0.5, replicas: 1, ready: 0 },
      { seconds: 2, replicas: 1, ready: 1 },
    ]);
  });

  test('nothing new: how it is', () => {
    expect(timelineOf([seen(0, 1, 1), seen(1000, 0, 0)], 2000)).toEqual([{ seconds: 0, replicas: 0, ready: 0 }]);
    expect(timelineOf([], 2000)).toEqual([]);
  });
});
