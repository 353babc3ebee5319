/** Objects of one kind by key, with named indexes. Objects are frozen: readers share them and copy on write. */
import { controllerOf, keyOf, keyText, type KubeObject } from './objects.ts';

/** Which values an object is filed under. */
export type IndexFunction = (object: KubeObject) => readonly string[];

/** What is filed under one value; `listed` is all of it in one array, made when somebody asks, until something changes. */
interface Filed {
  readonly objects: Map<string, KubeObject>;
  listed: readonly KubeObject[] | undefined;
}

type Shelf = Map<string, Filed>;

const none: readonly KubeObject[] = [];

const ownerText = (namespace = '', uid: string): string => `${namespace}/${uid}`;

/** What `kubectl apply` notes for itself: the whole object once more. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Drops what nobody reads and what weighs more than the rest, managedFields and kubectl's own note; freezes what is left. */
export function prepared(object: KubeObject): KubeObject {
  const { annotations, ...metadata } = { ...object.metadata };
  Reflect.deleteProperty(metadata, 'managedFields');
  const kept = Object.entries(annotations ?? {}).filter(([name]) => name !== lastApplied);
  const own = annotations === undefined ? metadata : { ...metadata, annotations: Object.fromEntries(kept) };
  return deepFreeze({ ...object, metadata: own });
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

export class Store {
  readonly #objects = new Map<string, KubeObject>();
  readonly #shelves = new Map<string, { readonly valuesOf: IndexFunction; readonly shelf: Shelf }>();
  /** The newest version this store is known to reflect; bookmarks move it too. */
  resourceVersion = '';

  constructor(indexes: ReadonlyMap<string, IndexFunction> = new Map()) {
    this.#addShelf('#namespace', (object) => [object.metadata.namespace ?? '']);
    this.#addShelf('#owner', (object) => {
      const uid = controllerOf(object)?.uid;
      return uid === undefined ? [] : [ownerText(object.metadata.namespace, uid)];
    });
    for (const [name, valuesOf] of indexes) this.#addShelf(name, valuesOf);
  }

  get size(): number {
    return this.#objects.size;
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()];
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): readonly KubeObject[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex('#namespace', namespace);
  }

  /** Those of the owner's own namespace: anybody may write a foreign UID into an object of his own. */
  ownedBy({ namespace, uid }: KubeObject['metadata']): readonly KubeObject[] {
    return uid === undefined ? none : this.byIndex('#owner', ownerText(namespace, uid));
  }

  /**
   * The same array for as long as nothing in it has changed, so that whoever looks again and again can see that at once.
   * Throws for an index nobody declared: an empty answer would hide the mistake.
   */
  byIndex(index: string, value: string): readonly KubeObject[] {
    const entry = this.#shelves.get(index);
    if (entry === undefined) throw new Error(`no index named ${index}`);
    const filed = entry.shelf.get(value);
    if (filed === undefined) return none;
    filed.listed ??= [...filed.objects.values()];
    return filed.listed;
  }

  /** Stores and returns what was there before. */
  put(object: KubeObject): KubeObject | undefined {
    const key = keyText(keyOf(object));
    const before = this.#take(key);
    this.#objects.set(key, object);
    for (const { valuesOf, shelf } of this.#shelves.values())
      for (const value of valuesOf(object)) {
        const filed = shelf.get(value) ?? { objects: new Map<string, KubeObject>(), listed: undefined };
        filed.objects.set(key, object);
        filed.listed = undefined;
        shelf.set(value, filed);
      }
    return before;
  }

  remove(key: string): KubeObject | undefined {
    return this.#take(key);
  }

  #addShelf(name: string, valuesOf: IndexFunction): void {
    this.#shelves.set(name, { valuesOf, shelf: new Map() });
  }

  #take(key: string): KubeObject | undefined {
    const before = this.#objects.get(key);
    if (before === undefined) return undefined;
    this.#objects.delete(key);
    for (const { valuesOf, shelf } of this.#shelves.values())
      for (const value of valuesOf(before)) {
        const filed = shelf.get(value);
        if (filed === undefined) continue;
        filed.objects.delete(key);
        filed.listed = undefined;
        if (filed.objects.size === 0) shelf.delete(value);
      }
    return before;
  }
}

/** Resource versions of one kind are ordered as numbers; the empty one is before all. */
export function hasReached(have: string, wanted: string): boolean {
  const number = (version: string): bigint => (/^\d+$/.test(version) ? BigInt(version) : 0n);
  return number(have) >= number(wanted);
}
