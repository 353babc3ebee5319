/**
 * What this process wrote, per root: so that a pass never runs on a cache older than its own writes, and what the
 * server has as we left it is not sent again. Lost on restart, which costs one harmless look.
 */
import { backoffMs, type BackoffPolicy } from './backoff.ts';
import type { Note } from './cluster.ts';
import { keyOf, keyText, resourceText, type Key, type KubeObject, type Resource } from './objects.ts';

/** A write the cache has not shown yet. */
export type Expectation =
  | { readonly kind: 'version'; readonly resource: Resource; readonly resourceVersion: string }
  | { readonly kind: 'removal'; readonly resource: Resource; readonly key: Key; readonly uid: string };

/** An object as it is to be sent. */
export interface Wish {
  readonly resource: Resource;
  readonly key: Key;
  /** By which it is told from another one; see Child.toldBy. */
  readonly hash: string;
  /** Of all that is sent, where that is more. */
  readonly wholeHash?: string;
}

/** How often in a row one wish was sent, the last time when, and what it became: the answer's UID, version and generation. */
interface Sent {
  readonly hash: string;
  readonly wholeHash: string | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string;
  readonly generation: number | undefined;
  readonly times: number;
  readonly atMs: number;
}

/** People and controllers change a thing back a few times; who does so each time would have an answer without end. */
const contestedAfter = 5;
const contestBackoff: BackoffPolicy = { firstMs: 1000, factor: 2, capMs: 60_000, jitter: 0 };
const contestOverMs = 10 * contestBackoff.capMs;

interface Record {
  readonly sent: Map<string, Sent>;
  readonly expectations: Map<string, Expectation>;
  expectingSinceMs: number;
  statusText: string | undefined;
  heldBack: HeldBack | undefined;
  passing: { readonly uid: string | undefined; readonly notes: readonly Note[] };
}

/** What a status waits for: events that were not taken. Times are monotonic milliseconds. */
export interface HeldBack {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Those that were offered, once each. */
  readonly offered: ReadonlySet<string>;
}

const slotOf = (resource: Resource, key: Key): string => `${resourceText(resource)} ${keyText(key)}`;

export class WriteMemory {
  readonly #roots = new Map<string, Record>();

  /** The expectations that are not met yet; met ones are dropped. */
  unmet(root: Key, isMet: (expectation: Expectation) => boolean): readonly Expectation[] {
    const record = this.#roots.get(keyText(root));
    if (record === undefined) return [];
    for (const [slot, expectation] of record.expectations) if (isMet(expectation)) record.expectations.delete(slot);
    return [...record.expectations.values()];
  }

  /** When the oldest unmet expectation was recorded, in monotonic milliseconds. */
  expectingSinceMs(root: Key): number {
    return this.#roots.get(keyText(root))?.expectingSinceMs ?? Infinity;
  }

  expect(root: Key, key: Key, expectation: Expectation, nowMs: number): void {
    const record = this.#record(root);
    if (record.expectations.size === 0) record.expectingSinceMs = nowMs;
    record.expectations.set(slotOf(expectation.resource, key), expectation);
  }

  /** Waited long enough: what is missing will not come. */
  stopExpecting(root: Key): void {
    this.#roots.get(keyText(root))?.expectations.clear();
  }

  /** Nothing has happened to the object since this wish was sent. */
  isAsSent(root: Key, wish: Wish, resourceVersion: string | undefined): boolean {
    return resourceVersion !== undefined && this.#sentWhole(root, wish)?.resourceVersion === resourceVersion;
  }

  /** Nor to its spec, by its generation, of kinds that have one. */
  isSpecAsSent(root: Key, wish: Wish, { uid, generation }: KubeObject['metadata']): boolean {
    const sent = this.#sentWhole(root, wish);
    return generation !== undefined && sent?.uid === uid && sent?.generation === generation;
  }

  /** For how long this wish is not to be sent, as others undo it each time, by a change or a deletion; 0: it may be. */
  restMs(root: Key, wish: Wish, nowMs: number): number {
    const sent = this.#sent(root, wish);
    if (sent === undefined || sent.times < contestedAfter) return 0;
    return Math.max(0, sent.atMs + backoffMs(contestBackoff, sent.times - contestedAfter + 1, 0) - nowMs);
  }

  /** `stored`: what came of it. */
  sent(root: Key, wish: Wish, stored: KubeObject, nowMs: number): void {
    const before = this.#sent(root, wish);
    const times = before !== undefined && nowMs - before.atMs < contestOverMs ? before.times + 1 : 1;
    const { uid, resourceVersion = '', generation } = stored.metadata;
    const { resource, key, hash, wholeHash } = wish;
    const answer = { uid, resourceVersion, generation };
    this.#record(root).sent.set(slotOf(resource, key), { hash, wholeHash, ...answer, times, atMs: nowMs });
  }

  /** We took it away ourselves: nobody else did. */
  removed(root: Key, resource: Resource, key: Key): void {
    this.#roots.get(keyText(root))?.sent.delete(slotOf(resource, key));
  }

  /** The status about to be written, so that its echo on the watch is known for what it is. */
  intendStatus(root: Key, statusText: string): void {
    this.#record(root).statusText = statusText;
  }

  isEchoOfStatus(root: Key, statusText: string): boolean {
    return this.#roots.get(keyText(root))?.statusText === statusText;
  }

  /** Undefined: the status waits for nothing. */
  heldBack(root: Key): HeldBack | undefined {
    return this.#roots.get(keyText(root))?.heldBack;
  }

  holdBack(root: Key, heldBack: HeldBack | undefined): void {
    if (heldBack !== this.heldBack(root)) this.#record(root).heldBack = heldBack;
  }

  /** Of a moment that has passed, and not told yet. */
  passing(root: KubeObject): readonly Note[] {
    const kept = this.#roots.get(keyText(keyOf(root)))?.passing;
    return kept?.uid === root.metadata.uid ? (kept?.notes ?? []) : [];
  }

  keepPassing(root: KubeObject, notes: readonly Note[]): void {
    if (notes.length + this.passing(root).length > 0)
      this.#record(keyOf(root)).passing = { uid: root.metadata.uid, notes };
  }

  forget(root: Key): void {
    this.#roots.delete(keyText(root));
  }

  /** Undefined also where something else was sent last. */
  #sent(root: Key, { resource, key, hash }: Wish): Sent | undefined {
    const sent = this.#roots.get(keyText(root))?.sent.get(slotOf(resource, key));
    return sent?.hash === hash ? sent : undefined;
  }

  /** Undefined also where not all of it was the same. */
  #sentWhole(root: Key, wish: Wish): Sent | undefined {
    const sent = this.#sent(root, wish);
    return sent?.wholeHash === wish.wholeHash ? sent : undefined;
  }

  #record(root: Key): Record {
    const text = keyText(root);
    const record = this.#roots.get(text) ?? {
      expectations: new Map<string, Expectation>(),
      sent: new Map<string, Sent>(),
      expectingSinceMs: 0,
      statusText: undefined,
      heldBack: undefined,
      passing: { uid: undefined, notes: [] },
    };
    this.#roots.set(text, record);
    return record;
  }
}
