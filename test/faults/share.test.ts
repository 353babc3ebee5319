/** Which plans a life is tried with that does not take them all. Needs no API server. */
import { expect, test } from '@jest/globals';
import { perturbations, watchFaults, type Fault, type FaultPlan } from './plan.ts';
import { isPaged, plansFor, sortOf } from './plans.ts';
import type { Outcome } from './outcome.ts';
import { shareOf } from './share.ts';

const reference: Outcome = {
  ...{ plan: { scenario: 'toy', faults: [] }, befell: [], settled: [], events: [], unheard: [] },
  ...{ afterDeletion: [], podsEver: 0, lots: {}, unguardedDeletions: [], writesAtRest: 0, log: [], requests: [] },
  ...{ writes: 30, deeds: { 'create jobs/toy': 1, 'delete jobs/toy': 1 } },
  frames: new Map([
    ['jobs', 9],
    ['pods', 12],
  ]),
};
const turns = [0, 1, 2, 3, 4];
const some = { perturbations };
const textOf = ({ faults }: FaultPlan): string => JSON.stringify(faults);

test.each(perturbations)('who takes part in all takes all of %s; the others take parts that are all of it', (name) => {
  const plans = plansFor(name, 'toy', reference);
  expect(shareOf({}, 3, name, plans)).toBe(plans);
  const parts = turns.map((turn) => shareOf(some, turn, name, plans));
  for (const part of parts) expect(part.length).toBeGreaterThan(0);
  expect(new Set(parts.flat().map(textOf))).toEqual(new Set(plans.map(textOf)));
});

const shares: readonly (readonly [(typeof perturbations)[number], number])[] = [
  ['crash', 52],
  ['takeover', 24],
  ['delete', 7],
  ['upgrade', 7],
  ['watch', 7],
  ['write answers', 19],
];

test.each(shares)('of plans of %s every life takes about %d, and no two in a row the same', (name, count) => {
  const parts = turns.map((turn) => shareOf(some, turn, name, plansFor(name, 'toy', reference)).map(textOf));
  for (const part of parts) expect(Math.abs(part.length - count)).toBeLessThanOrEqual(1);
  expect(new Set(parts.map((part) => part.join())).size).toBeGreaterThan(1);
});

test('every life meets every fault of a watch, and every sort of answer from its beginning and its first removal on', () => {
  const streamed = (faults: readonly Fault[]): boolean => !faults.some(isPaged);
  for (const turn of turns) {
    const shareIn = (name: 'watch' | 'write answers') =>
      shareOf(some, turn, name, plansFor(name, 'toy', reference)).filter(({ faults }) => streamed(faults));
    const hows = shareIn('watch').flatMap(({ faults }) => faults.map((fault) => fault.kind === 'watch' && fault.how));
    expect(hows).toEqual(watchFaults);
    for (const alike of Map.groupBy(shareIn('write answers'), ({ faults }) => sortOf(faults)).values()) {
      const from = alike.flatMap(({ faults }) => faults.map((fault) => fault.kind === 'answer' && fault.from));
      expect(from.map((at) => typeof at)).toEqual(expect.arrayContaining(['number', 'object']));
      expect(from).toHaveLength(3);
    }
  }
});
