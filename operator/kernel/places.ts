/**
 * Which keys are held by workers, and whether one more may be. A pass that lasts waits for somebody who does not answer:
 * after a second it no longer takes a place from others. So a namespace in which everything is answered late, by a
 * webhook that hangs say, makes others wait for a second at most, even where each of its keys is met for the first time,
 * and those that fail there take no place from those that fail elsewhere. Where many namespaces are like that, each of
 * them holds one key more, so that it takes a dozen to hold every worker.
 */

export interface PlaceRules {
  /** Most keys that are held at once, and most slow ones of one group; slow ones take no place. */
  readonly places: number;
  /** Of those of one group that are known to fail, so many are held at once, slow or not. At least 1. */
  readonly failingAtOnce: number;
  /** Where so many are slow, a group is given another key only if it holds none. */
  readonly slowAtOnce: number;
  /** Keys that may have the same cause to be slow. */
  readonly groupOf: (key: string) => string;
}

export const withoutBounds: PlaceRules = {
  ...{ places: Infinity, failingAtOnce: Infinity, slowAtOnce: Infinity },
  groupOf: (key) => key,
};

/** From then on a pass is slow. */
export const slowMs = 1000;

interface Held {
  readonly sinceMs: number;
  readonly isFailing: boolean;
}

export class Places {
  readonly #rules: PlaceRules;
  /** In the order in which they were taken. */
  readonly #held = new Map<string, Held>();

  constructor(rules: PlaceRules) {
    this.#rules = rules;
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  take(key: string, held: Held): void {
    this.#held.set(key, held);
  }

  giveBack(key: string): void {
    this.#held.delete(key);
  }

  /** Which of those that wait may be held now. */
  admission(nowMs: number): Admission {
    const { places, failingAtOnce, slowAtOnce } = this.#rules;
    const held = [...this.#held];
    const slow = held.filter(([, { sinceMs }]) => nowMs - sinceMs >= slowMs);
    const failing = held.filter(([, { isFailing }]) => isFailing);
    const [all, slowOf, failingOf] = [held, slow, failing].map((some) => this.#countsOf(some)) as [
      Counts,
      Counts,
      Counts,
    ];
    const mostHeld = slow.length < slowAtOnce ? Infinity : 1;
    return {
      isFree: held.length - slow.length < places,
      admits: (group, isFailing) => {
        const isFull = all(group) >= mostHeld || slowOf(group) >= places;
        return !isFull && !(isFailing && failingOf(group) >= failingAtOnce);
      },
    };
  }

  /** When the next pass that is under way becomes slow, on the same clock; Infinity when none does. */
  nextSlowAtMs(nowMs: number): number {
    const quick = [...this.#held.values()].find(({ sinceMs }) => nowMs - sinceMs < slowMs);
    return quick === undefined ? Infinity : quick.sinceMs + slowMs;
  }

  #countsOf(held: readonly (readonly [string, Held])[]): Counts {
    const counts = new Map<string, number>();
    for (const group of held.map(([key]) => this.#rules.groupOf(key))) counts.set(group, (counts.get(group) ?? 0) + 1);
    return (group) => counts.get(group) ?? 0;
  }
}

/** How many keys of a group. */
type Counts = (group: string) => number;

export interface Admission {
  /** Is there a place at all? */
  readonly isFree: boolean;
  /** Is there one for a key of this group, which may be known to fail? */
  readonly admits: (group: string, isFailing: boolean) => boolean;
}
