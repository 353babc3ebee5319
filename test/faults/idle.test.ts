/** Which plans may be idle. Needs no API server. */
import { expect, test } from '@jest/globals';
import { idleAtMost, missed } from './idle.ts';
import type { Fault, FaultPlan } from './plan.ts';

const plan = (...faults: readonly Fault[]): FaultPlan => ({ scenario: 'toy', faults });
const crash = (write: number): Fault => ({ kind: 'crash', write, moment: 'before' });
const takeover = (write: number, lagging: string): Fault => ({ kind: 'takeover', write, lagging, forMs: 1500 });
const named: Fault = { kind: 'crash', write: { verb: 'POST', resource: 'jobs', nth: 1 }, moment: 'before' };

const crashes = Array.from({ length: 12 }, (_, index) => plan(crash(index + 1)));

test('a plan for a write that two runs without faults have made must come to pass, but for the last two of them', () => {
  const idle = [crash(9), crash(10), crash(11), crash(12)].map((fault) => plan(fault));
  expect(missed(crashes, idle, 12)).toEqual({ sure: [idle[0], idle[1]], others: [idle[2]] });
  expect(missed(crashes, idle, 10)).toEqual({ sure: [], others: idle.slice(0, 3) });
  expect(missed(crashes, [plan({ kind: 'pages' }, crash(2))], 12).sure).toHaveLength(1);
});

test('answers that go wrong late, and at a removal, must come to pass like all that waits for a write', () => {
  const answer = { kind: 'answer', status: 500, every: 1, times: 5, committed: true } as const;
  const [late, last] = [plan({ ...answer, from: 8 }), plan({ ...answer, from: 12 })];
  const removal = plan({ ...answer, from: { verb: 'DELETE', resource: 'jobs', nth: 1 } });
  const idle = [late, last, removal];
  expect(missed(idle, idle, 12)).toEqual({ sure: [late, removal], others: [] });
});

test('where it depends on how a run goes on, or on a watch, a share may be idle', () => {
  const uncertain = [
    plan(crash(2), crash(5)),
    plan(takeover(2, 'pods')),
    plan({ kind: 'stale', resource: 'pods', frame: 3, forMs: 1500 }),
    plan(named),
  ];
  expect(missed([...crashes, ...uncertain], uncertain, 12)).toEqual({ sure: [], others: uncertain });
  const all = plan(takeover(2, 'everything'));
  expect(missed([...crashes, all], [all], 12)).toEqual({ sure: [all], others: [] });
});

test('of plans without a write none is the last', () => {
  const absence = plan({ kind: 'absence' });
  expect(missed([absence], [absence], 12).others).toEqual([absence]);
  expect(idleAtMost('absence', 2)).toBe(0);
});
