/** What a run is said to have covered. Needs no API server. */
import { expect, test } from '@jest/globals';
import { leadershipOf, timesFrom, timesOf, type Covered } from './coverage.ts';

const lives = [3, 200, 5].map((seconds) => ({ seconds, plan: `plan of ${String(seconds)} s` }));
const covered = (scenario: string, some: typeof lives): Covered => ({
  ...{ scenario, perturbation: 'crash', plans: 3, reached: 3, converged: 3, quiet: 3, idle: [] },
  took: timesFrom(some),
});

test('the plan that took longest is named beside what is usual, of all lives of a perturbation', () => {
  const table = timesOf([covered('one', lives), covered('other', lives.slice(0, 1))]);
  expect(table.split('\n').slice(2)).toEqual(['| crash | 3 to 5 s | 200 s | plan of 200 s |']);
});

test('every scene of a takeover is told, and in how many the goal was reached', () => {
  const scene = (befell: string, seconds: number, goalSeconds?: number) => ({
    befell,
    seconds,
    goalSeconds,
    usurpations: 0,
  });
  const table = leadershipOf([scene('killed', 21, 20), scene('killed', 15, 20), scene('asked', 6, 5), scene('cut', 9)]);
  expect(table.split('\n').slice(2)).toEqual([
    '| killed | 21.0 s, then 15.0 s | at most 20 s: reached in 1 of 2 | 0, then 0 |',
    '| asked | 6.0 s | at most 5 s: missed | 0 |',
    '| cut | 9.0 s |  | 0 |',
  ]);
});
