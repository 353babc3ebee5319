/**
 * Keys that are looked at again and again and come no further, though nothing fails: a name is taken, somebody undoes what is
 * written, or a cache never shows what is known to be there.
 */
import { longestAwayMs } from './deadlines.ts';
import type { Outcome } from './pass.ts';

export const everyHold = ['NameTaken', 'Contested', 'Stale'] as const;
export type Hold = (typeof everyHold)[number];

/** How many keys each holds. */
export type HeldCounts = Readonly<Record<Hold, number>>;

interface Since {
  readonly hold: Hold;
  readonly atMs: number;
}

export class HeldKeys {
  readonly #since = new Map<string, Since>();

  /** What came of a pass over the key. */
  note(key: string, outcome: Outcome, nowMs: number): void {
    const hold = outcome.kind === 'stale' ? 'Stale' : outcome.held;
    const before = this.#since.get(key);
    if (hold === undefined) this.#since.delete(key);
    else if (before?.hold !== hold) this.#since.set(key, { hold, atMs: nowMs });
  }

  /** A cache may lag for as long as a watch may be away. */
  counts(nowMs: number): HeldCounts {
    const counts = { NameTaken: 0, Contested: 0, Stale: 0 };
    for (const { hold, atMs } of this.#since.values())
      if (hold !== 'Stale' || nowMs - atMs > longestAwayMs) counts[hold] += 1;
    return counts;
  }
}
