import { describe, expect, test } from '@jest/globals';
import { deadlineAtMs, isPastDeadline, pauseMs } from '../../../operator/workloads/pauses.ts';
import type { Attempt } from '../../../operator/workloads/run.ts';
import { ago, now, pastAttempt, teacherJob } from '../../support/runs.ts';

const history = (...outcomes: readonly Attempt['outcome'][]): readonly Attempt[] =>
  outcomes.map((outcome, at) => pastAttempt(at + 1, outcome, 60));

test.each([
  [[], 0],
  [['Failed'], 0],
  [['Failed', 'Failed'], 10_000],
  [['Failed', 'Waiting', 'Failed', 'Failed'], 20_000],
  [['Failed', 'Failed', 'Failed', 'Failed', 'Failed'], 40_000],
  [['Preempted'], 0],
  [['Preempted', 'Preempted'], 10_000],
  [['Failed', 'Failed', 'Preempted'], 0],
  [['Waiting'], 10_000],
  [['Waiting', 'Waiting', 'Waiting'], 40_000],
  [['Waiting', 'Waiting', 'Waiting', 'Waiting', 'Waiting', 'Waiting'], 300_000],
  [['Failed', 'Failed', 'Suspended'], 0],
] as const)('after %j the pause is %i ms', (outcomes, pause) => {
  expect(pauseMs(history(...outcomes))).toBe(pause);
});

describe('a deadline', () => {
  const job = teacherJob({ retry: { limit: 3, deadlineSeconds: 100 } });
  const attempts = [pastAttempt(1, 'Failed', 500), { number: 2, startedAt: ago(20) }];

  test('is what all attempts together have left', () => {
    expect(deadlineAtMs(job, attempts, now)).toBe(now.getTime() + 50_000);
    expect(isPastDeadline(job, attempts, now)).toBe(false);
    expect(isPastDeadline(job, attempts, new Date(now.getTime() + 50_000))).toBe(true);
  });

  test('counts what attempts ran that are no longer listed', () => {
    const long = teacherJob({ retry: { limit: 3, deadlineSeconds: 100 } }, { earlierRunSeconds: 40 });
    expect(deadlineAtMs(long, attempts, now)).toBe(now.getTime() + 10_000);
  });

  test('is not there unless it is asked for', () => {
    const free = teacherJob({ retry: { limit: 3 } });
    expect([deadlineAtMs(free, attempts, now), isPastDeadline(free, attempts, now)]).toEqual([undefined, false]);
  });
});
