import { describe, expect, test } from '@jest/globals';
import { applyChild, confirmRoot, lookAt, removeChild, type Hands } from '../../../operator/kernel/act.ts';
import { NameLeaving, NameTaken, RootBehind, RootGone } from '../../../operator/kernel/mishaps.ts';
import { ApiError } from '../../../operator/kernel/cluster.ts';
import { WriteMemory } from '../../../operator/kernel/memory.ts';
import { keyOf, ownerReferenceTo, type Key, type KubeObject, type Resource } from '../../../operator/kernel/objects.ts';
import type { Manner } from '../../../operator/kernel/reconcile.ts';
import { rootVersionAnnotation } from '../../../operator/kernel/root-version.ts';
import { cachesOf } from '../../support/caches.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { stage as wholeStage, withCrew } from '../../support/pass-stage.ts';
import { crew, crews, members } from '../../support/toy.ts';

const never = new AbortController().signal;
const key = { namespace: 'default', name: 'alpha-ann' };
const wish: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: key };

/** The caches of this stage see nothing that comes after the root and these members. */
async function stage(before: readonly KubeObject[] = []) {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  cluster.put(crews, crew('alpha', ['ann']));
  for (const member of before) cluster.put(members, member);
  const { cache } = cachesOf(cluster, [crews, members], { clock });
  await clock.advance(0);
  cluster.holdWatches();
  const results: string[] = [];
  const wrote: Hands['wrote'] = (what, result) => void results.push(`${what} ${result}`);
  const hands: Hands = { cluster, cache, roots: crews, memory: new WriteMemory(), clock, wrote };
  const root: KubeObject = await cluster.get(crews, { namespace: 'default', name: 'alpha' });
  const apply = (manner: Manner, resource: Resource = members): Promise<void> =>
    applyChild({ resource, object: wish, manner }, root, hands, never);
  return { cluster, hands, root, results, apply, verbs: () => cluster.writes.map(({ verb }) => verb) };
}

/** As every stage has it. */
const anyRoot = async (): Promise<KubeObject> => (await stage()).root;

const manners: readonly Manner[] = ['applied', 'created', 'once'];

describe('applyChild', () => {
  test.each([
    ['once', ['create']],
    ['created', ['create']],
    ['applied', ['apply']],
  ] as const)('a child that is absent is made with its owner: %s', async (manner, expected) => {
    const { cluster, root, apply, verbs, hands, results } = await stage();
    await apply(manner);
    expect(verbs()).toEqual(expected);
    expect((await cluster.get(members, key)).metadata.ownerReferences).toEqual([ownerReferenceTo(root)]);
    expect(hands.memory.unmet({ namespace: 'default', name: 'alpha' }, () => false)).toHaveLength(1);
    expect(results).toEqual(['apply written']);
  });

  test('what the cache does not show yet is not made twice', async () => {
    const { apply, verbs, results } = await stage();
    await apply('once');
    await apply('once');
    expect(verbs()).toEqual(['create']);
    expect(results).toEqual(['apply written', 'apply unchanged']);
  });

  test.each(manners)('a stranger that the cache does not show yet is never touched: %s', async (manner) => {
    const { cluster, apply, verbs } = await stage();
    cluster.put(members, wish);
    await expect(apply(manner)).rejects.toThrow(NameTaken);
    expect(verbs()).toEqual([]);
  });

  test.each(['once', 'created'] as const)('a child of ours that lost its label is told of: %s', async (manner) => {
    const { cluster, root, apply } = await stage();
    const labelled = { ...members, selection: { labelSelector: 'example.org/root' } };
    cluster.put(members, { ...wish, metadata: { ...key, ownerReferences: [ownerReferenceTo(root)] } });
    const made = apply(manner, labelled);
    await expect(made).rejects.toThrow('is ours, but is not seen without its label example.org/root');
    await expect(made).rejects.toThrow(NameTaken);
  });

  test.each(manners)('the child of a predecessor is waited for: %s', async (manner) => {
    const { cluster, root, apply, verbs } = await stage();
    const ownerReferences = [{ ...ownerReferenceTo(root), uid: 'old' }];
    cluster.put(members, { ...wish, metadata: { ...key, ownerReferences } });
    await expect(apply(manner)).rejects.toThrow(NameLeaving);
    expect(verbs()).toEqual([]);
  });

  test('the child of a predecessor was to go before its successor came', async () => {
    const root = await anyRoot();
    const successor = { ...root, metadata: { ...root.metadata, creationTimestamp: '2026-01-01T00:00:00Z' } };
    const { since, message } = new NameLeaving('Member a/b', wish, successor);
    expect([since, message]).toEqual([new Date('2026-01-01'), expect.stringContaining('garbage collector')]);
  });

  test('what belongs to an object of the same kind and name in another API group is a stranger', async () => {
    const { cluster, root, apply } = await stage();
    const ownerReferences = [{ ...ownerReferenceTo(root), uid: 'other', apiVersion: 'example.org/v1' }];
    cluster.put(members, { ...wish, metadata: { ...key, ownerReferences } });
    await expect(apply('applied')).rejects.toThrow(NameTaken);
  });

  test.each(manners)('nothing is made for a root that is gone since the pass began: %s', async (manner) => {
    const { root, hands, verbs } = await stage();
    const deleted = { ...root, metadata: { ...root.metadata, uid: 'before' } };
    const made = applyChild({ resource: members, object: wish, manner }, deleted, hands, never);
    await expect(made).rejects.toThrow(RootGone);
    expect(verbs()).toEqual([]);
  });

  test('a successor of the same name that the cache does not show yet is never written to', async () => {
    const ours = { ...wish, metadata: { ...key, ownerReferences: [ownerReferenceTo(await anyRoot())] } };
    const { cluster, apply } = await stage([ours]);
    cluster.withdraw(members, key);
    const successor = cluster.put(members, ours);
    await expect(apply('applied')).rejects.toMatchObject({ code: 'conflict' });
    expect(await cluster.get(members, key)).toEqual(successor);
  });

  test.each(manners)('a refusal is told: %s', async (manner) => {
    const { cluster, apply, results } = await stage();
    cluster.beforeWrite = () => {
      throw new ApiError('forbidden', 'no', { status: 403 });
    };
    await expect(apply(manner)).rejects.toThrow('no');
    expect(results).toEqual(['apply failed']);
  });
});

test('who rewrites what is applied, each time the same, undoes nothing: a change of its status is no news', async () => {
  const { cluster, pass, see } = await wholeStage(withCrew(['ann'], { manner: 'applied' }));
  const apply = cluster.apply.bind(cluster);
  cluster.apply = (resource, object) => apply(resource, { ...object, data: { name: 'mirror/ann' } } as KubeObject);
  /** How often it is applied while something happens to it. */
  const applied = async (change: (found: KubeObject) => object): Promise<number> => {
    const { length } = cluster.writes;
    cluster.put(members, change(await cluster.get(members, key)) as KubeObject);
    for (let round = 0; round < 3; round += 1) {
      await see();
      await pass();
    }
    return cluster.writes.slice(length).filter(({ verb }) => verb === 'apply').length;
  };
  await pass();
  for (let replicas = 1; replicas <= 6; replicas += 1)
    expect(await applied((found) => ({ ...found, status: { replicas } }))).toBe(0);
  expect(await applied((found) => ({ ...found, data: { name: 'drift' } }))).toBe(1);
  // Of which no generation tells.
  const loosened = ({ metadata, ...rest }: KubeObject) => {
    const ownerReferences = metadata.ownerReferences?.map((one) => ({ ...one, blockOwnerDeletion: false }));
    return { ...rest, metadata: { ...metadata, ownerReferences } };
  };
  expect(await applied(loosened)).toBe(1);
});

describe('confirmRoot', () => {
  const child = { resource: members, object: wish };

  test('a root that the API server no longer has is told of, where a child is missed', async () => {
    const { cluster, root, hands } = await stage();
    await confirmRoot([child], root, hands, lookAt(root, hands, never));
    cluster.withdraw(crews, keyOf(root));
    await expect(confirmRoot([child], root, hands, lookAt(root, hands, never))).rejects.toThrow(RootGone);
    expect(hands.memory.unmet(keyOf(root), () => false)).toMatchObject([{ kind: 'removal' }]);
  });

  test('so is one that has a successor of the same name', async () => {
    const { root, hands } = await stage();
    const before = { ...root, metadata: { ...root.metadata, uid: 'before' } };
    await expect(confirmRoot([child], before, hands, lookAt(before, hands, never))).rejects.toThrow(RootGone);
  });

  test('one that is not as the cache shows it is waited for', async () => {
    const { cluster, root, hands } = await stage();
    const now = cluster.put(crews, { ...root, metadata: { ...root.metadata, labels: { a: 'b' } } });
    await expect(confirmRoot([child], root, hands, lookAt(root, hands, never))).rejects.toThrow(RootBehind);
    expect(hands.memory.unmet(keyOf(root), () => false)).toMatchObject([
      { resourceVersion: now.metadata.resourceVersion },
    ]);
  });

  test('nobody is asked where all are there, or none is wanted', async () => {
    const { cluster, root, hands } = await stage([wish]);
    cluster.withdraw(crews, keyOf(root));
    for (const children of [[], [child]]) await confirmRoot(children, root, hands, lookAt(root, hands, never));
  });
});

describe('what was made from a newer version of the root than the cache shows', () => {
  /** A stage whose child names this version of its root; the root itself is changed where `isChanged`. */
  async function lagging(madeFrom: string, isChanged: boolean) {
    const { uid } = (await anyRoot()).metadata;
    const reference = { ...ownerReferenceTo(await anyRoot()), uid: uid! };
    const metadata = { ...key, ownerReferences: [reference], annotations: { [rootVersionAnnotation]: madeFrom } };
    const there = await stage([{ ...wish, metadata }]);
    if (isChanged)
      there.cluster.put(crews, { ...there.root, metadata: { ...there.root.metadata, labels: { a: 'b' } } });
    return there;
  }
  const undo = {
    applies: (there: Awaited<ReturnType<typeof lagging>>) => there.apply('applied'),
    removes: ({ root, hands }: Awaited<ReturnType<typeof lagging>>) =>
      removeChild({ resource: members, key }, root, hands, never),
  };

  test.each(['applies', 'removes'] as const)('nobody %s until the cache shows the root as it is', async (what) => {
    const there = await lagging('999999', true);
    await expect(undo[what](there)).rejects.toThrow(RootBehind);
    expect(there.verbs()).toEqual([]);
    const { metadata } = await there.cluster.get(crews, { namespace: 'default', name: 'alpha' });
    expect(there.hands.memory.unmet(metadata as Key, () => false)).toMatchObject([
      { resourceVersion: metadata.resourceVersion },
    ]);
  });

  test.each(['applies', 'removes'] as const)('whoever %s is not held up by a version that is none', async (what) => {
    const there = await lagging('999999', false);
    await undo[what](there);
    expect(there.verbs()).toHaveLength(1);
  });
});

describe('a root that removes itself', () => {
  const alpha = { namespace: 'default', name: 'alpha' };
  /** Its cluster asks for the version, as the API server does. */
  async function judging() {
    const there = await stage();
    const { cluster, root, hands } = there;
    const remove = cluster.remove.bind(cluster);
    cluster.remove = async (ref) => {
      const { metadata } = await cluster.get(ref.resource, ref.key);
      if (metadata.resourceVersion !== ref.resourceVersion)
        throw new ApiError('conflict', 'Precondition failed: ResourceVersion in precondition', { status: 409 });
      await remove(ref);
    };
    const leave = () => removeChild({ resource: crews, key: alpha, uid: root.metadata.uid! }, root, hands, never);
    return { ...there, leave };
  }

  test('is removed as it was judged', async () => {
    const { leave, results, cluster } = await judging();
    await leave();
    expect(results).toEqual(['remove written']);
    await expect(cluster.get(crews, alpha)).rejects.toThrow('not found');
  });

  test('is looked at again where it says something else by now, once the cache shows that', async () => {
    const { leave, cluster, root, hands } = await judging();
    const { metadata } = cluster.put(crews, { ...root, spec: { members: ['bob'] } } as KubeObject);
    await expect(leave()).rejects.toThrow(RootBehind);
    expect((await cluster.get(crews, alpha)).spec.members).toEqual(['bob']);
    expect(hands.memory.unmet(alpha, () => false)).toMatchObject([{ resourceVersion: metadata.resourceVersion }]);
  });
});

describe('removeChild', () => {
  const owner = { apiVersion: crews.apiVersion, kind: crews.kind, name: 'alpha', uid: '', controller: true };
  const child = async (uid: string, more: object = {}): Promise<KubeObject> => ({
    ...wish,
    metadata: { ...key, uid, ownerReferences: [ownerReferenceTo(await anyRoot())], ...more },
  });
  const remove = ({ root, hands }: Awaited<ReturnType<typeof stage>>, uid?: string): Promise<void> =>
    removeChild({ resource: members, key, ...(uid === undefined ? {} : { uid }) }, root, hands, never);

  test('takes what was seen, and waits until the cache shows it', async () => {
    const there = await stage([await child('seen')]);
    await remove(there);
    await expect(there.cluster.get(members, key)).rejects.toThrow('not found');
    expect(there.results).toEqual(['remove written']);
    expect(there.hands.memory.unmet({ namespace: 'default', name: 'alpha' }, () => false)).toHaveLength(1);
  });

  test('spares a successor of the same name that the cache does not show yet', async () => {
    const there = await stage([await child('seen')]);
    there.cluster.withdraw(members, key);
    const { metadata } = there.cluster.put(members, await child('successor'));
    await remove(there);
    expect((await there.cluster.get(members, key)).metadata.uid).toBe(metadata.uid);
  });

  test.each([
    ['not there', undefined],
    ['on its way out', { deletionTimestamp: '2026-01-01T00:00:00Z' }],
    ["nobody's", { ownerReferences: [] }],
    ["somebody else's", { ownerReferences: [{ ...owner, name: 'beta', uid: 'beta' }] }],
    ["a predecessor's", { ownerReferences: [{ ...owner, uid: 'old' }] }],
    ['not controlled by the root', { ownerReferences: [{ ...owner, controller: false }] }],
  ])('asks nothing of the API server for one that is %s', async (_, more) => {
    const there = await stage(more === undefined ? [] : [await child('seen', more)]);
    await remove(there);
    expect([there.verbs(), there.results]).toEqual([[], ['remove unchanged']]);
  });

  test('one that is meant by its UID need not belong to the root, which may be itself', async () => {
    const there = await stage([await child('seen', { ownerReferences: [] })]);
    await remove(there, 'another');
    expect(there.results).toEqual(['remove unchanged']);
    await remove(there, (await there.cluster.get(members, key)).metadata.uid);
    expect(there.results).toEqual(['remove unchanged', 'remove written']);
  });
});
