/** What is planned, and of what a sample is drawn. Needs no API server. */
import { describe, expect, test } from '@jest/globals';
import type { Outcome } from './outcome.ts';
import { crashMoments, perturbations, type Fault, type FaultPlan } from './plan.ts';
import { isPaged, plansFor, sampleOf, sortOf } from './plans.ts';

const reference: Outcome = {
  ...{
    plan: { scenario: 'toy', faults: [] },
    befell: [],
    settled: [],
    afterDeletion: [],
    podsEver: 1,
    lots: {},
    events: [],
    unheard: [],
  },
  ...{ unguardedDeletions: [], writesAtRest: 0, writes: 12, log: [], requests: [] },
  deeds: { 'create jobs/toy': 1, 'create services/toy': 1 },
  frames: new Map([
    ['trainingjobs', 9],
    ['jobs', 9],
    ['pods', 12],
    ['services', 2],
  ]),
};

const isInPages = ({ faults }: FaultPlan): boolean => faults.some(isPaged);
const sortsOf = (plans: readonly FaultPlan[]): ReadonlySet<string> =>
  new Set(plans.map(({ faults }) => sortOf(faults.filter(({ kind }) => kind !== 'pages'))));

describe.each(perturbations)('plans of %s', (perturbation) => {
  const plans = plansFor(perturbation, 'toy', reference);
  const [paged, streamed] = [plans.filter(isInPages), plans.filter((plan) => !isInPages(plan))];

  test('meet pages in each of their sorts', () => {
    expect(streamed.length).toBeGreaterThan(0);
    expect(sortsOf(paged)).toEqual(sortsOf(streamed));
  });

  test('meet pages in one of six at least, and are tried with streams as well', () => {
    expect(paged.length).toBeGreaterThanOrEqual(Math.floor(streamed.length / 6));
    const texts = new Set(streamed.map(({ faults }) => JSON.stringify(faults)));
    const twins = paged.map(({ faults }) => JSON.stringify(faults.filter(({ kind }) => kind !== 'pages')));
    expect(twins.filter((text) => !texts.has(text))).toEqual([]);
  });
});

test('sorts are told apart by what befalls, and not by where', () => {
  const sorts = (perturbation: (typeof perturbations)[number]): number =>
    sortsOf(plansFor(perturbation, 'toy', reference)).size;
  expect([sorts('crash'), sorts('write answers'), sorts('watch'), sorts('credentials')]).toEqual([3, 6, 6, 3]);
  expect([sorts('takeover'), sorts('delete'), sorts('stale cache')]).toEqual([4, 2, 4]);
});

test('answers go wrong from the beginning on, from a third, two thirds, and the first removal of each kind on', () => {
  const removed = { 'delete jobs/toy-a1': 1, 'delete podgroups/toy-a1': 2, 'delete in vain services/toy': 1 };
  const removing = { ...reference, deeds: { ...reference.deeds, ...removed } };
  const beginningsOf = (outcome: Outcome): readonly (readonly unknown[])[] => {
    const streamed = plansFor('write answers', 'toy', outcome).filter((plan) => !isInPages(plan));
    const alike = Map.groupBy(streamed, ({ faults }) => sortOf(faults));
    const from = (fault: Fault): unknown => (fault.kind === 'answer' ? fault.from : undefined);
    return [...alike.values()].map((plans) => plans.flatMap(({ faults }) => faults.map(from)));
  };
  const named = (resource: string) => ({ verb: 'DELETE', resource, nth: 1 });
  const [numbered, all] = [beginningsOf(reference), beginningsOf(removing)];
  expect([numbered.length, all.length]).toEqual([6, 6]);
  expect(numbered.map(([first]) => first)).toEqual([2, 2, 1, 1, 1, 5]);
  for (const [, ...late] of numbered) expect(new Set(late)).toEqual(new Set([4, 8]));
  for (const [, ...late] of all) expect(new Set(late)).toEqual(new Set([4, 8, named('jobs'), named('podgroups')]));
});

test('a sample has a crash at each moment, whatever its turn', () => {
  const plans = plansFor('crash', 'toy', reference);
  for (let turn = 0; turn < 30; turn += 1) {
    const moments = sampleOf(plans, 'crash', turn).map((seat) =>
      seat.map(({ faults }) => faults.flatMap((fault) => (fault.kind === 'crash' ? [fault.moment] : []))),
    );
    expect(moments.map((seat) => [...new Set(seat.flat())])).toEqual(crashMoments.map((moment) => [moment]));
  }
});
