/** Who hears what pods say, and for how long they say it. Needs no API server. */
import { beforeEach, describe, expect, test } from '@jest/globals';
import type { Pod } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { modelServices, pods, trainingJobs } from '../../operator/api/resources.ts';
import { keyOf, keyText, type Key, type KubeObject, type Resource } from '../../operator/kernel/objects.ts';
import type { Cache } from '../../operator/kernel/reconcile.ts';
import { notLoaded, queuedAndHung } from './fed.ts';
import type { Rooted } from './scenario.ts';
import { Hearing, Speakers } from './speakers.ts';

const namespace = 'here';

/** What all of them see. */
class Sight {
  readonly #objects = new Map<string, KubeObject>();
  readonly cache = {
    get: ({ kind }: Resource, key: Key) => this.#objects.get(`${kind} ${keyText(key)}`),
    list: ({ kind }: Resource) => [...this.#objects.values()].filter((object) => object.kind === kind),
  } as unknown as Cache;

  put(object: KubeObject): void {
    this.#objects.set(`${object.kind} ${keyText(keyOf(object))}`, object);
    speakers.witness(object);
  }

  lose(object: KubeObject): void {
    this.#objects.delete(`${object.kind} ${keyText(keyOf(object))}`);
  }
}

const podOf = (name: string, own: Record<string, string>, more: Partial<Pod> = {}): Pod => ({
  ...{ apiVersion: 'v1', kind: pods.kind, status: { phase: 'Running' } },
  metadata: { name, namespace, uid: `uid-of-${name}`, labels: { [labels.root]: 'root', ...own } },
  ...more,
});

const worker = (attempt: number, rank: number): Pod =>
  podOf(`a${String(attempt)}-${String(rank)}`, {
    [labels.attempt]: String(attempt),
    [labels.completionIndex]: String(rank),
  });

const job = (status: object, uid = 'root'): Rooted => ({
  ...{ ...queuedAndHung.object, kind: trainingJobs.kind, status },
  metadata: { ...queuedAndHung.object.metadata, namespace, uid },
});

const runs = (attempt: number, more: object = {}): object => ({
  ...{ phase: 'Running', attempts: [{ number: attempt, startedAt: '2026-11-29T10:00:00Z' }] },
  ...more,
});

let world: Sight;
let speakers: Speakers;

/** The next operator, which sees the same. */
const another = (): Hearing => new Hearing(speakers, world.cache, namespace);

describe('a trainer', () => {
  const told = (attempt: number): object => {
    const { training, checkpoint } = queuedAndHung.news!(attempt);
    return runs(attempt, { training, checkpoint });
  };

  beforeEach(() => {
    world = new Sight();
    speakers = new Speakers(queuedAndHung, { namespace, heard: world.cache });
    for (const rank of [0, 1]) world.put(worker(1, rank));
    world.put(job(runs(1)));
  });

  test('is not heard before it is asked, and then by rank 0 alone', () => {
    const hearing = another();
    expect(hearing.news('root')).toBeUndefined();
    expect(hearing.ask()).toEqual(['uid-of-a1-0']);
    expect(hearing.news('root')).toEqual(queuedAndHung.news!(1));
    expect(hearing.news('another')).toBeUndefined();
  });

  test.each([
    ['before its attempt is told to run', job({ phase: 'Starting', attempts: [] })],
    ['while a former attempt is told to run', job(runs(0))],
    ['of a job that has gone', job(runs(1), 'successor')],
  ])('is not heard %s', (_, root) => {
    world.put(root);
    expect(another().ask()).toEqual([]);
  });

  test('says the same to each until it is told, and then nothing to who has not heard it', () => {
    const [first, second] = [another(), another()];
    first.ask();
    second.ask();
    expect(second.news('root')).toEqual(first.news('root'));
    world.put(job(told(1)));
    const third = another();
    expect(third.ask()).toEqual([]);
    expect([first.news('root'), third.news('root')]).toEqual([queuedAndHung.news!(1), undefined]);
  });

  test('is as silent when what was told is stored no more', () => {
    world.put(job(told(1)));
    world.put(job(runs(1)));
    expect(another().ask()).toEqual([]);
  });

  test('is forgotten with its pod, and the next attempt is heard by itself', () => {
    const hearing = another();
    hearing.ask();
    for (const rank of [0, 1]) world.lose(worker(1, rank));
    expect(hearing.news('root')).toBeUndefined();
    world.put(worker(2, 0));
    world.put(job(runs(2)));
    hearing.ask();
    expect(hearing.news('root')).toEqual(queuedAndHung.news!(2));
  });

  test.each([0, 1])('has said all once all is told: rank %d', (rank) => {
    expect(speakers.hasSaidAll(worker(1, rank))).toBe(false);
    const { training, checkpoint } = queuedAndHung.news!(1);
    for (const part of [{ training }, { checkpoint }]) {
      world.put(job(runs(1, part)));
      expect(speakers.hasSaidAll(worker(1, rank))).toBe(false);
    }
    world.put(job(told(1)));
    expect(speakers.hasSaidAll(worker(1, rank))).toBe(true);
    expect(speakers.hasSaidAll(worker(2, rank))).toBe(false);
  });

  test('may end when it has said all, and the user has declared all', () => {
    const declared = (root: Rooted): Rooted => ({ ...root, spec: queuedAndHung.changes.at(-1)!(root.spec) });
    const mayEnd = (root: Rooted): boolean => {
      world.put(root);
      return speakers.mayEnd(worker(1, 0));
    };
    expect([job(runs(1)), declared(job(runs(1))), job(told(1))].map(mayEnd)).toEqual([false, false, false]);
    expect(mayEnd(declared(job(told(1))))).toBe(true);
    expect(mayEnd(declared(job(told(1), 'successor')))).toBe(false);
  });
});

describe('a server', () => {
  const replica = (name: string, value: string): Pod =>
    podOf(
      name,
      { [labels.modelService]: 'digits' },
      { spec: { containers: [{ env: [{ name: 'ANY', value }] }] } as object },
    );
  const uri = (notLoaded.changes[0]!({}) as { model: { artefact: { uri: string } } }).model.artefact.uri;
  const [good, bad] = [replica('good', 's3://limbeck/another'), replica('bad', uri)];
  const service = (message: string): Rooted => ({
    ...{ ...notLoaded.object, kind: modelServices.kind },
    metadata: { ...notLoaded.object.metadata, namespace, uid: 'root' },
    status: { conditions: [{ type: 'Progressing', status: 'False', reason: 'LoadFailed', message }] },
  });
  const failure = notLoaded.loadFailure!(bad)!;

  beforeEach(() => {
    world = new Sight();
    speakers = new Speakers(notLoaded, { namespace, heard: world.cache });
    for (const pod of [good, bad]) world.put(pod);
    world.put(service('0 of 1 replicas'));
  });

  test('gets ready, or says why it does not', () => {
    expect([good, bad].map(speakers.isReady)).toEqual([true, false]);
    const hearing = another();
    expect(hearing.loadFailure(bad)).toBe('unheard');
    expect(hearing.ask()).toEqual(['uid-of-bad']);
    expect([good, bad].map((pod) => hearing.loadFailure(pod))).toEqual(['unheard', failure]);
  });

  test('is heard by nobody who comes after it was told', () => {
    const [first, second] = [another(), another()];
    first.ask();
    world.put(service(`pod bad: ${failure.reason}: ${failure.message}; 1 replica of the former revision still answer`));
    expect(second.ask()).toEqual([]);
    expect([first.loadFailure(bad), second.loadFailure(bad)]).toEqual([failure, 'unheard']);
  });

  test('goes on saying it while another one is told of', () => {
    world.put(service(`pod good: ${failure.reason}: ${failure.message}`));
    expect(another().ask()).toEqual(['uid-of-bad']);
  });
});
