/**
 * Load over time → averages. Load is a step function: each sample holds until the next. It is kept in buckets of half
 * a second, so that memory is fixed whatever the pace of samples. A time of which nothing is known is unknown, never
 * zero: it counts neither as load nor as idleness, and `covered` says how much of a window is known.
 */

/** The load of one service over a time: requests at a replica plus requests held. */
export interface Average {
  /** Mean load over the known part of the window; undefined when nothing of it is known. */
  readonly mean: number | undefined;
  /** Known share of the window, 0 to 1. */
  readonly covered: number;
}

const bucketMs = 500;
const ringSize = 128;
/** Longest window that can be asked for. */
export const longestWindowMs = bucketMs * (ringSize - 4);

export class Window {
  /** Per bucket: load × ms, known ms, lowest load. A slot belongs to bucket number `#owner[slot]`. */
  readonly #area = new Float64Array(ringSize);
  readonly #known = new Float64Array(ringSize);
  readonly #lowest = new Float64Array(ringSize).fill(Number.POSITIVE_INFINITY);
  readonly #owner = new Float64Array(ringSize).fill(-1);
  #load: number | undefined;
  /** Since when the load is what it is. */
  #sinceMs: number;
  /** Up to here the load is in the buckets. */
  #atMs: number;

  /** Nothing is known before `nowMs`. */
  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
    this.#atMs = nowMs;
  }

  /** From `nowMs` on the load is this; undefined: it is not known. */
  observe(load: number | undefined, nowMs: number): void {
    if (load === this.#load) return;
    this.#advance(nowMs);
    this.#load = load;
    this.#sinceMs = nowMs;
  }

  /** Mean load over the last `windowMs`. */
  average(windowMs: number, nowMs: number): Average {
    // Of thousands of services most are asked by nobody, and each is looked at every two seconds.
    if (this.#load !== undefined && this.#heldThroughout(windowMs, nowMs)) return { mean: this.#load, covered: 1 };
    this.#advance(nowMs);
    let area = 0;
    let known = 0;
    for (const { slot, share } of this.#slots(windowMs, nowMs)) {
      area += (this.#area[slot] ?? 0) * share;
      known += (this.#known[slot] ?? 0) * share;
    }
    return { mean: known > 0 ? area / known : undefined, covered: Math.min(1, known / windowMs) };
  }

  /** The load that was there throughout the last `windowMs`; undefined when part of it is unknown. */
  sustained(windowMs: number, nowMs: number): number | undefined {
    if (this.#load === undefined || this.average(windowMs, nowMs).covered < 0.999) return undefined;
    if (this.#heldThroughout(windowMs, nowMs)) return this.#load;
    let lowest = this.#load;
    for (const { slot } of this.#slots(windowMs, nowMs)) lowest = Math.min(lowest, this.#lowest[slot] ?? lowest);
    return lowest;
  }

  #heldThroughout(windowMs: number, nowMs: number): boolean {
    return this.#sinceMs <= nowMs - windowMs;
  }

  /** Spreads the load that held since the last sample over the buckets in between. */
  #advance(nowMs: number): void {
    let from = Math.max(this.#atMs, nowMs - bucketMs * (ringSize - 1));
    while (from < nowMs) {
      const bucket = Math.floor(from / bucketMs);
      const to = Math.min(nowMs, (bucket + 1) * bucketMs);
      this.#add(bucket, to - from);
      from = to;
    }
    this.#atMs = Math.max(this.#atMs, nowMs);
  }

  #add(bucket: number, ms: number): void {
    const slot = bucket % ringSize;
    if (this.#owner[slot] !== bucket) {
      this.#owner[slot] = bucket;
      this.#area[slot] = 0;
      this.#known[slot] = 0;
      this.#lowest[slot] = Number.POSITIVE_INFINITY;
    }
    if (this.#load === undefined) return;
    this.#area[slot] = (this.#area[slot] ?? 0) + this.#load * ms;
    this.#known[slot] = (this.#known[slot] ?? 0) + ms;
    this.#lowest[slot] = Math.min(this.#lowest[slot] ?? this.#load, this.#load);
  }

  /** Slots of the window, with the share of each that lies inside it: only the oldest is cut. */
  *#slots(windowMs: number, nowMs: number): Generator<{ slot: number; share: number }> {
    const startMs = nowMs - windowMs;
    for (let bucket = Math.max(0, Math.floor(startMs / bucketMs)); bucket * bucketMs < nowMs; bucket++) {
      const slot = bucket % ringSize;
      if (this.#owner[slot] !== bucket) continue;
      const share = Math.min(1, bucket + 1 - startMs / bucketMs);
      if (share > 0) yield { slot, share };
    }
  }
}
