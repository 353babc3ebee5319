/**
 * Keys waiting for a worker. A key is in at most one place: waiting, delayed, or held by one worker.
 * A key added while it is held is remembered as dirty and waits again when the holder is done, so that bursts
 * collapse to one pass and no two workers ever hold the same key.
 *
 * A key that fails does not make others wait: it comes after all that are as urgent as it and well, and of the workers
 * that there are, those that fail may hold some alone, however slowly they are refused.
 */
import type { Clock } from '../../process/clock.ts';
import { backoffMs, keyBackoff, type BackoffPolicy } from './backoff.ts';

/** High: something changed. Low: first list and resync, which must not delay what changed. */
export type Priority = 'high' | 'low';

export interface Taken {
  readonly key: string;
  /** As urgent as the key was when it was taken. */
  readonly priority: Priority;
  /** How long the key waited for a worker. */
  readonly waitedMs: number;
}

/** How a queue treats keys that fail. */
export interface FailureRules {
  readonly backoff: BackoffPolicy;
  /** Most failing keys that are held at once, at least 1. */
  readonly heldAtOnce: number;
}

const usualRules: FailureRules = { backoff: keyBackoff, heldAtOnce: Infinity };

/** In the order of service: what is urgent before what is not, and of each what is well before what fails. */
const lanes = ['high', 'high failing', 'low', 'low failing'] as const;
type Lane = (typeof lanes)[number];
const laneOf = (priority: Priority, isFailing: boolean): Lane => (isFailing ? `${priority} failing` : priority);
const fails = (lane: Lane): boolean => lane.endsWith('failing');

interface Delayed {
  readonly dueMs: number;
  readonly cancel: () => void;
}

export class Workqueue {
  readonly #clock: Clock;
  readonly #rules: FailureRules;
  /** Insertion order is the order of service; the value is when the key began to wait. */
  readonly #waiting: Readonly<Record<Lane, Map<string, number>>> = {
    ...{ high: new Map(), low: new Map() },
    ...{ 'high failing': new Map(), 'low failing': new Map() },
  };
  readonly #delayed = new Map<string, Delayed>();
  readonly #held = new Set<string>();
  /** Of these, those that had failed when they were taken. */
  readonly #heldFailing = new Set<string>();
  readonly #dirty = new Map<string, Priority>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((taken: Taken | undefined) => void)[] = [];
  #stopped = false;

  constructor(clock: Clock, rules: Partial<FailureRules> = {}) {
    this.#clock = clock;
    this.#rules = { ...usualRules, ...rules };
  }

  /** Keys that wait for a worker now; delayed and held ones are not counted. */
  get depth(): number {
    return lanes.reduce((sum, lane) => sum + this.#waiting[lane].size, 0);
  }

  /** How long the key has waited that waits longest; 0 when none waits. */
  get oldestWaitMs(): number {
    let oldestMs = 0;
    const nowMs = this.#clock.monotonicMs();
    for (const lane of lanes)
      for (const sinceMs of this.#waiting[lane].values()) oldestMs = Math.max(oldestMs, nowMs - sinceMs);
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
    // A key fails or recovers only while it is held: as long as it waits, it is in one of two lanes.
    const isFailing = this.failures(key) > 0;
    const [urgent, calm] = [this.#waiting[laneOf('high', isFailing)], this.#waiting[laneOf('low', isFailing)]];
    if (urgent.has(key)) return;
    if (calm.has(key) && priority === 'low') return;
    const since = calm.get(key) ?? this.#clock.monotonicMs();
    calm.delete(key);
    (priority === 'high' ? urgent : calm).set(key, since);
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

  /**
   * Counts a failure of a key that is held and wakes it, as urgent as it was, after its back-off, or after `atLeastMs`
   * when that is longer. Returns that time in milliseconds. Who was woken before his time goes on waiting for it: events
   * that come and go must not make a back-off longer.
   */
  retry({ key, priority }: Pick<Taken, 'key' | 'priority'>, atLeastMs = 0): number {
    const pending = this.#delayed.get(key);
    const failed = this.failures(key);
    if (pending !== undefined && failed > 0) return pending.dueMs - this.#clock.monotonicMs();
    const failures = failed + 1;
    this.#failures.set(key, failures);
    const delayMs = Math.max(atLeastMs, backoffMs(this.#rules.backoff, failures, 0));
    this.addAfter(key, delayMs, priority);
    return delayMs;
  }

  /** The key failed when it was last looked at, by another process perhaps: it is treated as one that does. */
  suspect(key: string): void {
    if (!this.#failures.has(key)) this.#failures.set(key, 1);
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
    this.#heldFailing.delete(key);
    const priority = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (priority !== undefined) this.add(key, priority);
    // Another one that fails may have waited for this one's place.
    this.#serve();
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
      const lane = this.#nextLane();
      const next = lane === undefined ? undefined : this.#waiting[lane].entries().next().value;
      if (lane === undefined || next === undefined) return;
      const [key, since] = next;
      this.#waiting[lane].delete(key);
      this.#held.add(key);
      if (fails(lane)) this.#heldFailing.add(key);
      const priority = lane.startsWith('high') ? 'high' : 'low';
      this.#takers.shift()?.({ key, priority, waitedMs: this.#clock.monotonicMs() - since });
    }
  }

  #nextLane(): Lane | undefined {
    const isFull = this.#heldFailing.size >= this.#rules.heldAtOnce;
    return lanes.find((lane) => this.#waiting[lane].size > 0 && !(isFull && fails(lane)));
  }
}
