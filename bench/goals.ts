/** What a benchmark is held to, and what became of it in one run. */
import type { Spread } from './measure.ts';

export interface Verdict {
  readonly goal: string;
  readonly found: string;
  /** A goal is about a size: a smaller run shows figures, and no verdict. */
  readonly verdict: 'reached' | 'missed' | 'not tried';
}

export const judged = (goal: string, found: string, isReached: boolean, isFullSize = true): Verdict => ({
  ...{ goal, found },
  verdict: isFullSize ? (isReached ? 'reached' : 'missed') : 'not tried',
});

const text = ({ median, low, high }: Spread): string => `${String(median)} (${String(low)}..${String(high)})`;

/** By the median. */
export const atLeast = (bound: number, what: string, found: Spread | undefined): Verdict =>
  judged(
    `${what}: at least ${String(bound)}`,
    found === undefined ? '' : text(found),
    (found?.median ?? 0) >= bound,
    found !== undefined,
  );

export const atMost = (bound: number, what: string, found: Spread | undefined): Verdict =>
  judged(
    `${what}: at most ${String(bound)}`,
    found === undefined ? '' : text(found),
    (found?.median ?? 0) <= bound,
    found !== undefined,
  );

export function tell(goals: readonly Verdict[]): void {
  const width = Math.max(...goals.map(({ goal }) => goal.length));
  for (const { goal, found, verdict } of goals) console.log(`${verdict.padEnd(9)} ${goal.padEnd(width)} ${found}`);
}
