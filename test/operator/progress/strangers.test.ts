import { describe, expect, test } from '@jest/globals';
import { pods } from '../../../operator/api/resources.ts';
import { Strangers } from '../../../operator/progress/strangers.ts';
import { scene } from './scene.ts';
import { serverPod } from './support.ts';

const pod = (namespace: string, name: string) => ({ namespace, name });

function waiting(...names: readonly (readonly [string, string])[]) {
  const strangers = new Strangers<ReturnType<typeof pod>>();
  const pods = names.map(([namespace, name]) => pod(namespace, name));
  for (const one of pods) strangers.add(one);
  return { strangers, pods };
}
const named = (taken: readonly { readonly name: string }[]) => taken.map(({ name }) => name).join(' ');

test('each namespace has its turn, however many pods another has', () => {
  const { strangers } = waiting(['a', 'a1'], ['a', 'a2'], ['a', 'a3'], ['b', 'b1'], ['c', 'c1'], ['c', 'c2']);
  expect(named(strangers.take(4))).toBe('a1 b1 c1 a2');
  expect(named(strangers.take())).toBe('c2 a3');
  expect(strangers.take()).toEqual([]);
});

test('who comes back waits behind those of its namespace', () => {
  const { strangers, pods } = waiting(['a', 'a1'], ['a', 'a2']);
  expect(named(strangers.take(1))).toBe('a1');
  strangers.add(pods[0]!);
  expect(named(strangers.take())).toBe('a2 a1');
});

test('who is gone is not asked', () => {
  const { strangers, pods } = waiting(['a', 'a1'], ['b', 'b1']);
  strangers.delete(pods[0]!);
  strangers.delete(pods[0]!);
  expect(named(strangers.take())).toBe('b1');
});

test('nobody is taken where nobody may be', () => {
  const { strangers } = waiting(['a', 'a1']);
  expect(strangers.take(0)).toEqual([]);
  expect(named(strangers.take())).toBe('a1');
});

const manyPods = (count: number) =>
  Array.from({ length: count }, (_, at) => serverPod(`s${String(at)}`, `10.2.${String(at >> 8)}.${String(at & 255)}`));

describe('the poller', () => {
  test('asks of those that have been silent for a minute since they came two a second, however many they are', async () => {
    const many = manyPods(1000);
    const hosts: string[] = [];
    const { clock, stop } = await scene(many, ({ host }) => {
      hosts.push(host);
      return Promise.reject(new Error('nobody'));
    });
    await clock.advance(180_000);
    const before = hosts.length;
    await clock.advance(100_000);
    expect(hosts.length - before).toBe(200);
    // In turn: nobody twice before all the others.
    expect(new Set(hosts.slice(before)).size).toBe(200);
    stop();
  });

  test('asks nobody whose turn comes when it is gone', async () => {
    const many = manyPods(100);
    const hosts: string[] = [];
    const { cluster, clock, stop } = await scene(many, ({ host }) => {
      hosts.push(host);
      return Promise.reject(new Error('nobody'));
    });
    // All of them have rested by then, and it takes most of a minute to come round.
    await clock.advance(300_000);
    for (const { metadata } of many.slice(1))
      await cluster.remove({ resource: pods, key: { namespace: 'default', name: metadata.name } });
    await clock.advance(500);
    hosts.length = 0;
    await clock.advance(120_000);
    expect([...new Set(hosts)]).toEqual(['10.2.0.0']);
    stop();
  });

  test('asks all of them again soon once one answers, as they may have been cut off together', async () => {
    let isCut = true;
    const heard = new Set<string>();
    const { clock, stop } = await scene(manyPods(200), ({ host }) => {
      if (isCut) return Promise.reject(new Error('no route'));
      heard.add(host);
      return Promise.resolve({ status: 200, body: '{}' });
    });
    await clock.advance(180_000);
    isCut = false;
    // Two a second would take 100; some rest for half a minute.
    await clock.advance(40_000);
    expect(heard.size).toBe(200);
    stop();
  });
});
