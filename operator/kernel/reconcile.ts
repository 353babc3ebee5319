/** The shape of every reconciler: observe (caches only) → plan (pure) → the kernel alone acts. */
import type { Note, ObjectRef } from './cluster.ts';
import type { Proviso } from './proviso.ts';
import { controllerOf, type Condition, type Key, type KubeObject, type Resource } from './objects.ts';

/** Read-only view over every informer's store. Objects are frozen. */
export interface Cache {
  get<T extends KubeObject>(resource: Resource<T>, key: Key): T | undefined;
  list<T extends KubeObject>(resource: Resource<T>, namespace?: string): readonly T[];
  /** Objects whose controlling owner is exactly this object, by UID. */
  ownedBy<T extends KubeObject>(resource: Resource<T>, owner: KubeObject): readonly T[];
  /** Objects that the named index files under `value`; see Index. */
  byIndex<T extends KubeObject>(resource: Resource<T>, index: string, value: string): readonly T[];
  /**
   * Milliseconds since the API server last said anything of this kind, be it a bookmark. Kinds fall silent one by one;
   * who concludes from what is missing must have heard of its kind since.
   */
  silentMs(resource: Resource): number;
}

/** What wakes a key again. */
export type Next =
  | { readonly kind: 'settled' } // the next change
  | { readonly kind: 'recheck'; readonly afterMs: number } // a known time: a deadline, a back-off, a time to live
  | { readonly kind: 'blocked'; readonly reason: string }; // only a person can help: a slow look now and then

/**
 * How a child is made, and kept as it should be:
 * - applied: server-side applied whenever it differs, so that what is no longer wanted goes;
 * - created: created, which spares the look at who holds the name and the merge, and applied when it differs. What is no
 *   longer wanted stays, so this is for objects whose members are always the same;
 * - once: created, and never looked at again, as for kinds that are immutable.
 */
export type Manner = 'applied' | 'created' | 'once';

/** One desired object. The kernel adds the owner reference to the root where the object carries none. */
export interface Child {
  readonly resource: Resource;
  readonly object: KubeObject;
  /** Left out: applied. */
  readonly manner?: Manner;
  /**
   * By what the wish is told from another one; by the whole object when left out. What is stated as it was found is no wish of
   * ours: where others change it at each write, the wish would be another one each time, and written without end.
   */
  readonly toldBy?: KubeObject;
}

export interface Plan<Status> {
  /** Looked up before anything is done; where it does not hold, the caches have to catch up first. */
  readonly provided?: readonly Proviso[] | undefined;
  /**
   * Server-side applied in order; a stranger's object of the same name is not touched, unless it comes between the look for
   * it and the apply: of something absent no apply can demand that it still be.
   */
  readonly apply: readonly Child[];
  readonly remove: readonly ObjectRef[];
  /** The whole status; stored once, after the writes, also when they failed. */
  readonly status: Status;
  /**
   * What this pass makes wakes the root again as soon as it is seen; a status that waits for that spares a write. As it may
   * be gone before it is seen, and no status comes back, `next` is to be a recheck.
   */
  readonly statusWaits?: true | undefined;
  /** Said before the status is stored, and so once or more: the same words are one event. */
  readonly events: readonly Note[];
  readonly next: Next;
}

export interface StatusWithConditions {
  readonly observedGeneration?: number;
  readonly conditions: readonly Condition[];
}

/** Another kind whose changes wake keys of this reconciler. */
export interface Watch<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  keysOf(object: T, cache: Cache): readonly Key[];
}

/** Files objects of a kind under values, for Cache.byIndex; a reconciler lists the indexes it reads. */
export interface Index<T extends KubeObject = KubeObject> {
  readonly resource: Resource<T>;
  readonly name: string;
  valuesOf(object: T): readonly string[];
}

/** Wakes the root that controls a changed child. */
export const watchOwned = (resource: Resource, root: Resource): Watch => ({
  resource,
  keysOf: (object) => {
    const owner = controllerOf(object);
    const isRoot = owner?.kind === root.kind && owner.apiVersion === root.apiVersion;
    return isRoot ? [{ namespace: object.metadata.namespace ?? '', name: owner.name }] : [];
  },
});

export interface Reconciler<Root extends KubeObject, Observed, Status extends StatusWithConditions> {
  readonly name: string;
  readonly resource: Resource<Root>;
  readonly watches: readonly Watch[];
  readonly indexes?: readonly Index[];
  /** Of the conditions in a status those that are ours to say: others may add some of other types, which are theirs. */
  readonly conditionTypes: readonly string[];
  /** Synchronous, so that the snapshot is consistent. Undefined: gone, nothing to do. */
  observe(cache: Cache, key: Key): Observed | undefined;
  /** Pure: no await, no I/O, no clock but `now`. */
  plan(observed: Observed, now: Date): Plan<Status>;
}

/** A reconciler of some kind; what the kernel runs. */
export type AnyReconciler = Reconciler<KubeObject, unknown, StatusWithConditions>;
