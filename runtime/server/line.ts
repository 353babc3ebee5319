/**
 * Who is next in a line of several priorities. Pure: no clock, no timer.
 *
 * A level of priority is worth a second: it stands as if it had come a second earlier than the next lower one. So the urgent
 * overtakes, and nobody starves: whoever waits is overtaken only by those who come within so many seconds as there are levels
 * between them.
 */

/** From the most urgent to the least; what says nothing stands in the middle. */
export const levels = { first: 1, usual: 5, last: 9 } as const;

/** What a level is worth, in milliseconds of waiting. */
export const levelMs = 1000;

/** The level of what a caller calls a priority: beyond either end is the end. */
export function levelOf(priority: number): number {
  return Math.min(levels.last, Math.max(levels.first, priority));
}

/** What stands in a line. */
export interface Standing {
  /** When it came, in milliseconds; never less than that of what came before it. */
  readonly since: number;
  /** A whole number from `levels.first` to `levels.last`. */
  readonly level: number;
}

const turnOf = ({ since, level }: Standing): number => since + level * levelMs;

/** First come, first served. Taking from the head of a long line must not move the rest. */
class Lane<T> {
  /** What was taken is let go of at once, since tensors hang on it. */
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  get all(): readonly T[] {
    return this.#items.filter((item) => item !== undefined);
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): void {
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head < this.#items.length && this.#head <= 1024) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  keep(items: T[]): void {
    this.#items = items;
    this.#head = 0;
  }
}

/** A line; see the head of the file. */
export class Line<T extends Standing> {
  /** By level; what nobody has asked for is not there. */
  readonly #lanes: (Lane<T> | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whose turn it is. */
  get first(): T | undefined {
    return this.#next()?.first;
  }

  push(item: T): void {
    const lane = (this.#lanes[item.level] ??= new Lane());
    lane.push(item);
    this.#size += 1;
  }

  /** Takes whose turn it is. */
  shift(): T | undefined {
    const lane = this.#next();
    const item = lane?.first;
    if (lane === undefined || item === undefined) return undefined;
    lane.shift();
    this.#size -= 1;
    return item;
  }

  /** Takes everybody of whom it is true, wherever they stand. */
  remove(isGone: (item: T) => boolean): readonly T[] {
    const gone: T[] = [];
    for (const lane of this.#lanes) {
      if (lane === undefined) continue;
      const kept: T[] = [];
      for (const item of lane.all) (isGone(item) ? gone : kept).push(item);
      if (kept.length < lane.size) lane.keep(kept);
    }
    this.#size -= gone.length;
    return gone;
  }

  /** Everybody, level by level. */
  get all(): readonly T[] {
    return this.#lanes.flatMap((lane) => lane?.all ?? []);
  }

  /** The lane whose first has its turn; of two at once, the more urgent. */
  #next(): Lane<T> | undefined {
    let next: Lane<T> | undefined;
    let turn = Infinity;
    for (const lane of this.#lanes) {
      const first = lane?.first;
      if (first === undefined || turnOf(first) >= turn) continue;
      next = lane;
      turn = turnOf(first);
    }
    return next;
  }
}
