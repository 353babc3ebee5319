/**
 * Keys waiting for a worker. A key is in at most one place: waiting, delayed, or held by one worker.
 * A key added while it is held is remembered as dirty and waits again when the holder is done, so that bursts
 * collapse to one pass and no two workers ever hold the same key.
 */
import type { Clock } from '../../process/clock.ts';
import { backoffMs, keyBackoff, type BackoffPolicy } from './backoff.ts';

/** High: something changed. Low: first list and resync, which must not delay what changed. */
export type Priority = 'high' | 'low';

export interface Taken {
  readonly key: string;
  /** How long the key waited for a worker. */
  readonly waitedMs: number;
}

interface Delayed {
  readonly dueMs: number;
  readonly cancel: () => void;
}

export class Workqueue {
  readonly #clock: Clock;
  readonly #policy: BackoffPolicy;
  /** Insertion order is the order of service; the value is when the key began to wait. */
  readonly #waiting: Readonly<Record<Priority, Map<string, number>>> = { high: new Map(), low: new Map() };
  readonly #delayed = new Map<string, Delayed>();
  readonly #held = new Set<string>();
  readonly #dirty = new Map<string, Priority>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((taken: Taken | undefined) => void)[] = [];
  #stopped = false;

  constructor(clock: Clock, policy: BackoffPolicy = keyBackoff) {
    this.#clock = clock;
    this.#policy = policy;
  }

  /** Keys that wait for a worker now; delayed and held ones are not counted. */
  get depth(): number {
    return this.#waiting.high.size + this.#waiting.low.size;
  }

  /** How long the key has waited that waits longest; 0 when none waits. */
  get oldestWaitMs(): number {
    let oldestMs = 0;
    const nowMs = this.#clock.monotonicMs();
    for (const level of Object.values(this.#waiting))
      for (const sinceMs of level.values()) oldestMs = Math.max(oldestMs, nowMs - sinceMs);
    return oldestMs;
  }

  /** Keys whose last pass failed. */
  get failing(): number {
    return this.#failures.size;
  }

  /** How often in a row this key has failed. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** Wakes a key now. A key that waits at low priority is moved up; a pending delay stays, as a later look is harmless. */
  add(key: string, priority: Priority = 'high'): void {
    if (this.#stopped) return;
    if (this.#held.has(key)) {
      if (this.#dirty.get(key) !== 'high') this.#dirty.set(key, priority);
      return;
    }
    if (this.#waiting.high.has(key)) return;
    if (this.#waiting.low.has(key) && priority === 'low') return;
    const since = this.#waiting.low.get(key) ?? this.#clock.monotonicMs();
    this.#waiting.low.delete(key);
    this.#waiting[priority].set(key, since);
    this.#serve();
  }

  /** Wakes a key after a time. Of two times for one key the earlier one counts. */
  addAfter(key: string, delayMs: number, priority: Priority = 'high'): void {
    if (this.#stopped) return;
    if (delayMs <= 0) {
      this.add(key, priority);
      return;
    }
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const before = this.#delayed.get(key);
    if (before !== undefined && before.dueMs <= dueMs) return;
    before?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#delayed.delete(key);
      this.add(key, priority);
    });
    this.#delayed.set(key, { dueMs, cancel });
  }

  /** Counts a failure and wakes the key after its back-off, or after `atLeastMs` when that is longer. */
  retry(key: string, atLeastMs = 0): number {
    const failures = this.failures(key) + 1;
    this.#failures.set(key, failures);
    const delayMs = Math.max(atLeastMs, backoffMs(this.#policy, failures, 0));
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key is well again: its next failure starts the back-off anew. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** Holds the next key; undefined once stopped. Whoever takes must call done. */
  take(): Promise<Taken | undefined> {
    if (this.#stopped) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#serve();
    });
  }

  /** Gives the key back; it waits again at once when it was added meanwhile. */
  done(key: string): void {
    this.#held.delete(key);
    const priority = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (priority !== undefined) this.add(key, priority);
  }

  /** Drops what waits and tells every taker. Held keys are finished by their holders. */
  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #serve(): void {
    while (this.#takers.length > 0) {
      const level = this.#waiting.high.size > 0 ? this.#waiting.high : this.#waiting.low;
      const next = level.entries().next();
      if (next.done === true) return;
      const [key, since] = next.value;
      level.delete(key);
      this.#held.add(key);
      this.#takers.shift()?.({ key, waitedMs: this.#clock.monotonicMs() - since });
    }
  }
}
