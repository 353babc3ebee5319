/** An API server in memory: versions, watches, server-side apply by one manager, conflicts, faults on request. */
import {
  ApiError,
  type Cluster,
  type ListOptions,
  type ObjectRef,
  type Page,
  type Selection,
  type WatchEvent,
  type WatchOptions,
} from '../../operator/kernel/cluster.ts';
import {
  keyOf,
  keyText,
  resourceText,
  type Key,
  type KubeObject,
  type Resource,
} from '../../operator/kernel/objects.ts';
import { canonical } from '../../operator/kernel/sameness.ts';
import { json, merge, removed, type Json } from './applied-fields.ts';

type Verb = 'apply' | 'applyStatus' | 'remove' | 'create' | 'update';

/** `number` counts from 1, attempts included that were refused. */
export interface Write {
  readonly verb: Verb;
  readonly what: string;
  readonly number: number;
}

interface Row {
  readonly object: KubeObject;
  /** What our manager applied last, by subresource: fields missing from the next apply are removed. */
  readonly applied: { readonly main?: Json; readonly status?: Json };
}

type Logged = { readonly kind: string; readonly version: number; readonly event: WatchEvent<KubeObject> };

export class FakeCluster implements Cluster {
  readonly writes: Write[] = [];
  /** When new objects are created, as their metadata says; they have no time while this is undefined. */
  now: (() => Date) | undefined;
  /** Called before a write is carried out, which waits for it, and after; throw to make it fail, in the latter case after the commit. */
  beforeWrite: (write: Write) => void | Promise<void> = () => undefined;
  afterWrite: (write: Write) => void = () => undefined;
  apiVersions?: (signal: AbortSignal) => Promise<ReadonlySet<string>>;
  readonly #rows = new Map<string, Row>();
  readonly #log: Logged[] = [];
  readonly #wakers = new Set<() => void>();
  #held = false;
  #version = 0;
  #compacted = 0;
  #attempts = 0;
  #uids = 0;

  /** Every object as text, in order of kind and key; for comparing end states. */
  snapshot(): readonly string[] {
    const plain = (object: KubeObject): unknown => ({
      ...object,
      metadata: without(object.metadata, 'resourceVersion'),
    });
    return [...this.#rows].map(([slot, { object }]) => `${slot} ${canonical(plain(object))}`).sort();
  }

  /** Versions up to now can no longer be watched from. */
  compact(): void {
    this.#compacted = this.#version;
    this.#log.length = 0;
  }

  /** Watches tell nothing until they are released: the caches of the process under test lag. */
  holdWatches(): void {
    this.#held = true;
  }

  releaseWatches(): void {
    this.#held = false;
    for (const wake of [...this.#wakers]) wake();
  }

  /** Stores an object as another writer would: the whole of it, new or not. */
  put(resource: Resource, object: KubeObject): KubeObject {
    const slot = slotOf(resource, keyOf(object));
    const before = this.#rows.get(slot);
    return this.#store(resource, slot, object, before?.applied ?? {});
  }

  /** Removes an object as another writer would. */
  withdraw(resource: Resource, key: Key): void {
    const slot = slotOf(resource, key);
    const row = this.#rows.get(slot);
    if (row === undefined) return;
    this.#rows.delete(slot);
    this.#tell(resource, { kind: 'removed', object: versioned(row.object, (this.#version += 1)) });
  }

  list<T extends KubeObject>(resource: Resource<T>, options: ListOptions): Promise<Page<T>> {
    const kind = `${resourceText(resource)} `;
    const start = Number(options.continueToken ?? 0);
    const all = [...this.#rows].filter(([slot, { object }]) => slot.startsWith(kind) && selects(options, object));
    const end = start + (options.limit ?? all.length);
    const items = all.slice(start, end).map(([, { object }]) => object as T);
    const continueToken = end < all.length ? String(end) : undefined;
    return Promise.resolve({ items, resourceVersion: String(this.#version), continueToken });
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    let reached = Number(options.resourceVersion);
    if (reached < this.#compacted) throw new ApiError('gone', 'too old resource version', { status: 410 });
    while (!signal.aborted) {
      const isNew = (entry: Logged): boolean => entry.version > reached && entry.kind === resourceText(resource);
      const next = this.#held ? undefined : this.#log.find(isNew);
      if (next === undefined) {
        await this.#change(signal);
        continue;
      }
      reached = next.version;
      if (next.event.kind === 'bookmark' || selects(options, next.event.object)) yield next.event as WatchEvent<T>;
    }
  }

  async get<T extends KubeObject>(resource: Resource<T>, key: Key): Promise<T> {
    await Promise.resolve();
    return this.#row(resource, key).object as T;
  }

  apply(resource: Resource, object: KubeObject): Promise<KubeObject> {
    return this.#write('apply', resource, object, (slot) => {
      const before = this.#rows.get(slot);
      checkUid(object, before);
      const wish = json(object);
      const base = json(before?.object ?? {});
      const merged = merge(removed(base, before?.applied.main, wish), wish);
      return this.#store(resource, slot, withStatusOf(merged, before), { ...before?.applied, main: wish });
    });
  }

  applyStatus(resource: Resource, object: KubeObject & { readonly status: unknown }): Promise<KubeObject> {
    return this.#write('applyStatus', resource, object, (slot) => {
      const before = this.#row(resource, keyOf(object));
      // As the real one: of a custom resource's status it asks for the version, and does not look at the UID.
      checkVersion(object, before.object);
      const wish = json({ status: object.status });
      const merged = merge(removed(json(before.object), before.applied.status, wish), wish);
      return this.#store(resource, slot, merged as unknown as KubeObject, { ...before.applied, status: wish });
    });
  }

  async remove({ resource, key, uid, resourceVersion }: ObjectRef): Promise<void> {
    const metadata = { ...key, ...(resourceVersion !== undefined && { resourceVersion }) };
    const stub = { apiVersion: '', kind: resource.kind, metadata };
    await this.#write('remove', resource, stub, (slot) => {
      const there = this.#rows.get(slot)?.object;
      if (there === undefined || (uid !== undefined && there.metadata.uid !== uid)) return stub;
      checkVersion(stub, there);
      this.withdraw(resource, key);
      return stub;
    });
  }

  create(resource: Resource, object: KubeObject): Promise<KubeObject> {
    return this.#write('create', resource, object, (slot) => {
      if (this.#rows.has(slot)) throw new ApiError('conflict', `${slot} already exists`, { status: 409 });
      return this.#store(resource, slot, object, {});
    });
  }

  update(resource: Resource, object: KubeObject): Promise<KubeObject> {
    return this.#write('update', resource, object, (slot) => {
      const { object: before, applied } = this.#row(resource, keyOf(object));
      checkVersion(object, before);
      return this.#store(resource, slot, object, applied);
    });
  }

  async #write(
    verb: Verb,
    resource: Resource,
    object: KubeObject,
    carryOut: (slot: string) => KubeObject,
  ): Promise<KubeObject> {
    await Promise.resolve();
    const what = slotOf(resource, keyOf(object));
    const write = { verb, what, number: (this.#attempts += 1) };
    await this.beforeWrite(write);
    const stored = carryOut(what);
    this.writes.push(write);
    this.afterWrite(write);
    return stored;
  }

  #row(resource: Resource, key: Key): Row {
    const row = this.#rows.get(slotOf(resource, key));
    if (row === undefined)
      throw new ApiError('notFound', `${resource.plural} "${key.name}" not found`, { status: 404 });
    return row;
  }

  /** A write that changes nothing gets no new version and tells nobody. */
  #store(resource: Resource, slot: string, object: KubeObject, applied: Row['applied']): KubeObject {
    const before = this.#rows.get(slot)?.object;
    const candidate = identified(this.#dated(object, before), before, () => `uid-${String((this.#uids += 1))}`);
    if (before !== undefined && canonical(versioned(candidate, 0)) === canonical(versioned(before, 0))) return before;
    const stored = versioned(candidate, (this.#version += 1));
    this.#rows.set(slot, { object: stored, applied });
    this.#tell(resource, { kind: 'put', object: stored, added: before === undefined });
    return stored;
  }

  #dated(object: KubeObject, before: KubeObject | undefined): KubeObject {
    const created = before === undefined ? this.now?.() : undefined;
    const creationTimestamp = created?.toISOString().replace(/\.\d+Z$/, 'Z') ?? before?.metadata.creationTimestamp;
    return creationTimestamp === undefined
      ? object
      : { ...object, metadata: { creationTimestamp, ...object.metadata } };
  }

  #tell(resource: Resource, event: WatchEvent<KubeObject>): void {
    this.#log.push({ kind: resourceText(resource), version: this.#version, event });
    for (const wake of [...this.#wakers]) wake();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

const slotOf = (resource: Resource, key: Key): string => `${resourceText(resource)} ${keyText(key)}`;
const without = (record: object, name: string): Json =>
  Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));

function selects({ namespace, labelSelector }: Selection, object: KubeObject): boolean {
  const terms = labelSelector?.split(',') ?? [];
  const labels = object.metadata.labels ?? {};
  const holds = (term: string): boolean => {
    const [name = '', value] = term.split('=');
    return value === undefined ? name in labels : labels[name] === value;
  };
  return (namespace === undefined || object.metadata.namespace === namespace) && terms.every(holds);
}

function checkUid(object: KubeObject, before: Row | undefined): void {
  const { uid } = object.metadata;
  if (uid !== undefined && uid !== before?.object.metadata.uid)
    throw new ApiError('conflict', 'Precondition failed: UID in precondition', { status: 409 });
}

function checkVersion({ metadata: { name, resourceVersion: read } }: KubeObject, { metadata }: KubeObject): void {
  if (read !== undefined && read !== metadata.resourceVersion)
    throw new ApiError('conflict', `${name} has been modified`, { status: 409 });
}

function withStatusOf(merged: Json, before: Row | undefined): KubeObject {
  const status = before !== undefined && 'status' in before.object ? { status: before.object.status } : {};
  return { ...without(merged, 'status'), ...status } as unknown as KubeObject;
}

const versioned = (object: KubeObject, version: number): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(version) },
});

function identified(object: KubeObject, before: KubeObject | undefined, uid: () => string): KubeObject {
  const specOf = (of: KubeObject): string => canonical(without(without(of, 'status'), 'metadata'));
  const generation = before === undefined ? 1 : (before.metadata.generation ?? 1);
  const step = before !== undefined && specOf(before) !== specOf(object) ? 1 : 0;
  const metadata = { ...object.metadata, uid: before?.metadata.uid ?? uid(), generation: generation + step };
  return { ...object, metadata };
}
