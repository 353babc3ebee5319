/**
 * Keys waiting for a worker. A key is in at most one place: waiting, delayed, or held by one worker.
 * A key added while it is held is remembered as dirty and waits again when the holder is done, so that bursts
 * collapse to one pass and no two workers ever hold the same key.
 *
 * Groups take turns, so that nobody waits for the many of another. A key that fails does not make others wait either: it
 * comes after all that are as urgent as it and well, and of the places that there are, those of one group that fail may
 * hold some alone; a pass that lasts gives up its place, see places.ts.
 */
import type { Clock } from '../../process/clock.ts';
import { backoffMs, keyBackoff, type BackoffPolicy } from './backoff.ts';
import { Places, withoutBounds, type PlaceRules } from './places.ts';
import { Turns } from './turns.ts';

/** High: something changed. Low: first list and resync, which must not delay what changed. */
export type Priority = 'high' | 'low';

export interface Taken {
  readonly key: string;
  /** As urgent as the key was when it was taken. */
  readonly priority: Priority;
  /** How long the key waited for a worker. */
  readonly waitedMs: number;
}

/** How a queue treats keys that fail, and how many it lets be held. */
export interface QueueRules extends PlaceRules {
  readonly backoff: BackoffPolicy;
}

const usualRules: QueueRules = { backoff: keyBackoff, ...withoutBounds };

/** In the order of service: what is urgent before what is not, and of each what is well before what fails. */
const lanes = ['high', 'high failing', 'low', 'low failing'] as const;
type Lane = (typeof lanes)[number];
const laneOf = (priority: Priority, isFailing: boolean): Lane => (isFailing ? `${priority} failing` : priority);
const fails = (lane: Lane): boolean => lane.endsWith('failing');
/** One in so many begins with a later lane, each in its turn: what comes without end to one must not keep the rest waiting for ever. */
const turnAboutEvery = 8;
const later = lanes.slice(1).toReversed();

/** The order in which lanes are asked for the n-th key to be served. */
function lanesFor(nth: number): readonly Lane[] {
  if (nth % turnAboutEvery !== 0) return lanes;
  const first = (nth / turnAboutEvery) % later.length;
  return [...later.slice(first), ...later.slice(0, first), lanes[0]];
}

interface Delayed {
  readonly dueMs: number;
  readonly cancel: () => void;
}

export class Workqueue {
  readonly #clock: Clock;
  readonly #backoff: BackoffPolicy;
  /** With the time at which each began to wait. */
  readonly #waiting: Readonly<Record<Lane, Turns<string>>>;
  readonly #delayed = new Map<string, Delayed>();
  readonly #places: Places;
  readonly #dirty = new Map<string, Priority>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((taken: Taken | undefined) => void)[] = [];
  /** Until a pass becomes slow and gives up its place, where somebody waits for one. */
  #untilPlace: Delayed | undefined;
  #served = 0;
  #stopped = false;

  constructor(clock: Clock, rules: Partial<QueueRules> = {}) {
    this.#clock = clock;
    const { backoff, ...places } = { ...usualRules, ...rules };
    this.#backoff = backoff;
    this.#places = new Places(places);
    const lane = (): Turns<string> => new Turns(places.groupOf);
    this.#waiting = { high: lane(), low: lane(), 'high failing': lane(), 'low failing': lane() };
  }

  /** Keys that wait for a worker now; delayed and held ones are not counted. */
  get depth(): number {
    return lanes.reduce((sum, lane) => sum + this.#waiting[lane].size, 0);
  }

  /** How long the key has waited that waits longest; 0 when none waits. */
  get oldestWaitMs(): number {
    const nowMs = this.#clock.monotonicMs();
    return Math.max(...lanes.map((lane) => nowMs - (this.#waiting[lane].oldest ?? nowMs)));
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
    if (this.#places.has(key)) {
      if (this.#dirty.get(key) !== 'high') this.#dirty.set(key, priority);
      return;
    }
    // A key fails or recovers only while it is held: as long as it waits, it is in one of two lanes.
    const isFailing = this.failures(key) > 0;
    const [urgent, calm] = [this.#waiting[laneOf('high', isFailing)], this.#waiting[laneOf('low', isFailing)]];
    const isNew = urgent.since(key) === undefined && calm.since(key) === undefined;
    if (priority === 'low' && isNew) calm.add(key, this.#clock.monotonicMs());
    if (priority === 'high') {
      urgent.add(key, calm.since(key) ?? this.#clock.monotonicMs());
      calm.delete(key);
    }
    // Whoever may be held now was so before it came, unless it is new.
    if (isNew) this.#serve();
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
    const delayMs = Math.max(atLeastMs, backoffMs(this.#backoff, failures, 0));
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
    this.#places.giveBack(key);
    const priority = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (priority !== undefined) this.add(key, priority);
    // Another one may have waited for this one's place.
    this.#serve();
  }

  /** Drops what waits and tells every taker. Held keys are finished by their holders. */
  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    this.#untilPlace?.cancel();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #serve(): void {
    while (this.#takers.length > 0 && this.depth > 0) {
      const nowMs = this.#clock.monotonicMs();
      const next = this.#next(nowMs);
      if (next === undefined) {
        this.#serveAt(this.#places.nextSlowAtMs(nowMs));
        return;
      }
      const { lane, key, sinceMs } = next;
      this.#served += 1;
      this.#places.take(key, { sinceMs: nowMs, isFailing: fails(lane) });
      const priority = lane.startsWith('high') ? 'high' : 'low';
      this.#takers.shift()?.({ key, priority, waitedMs: nowMs - sinceMs });
    }
  }

  /** It waits no more. */
  #next(nowMs: number): { readonly lane: Lane; readonly key: string; readonly sinceMs: number } | undefined {
    const { isFree, admits } = this.#places.admission(nowMs);
    if (!isFree) return undefined;
    for (const lane of lanesFor(this.#served + 1)) {
      const isFailing = fails(lane);
      const next = this.#waiting[lane].take((group) => admits(group, isFailing));
      if (next !== undefined) return { lane, key: next.one, sinceMs: next.since };
    }
    return undefined;
  }

  #serveAt(dueMs: number): void {
    if (this.#untilPlace !== undefined && this.#untilPlace.dueMs <= dueMs) return;
    this.#untilPlace?.cancel();
    this.#untilPlace = undefined;
    if (dueMs === Infinity) return;
    const cancel = this.#clock.after(dueMs - this.#clock.monotonicMs(), () => {
      this.#untilPlace = undefined;
      this.#serve();
    });
    this.#untilPlace = { dueMs, cancel };
  }
}
