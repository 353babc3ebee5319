/** Carries out the object part of a plan: applies in order, then removes. Sends only what would change something. */
import type { Clock } from '../../process/clock.ts';
import { ApiError, type Cluster, type ObjectRef } from './cluster.ts';
import type { Wish, WriteMemory } from './memory.ts';
import type { WriteResult } from './metrics.ts';
import {
  Contested,
  NameHidden,
  NameLeaving,
  NameTaken,
  RootBehind,
  RootGone,
  whatOf,
  type Undoing,
} from './mishaps.ts';
import {
  controllerOf,
  isOwnedBy,
  isSelected,
  keyOf,
  ownerReferenceTo,
  type Key,
  type KubeObject,
  type Resource,
} from './objects.ts';
import type { Cache, Child } from './reconcile.ts';
import { seemsNewer, withRootVersion } from './root-version.ts';
import { contains, hashAnnotation, hashOf, withHash } from './sameness.ts';

/** What acting needs; one per reconciler. */
export interface Hands {
  readonly cluster: Cluster;
  readonly cache: Cache;
  /** The kind of the roots. */
  readonly roots: Resource;
  readonly memory: WriteMemory;
  readonly clock: Clock;
  readonly wrote: (what: 'apply' | 'status' | 'remove' | 'event', result: WriteResult) => void;
}

const groupOf = (apiVersion: string): string => apiVersion.split('/', 1)[0] ?? '';

export type Standing = 'free' | 'ours' | 'leaving' | 'taken';

/** Whose is what stands under a child's name? A predecessor's child is collected by the cluster: it is leaving. */
export function standingOf(existing: KubeObject | undefined, root: KubeObject): Standing {
  if (existing === undefined) return 'free';
  if (isOwnedBy(existing, root)) return existing.metadata.deletionTimestamp === undefined ? 'ours' : 'leaving';
  const owner = controllerOf(existing);
  const isOfKind = owner?.kind === root.kind && groupOf(owner.apiVersion) === groupOf(root.apiVersion);
  const isPredecessors = isOfKind && owner.name === root.metadata.name;
  return isPredecessors ? 'leaving' : 'taken';
}

/** Applies one child unless it is already so. Throws NameTaken, NameLeaving, Contested, RootGone, RootBehind or ApiError. */
export async function applyChild(child: Child, root: KubeObject, hands: Hands, signal: AbortSignal): Promise<void> {
  const object = owned(child.object, root);
  const { resource, toldBy } = child;
  const told = toldBy && { hash: hashOf(owned(toldBy, root)), wholeHash: hashOf(object) };
  const wish: Wish = { resource, key: keyOf(object), ...(told ?? { hash: hashOf(object) }) };
  const scene: Scene = { child, object: withRootVersion(withHash(object, wish.hash), root), wish, root, hands };
  const cached = hands.cache.get(child.resource, keyOf(object));
  const { manner = 'applied' } = child;
  if (cached === undefined && manner !== 'applied') {
    await make(scene, signal);
    return;
  }
  const existing = cached ?? (await live(child.resource, keyOf(object), hands.cluster, signal));
  refuseOthers(existing, scene);
  if (existing !== undefined && (manner === 'once' || isAsLeft(existing, object, scene)))
    hands.wrote('apply', 'unchanged');
  else await send(existing, scene, signal);
}

/** One child in the course of being applied; `object` as it is sent, with its owner and its hash. */
interface Scene {
  readonly child: Child;
  readonly object: KubeObject;
  readonly wish: Wish;
  readonly root: KubeObject;
  readonly hands: Hands;
}

/** The root as the API server has it. */
export type Look = () => Promise<KubeObject | undefined>;

/** It is asked for once, however many want to know, and by nobody who does not. */
export function lookAt(root: KubeObject, { roots, cluster }: Hands, signal: AbortSignal): Look {
  let answer: ReturnType<Look> | undefined;
  return () => (answer ??= live(roots, keyOf(root), cluster, signal));
}

/**
 * Asks for the root where the cache misses a child of it, before any is made: it may be missed since the cluster collects the
 * children of a root that is deleted, or since what made it was followed by its end; a cache that lags, or begins in the past,
 * knows of neither. Throws RootGone, RootBehind.
 */
export async function confirmRoot(
  children: readonly Child[],
  root: KubeObject,
  hands: Hands,
  look: Look,
): Promise<void> {
  if (children.every(({ resource, object }) => hands.cache.get(resource, keyOf(object)) !== undefined)) return;
  if (isLeaving(await look(), root.metadata.uid ?? '')) {
    expectRemoval(root, hands);
    throw new RootGone(root);
  }
  await refuseBehind(root, hands, look);
}

/** Until the cache shows it, no pass over this root can do any good. */
export function expectRemoval(root: KubeObject, { roots, memory, clock }: Hands): void {
  const key = keyOf(root);
  const uid = root.metadata.uid ?? '';
  memory.expect(key, key, { kind: 'removal', resource: roots, key, uid }, clock.monotonicMs());
}

/** A pass may take seconds. What the caches have shown meanwhile costs nothing to know, so it is looked up before each child. */
function refuseGone({ root, hands }: Scene): void {
  if (isLeaving(hands.cache.get(hands.roots, keyOf(root)), root.metadata.uid ?? '')) throw new RootGone(root);
}

function refuseOthers(existing: KubeObject | undefined, { object, root }: Scene): void {
  const standing = standingOf(existing, root);
  if (standing === 'taken') throw new NameTaken(whatOf(object), `exists already and belongs to ${holderOf(existing)}`);
  if (standing === 'leaving') throw new NameLeaving(whatOf(object), existing, root);
}

/** A version that anybody may have written proves nothing: the root itself is looked at. */
async function refusePast(
  child: KubeObject | undefined,
  root: KubeObject,
  hands: Hands,
  signal: AbortSignal,
): Promise<void> {
  if (child !== undefined && seemsNewer(child, root)) await refuseBehind(root, hands, lookAt(root, hands, signal));
}

/** Looks whether the root is still as the cache shows it. Where it is not, no pass over it does anything before the cache shows that. */
export async function refuseBehind(root: KubeObject, hands: Hands, look: Look): Promise<void> {
  const now = await look();
  const { resourceVersion = '' } = now?.metadata ?? {};
  if (now === undefined || resourceVersion === root.metadata.resourceVersion) return;
  const [key, expectation] = [keyOf(root), { kind: 'version', resource: hands.roots, resourceVersion } as const];
  hands.memory.expect(key, key, expectation, hands.clock.monotonicMs());
  throw new RootBehind(root);
}

async function send(existing: KubeObject | undefined, scene: Scene, signal: AbortSignal): Promise<void> {
  refuseGone(scene);
  const { child, hands, root } = scene;
  await refusePast(existing, root, hands, signal);
  refuseContested(scene, existing === undefined ? 'removed' : 'changed');
  const object = withUid(scene.object, existing);
  remember(await counted(hands, 'apply', () => hands.cluster.apply(child.resource, object, signal)), scene);
}

/** Who changes what we write, or deletes what we make, each time, is not answered without end. */
function refuseContested({ object, wish, root, hands }: Scene, how: Undoing): void {
  const restMs = hands.memory.restMs(keyOf(root), wish, hands.clock.monotonicMs());
  if (restMs > 0) throw new Contested(whatOf(object), how, restMs);
}

/** As creating touches nobody else's object, nobody needs to look first. */
async function make(scene: Scene, signal: AbortSignal): Promise<void> {
  refuseGone(scene);
  refuseContested(scene, 'removed');
  const { child, object, hands } = scene;
  try {
    const stored = await hands.cluster.create(child.resource, object, signal);
    hands.wrote('apply', 'written');
    remember(stored, scene);
  } catch (error) {
    const isThere = error instanceof ApiError && error.code === 'conflict';
    hands.wrote('apply', isThere ? 'unchanged' : 'failed');
    if (!isThere) throw error;
    const holder = await live(child.resource, keyOf(object), hands.cluster, signal);
    refuseOthers(holder, scene);
    if (holder === undefined) throw new NameLeaving(whatOf(object));
    const { selection = {} } = child.resource;
    if (!isSelected(selection, holder)) throw new NameHidden(whatOf(object), selection.labelSelector ?? '');
  }
}

function remember(stored: KubeObject, { child: { resource }, wish, root, hands: { memory, clock } }: Scene): void {
  const [key, nowMs] = [keyOf(root), clock.monotonicMs()];
  memory.sent(key, wish, stored, nowMs);
  const resourceVersion = stored.metadata.resourceVersion ?? '';
  memory.expect(key, keyOf(stored), { kind: 'version', resource, resourceVersion }, nowMs);
}

/**
 * Either nothing has happened since we wrote this very wish, or the wish is unchanged and still fulfilled. The API server may
 * store another spec than was asked for, as where images are had from a mirror: what it answered then is no drift. No
 * generation tells of metadata.
 */
function isAsLeft(existing: KubeObject, wanted: KubeObject, { wish, root, hands: { memory } }: Scene): boolean {
  const { metadata } = existing;
  if (memory.isAsSent(keyOf(root), wish, metadata.resourceVersion)) return true;
  if (metadata.annotations?.[hashAnnotation] !== wish.hash) return false;
  const isSpecAsSent = memory.isSpecAsSent(keyOf(root), wish, metadata);
  return contains(existing, isSpecAsSent ? { metadata: wanted.metadata } : wanted);
}

/**
 * Removes an object unless it is gone, another one, or already on its way out. Where no UID is stated, whoever has the name
 * may be a stranger: only what belongs to the root goes.
 */
export async function removeChild(ref: ObjectRef, root: KubeObject, hands: Hands, signal: AbortSignal): Promise<void> {
  const existing = hands.cache.get(ref.resource, ref.key);
  const uid = ref.uid ?? ownUid(existing, root);
  if (existing === undefined || uid === undefined || isLeaving(existing, uid)) {
    hands.wrote('remove', 'unchanged');
    return;
  }
  await refusePast(existing, root, hands, signal);
  await counted(hands, 'remove', () => hands.cluster.remove({ ...ref, uid, ...judged(uid, root) }, signal)).catch(
    async (error: unknown) => {
      const isConflict = error instanceof ApiError && error.code === 'conflict';
      if (isConflict) await refuseBehind(root, hands, lookAt(root, hands, signal));
      throw error;
    },
  );
  const expectation = { kind: 'removal', resource: ref.resource, key: ref.key, uid } as const;
  hands.memory.expect(keyOf(root), ref.key, expectation, hands.clock.monotonicMs());
  hands.memory.removed(keyOf(root), ref.resource, ref.key);
}

/** A root that removes itself does so for what it says. Nothing tells a cache that lags that it says something else by now. */
const judged = (uid: string, { metadata }: KubeObject): Pick<ObjectRef, 'resourceVersion'> =>
  uid !== metadata.uid || metadata.resourceVersion === undefined ? {} : { resourceVersion: metadata.resourceVersion };

const ownUid = (existing: KubeObject | undefined, root: KubeObject): string | undefined =>
  existing !== undefined && isOwnedBy(existing, root) ? existing.metadata.uid : undefined;

/** Gone under this UID, or marked for deletion. */
export const isLeaving = (existing: KubeObject | undefined, uid: string): boolean =>
  existing?.metadata.uid !== uid || existing.metadata.deletionTimestamp !== undefined;

/** Runs one write and counts how it went. */
export async function counted<T>(
  hands: Pick<Hands, 'wrote'>,
  what: 'apply' | 'status' | 'remove' | 'event',
  write: () => Promise<T>,
): Promise<T> {
  try {
    const result = await write();
    hands.wrote(what, 'written');
    return result;
  } catch (error) {
    hands.wrote(what, 'failed');
    throw error;
  }
}

/** A cache that lags must not let us take over a stranger: before creating, look at what is really there. */
async function live(
  resource: Resource,
  key: Key,
  cluster: Cluster,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await cluster.get(resource, key, signal);
  } catch (error) {
    if (error instanceof ApiError && error.code === 'notFound') return undefined;
    throw error;
  }
}

function owned(object: KubeObject, root: KubeObject): KubeObject {
  if (object.metadata.ownerReferences !== undefined) return object;
  return { ...object, metadata: { ...object.metadata, ownerReferences: [ownerReferenceTo(root)] } };
}

/** With the UID the API server refuses to touch a successor of the same name. */
function withUid(object: KubeObject, existing: KubeObject | undefined): KubeObject {
  const uid = existing?.metadata.uid;
  return uid === undefined ? object : { ...object, metadata: { ...object.metadata, uid } };
}

function holderOf(existing: KubeObject | undefined): string {
  const owner = existing === undefined ? undefined : controllerOf(existing);
  return owner === undefined ? 'nobody we know' : `${owner.kind} ${owner.name}`;
}
