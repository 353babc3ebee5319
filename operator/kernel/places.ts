/**
 * Which keys are held by workers, and whether one more may be. A pass that lasts waits for somebody who does not answer:
 * after a second it no longer takes a place from others. So a namespace in which everything is answered late, by a
 * webhook that hangs say, makes others wait for a second at most, even where each of its keys is met for the first time.
 */

export interface PlaceRules {
  /** Most keys that are held at once, and most slow ones of one group; slow ones take no place. */
  readonly places: number;
  /** Of those that are known to fail, so many are held at once, slow or not. At least 1. */
  readonly failingAtOnce: number;
  /** Keys that may have the same cause to be slow. */
  readonly groupOf: (key: string) => string;
}

export const withoutBounds: PlaceRules = { places: Infinity, failingAtOnce: Infinity, groupOf: (key) => key };

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
    const slow = [...this.#held].filter(([, { sinceMs }]) => nowMs - sinceMs >= slowMs);
    const failing = [...this.#held.values()].filter(({ isFailing }) => isFailing).length;
    const isFree = this.#held.size - slow.length < this.#rules.places;
    const full = this.#fullGroups(slow.map(([key]) => key));
    const { groupOf } = this.#rules;
    return {
      well: isFree,
      failing: isFree && failing < this.#rules.failingAtOnce,
      admits: full.size === 0 ? () => true : (key) => !full.has(groupOf(key)),
    };
  }

  /** When the next pass that is under way becomes slow, on the same clock; Infinity when none does. */
  nextSlowAtMs(nowMs: number): number {
    const quick = [...this.#held.values()].find(({ sinceMs }) => nowMs - sinceMs < slowMs);
    return quick === undefined ? Infinity : quick.sinceMs + slowMs;
  }

  #fullGroups(slow: readonly string[]): ReadonlySet<string> {
    const { groupOf, places } = this.#rules;
    const counts = new Map<string, number>();
    for (const group of slow.map(groupOf)) counts.set(group, (counts.get(group) ?? 0) + 1);
    return new Set([...counts].filter(([, count]) => count >= places).map(([group]) => group));
  }
}

export interface Admission {
  /** Is there a place for a key that is well, and for one that fails? */
  readonly well: boolean;
  readonly failing: boolean;
  /** Is there one for this key's group? */
  readonly admits: (key: string) => boolean;
}
