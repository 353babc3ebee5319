/** What a benchmark is held to, and what became of it in one run. */
import { spreadText, writeResult, type Result, type Spread } from './measure.ts';

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

/** By the median. */
export const atLeast = (bound: number, what: string, found: Spread | undefined): Verdict =>
  judged(
    `${what}: at least ${String(bound)}`,
    found === undefined ? '' : spreadText(found),
    (found?.median ?? 0) >= bound,
    found !== undefined,
  );

export const atMost = (bound: number, what: string, found: Spread | undefined): Verdict =>
  judged(
    `${what}: at most ${String(bound)}`,
    found === undefined ? '' : spreadText(found),
    (found?.median ?? 0) <= bound,
    found !== undefined,
  );

export function tell(goals: readonly Verdict[]): void {
  const width = Math.max(...goals.map(({ goal }) => goal.length));
  for (const { goal, found, verdict } of goals) console.log(`${verdict.padEnd(9)} ${goal.padEnd(width)} ${found}`);
}

/** The end of a benchmark: says what became of its goals, and writes them with all that it found. */
export function conclude(result: Result & { readonly goals: readonly Verdict[] }): void {
  tell(result.goals);
  writeResult(result);
}
