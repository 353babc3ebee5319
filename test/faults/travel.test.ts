/** Journeys into the past, and who is counted as deceived by them. Needs no API server. */
import { expect, test } from '@jest/globals';
import { deedsOf } from './deeds.ts';
import { Interference } from './interference.ts';
import type { Fault } from './plan.ts';
import { plansFor } from './plans.ts';
import type { Outcome } from './outcome.ts';
import { Trace } from './trace.ts';

const back: Fault = { kind: 'time travel', resource: 'jobs', before: 2, to: 3, lists: 2 };
const born: Fault = { kind: 'born in the past', resource: 'jobs', before: 1, to: 2, forMs: 60_000 };

interface Told {
  readonly trace: Trace;
  readonly interference: Interference;
  readonly verdicts: readonly string[];
}

/** Frames of these versions, one after the other. */
async function told(fault: Fault, versions: readonly string[]): Promise<Told> {
  const trace = new Trace();
  const interference = new Interference({ scenario: 'toy', faults: [fault] }, trace);
  const verdicts: string[] = [];
  for (const version of versions) verdicts.push(await interference.frame('jobs', version));
  return { trace, interference, verdicts };
}

const listOf = ({ trace, interference }: Told, plural = 'jobs', root = '') => {
  const url = `/apis/batch/v1/${plural}?limit=500&labelSelector=limbeck.dev%2Froot${root}`;
  return interference.read(trace.begin({ method: 'GET', url, body: '' }, 1));
};
const watchOf = ({ trace, interference }: Told) =>
  interference.read(
    trace.begin({ method: 'GET', url: '/apis/batch/v1/jobs?watch=true&resourceVersion=7', body: '' }, 1),
  );

test('who has been told a frame is shown what was before it, as often as planned, and then the truth', async () => {
  const life = await told(back, ['5', '7', '9']);
  expect(life.verdicts).toEqual(['pass', 'pass', 'told, then gone']);
  expect(listOf(life, 'services').exactVersion).toBeUndefined();
  expect(listOf(life, 'jobs', '%3D405d49ab').exactVersion).toBeUndefined();
  expect([listOf(life), listOf(life), listOf(life)].map(({ exactVersion }) => exactVersion)).toEqual([
    '6',
    '6',
    undefined,
  ]);
});

test('who comes after a death is shown the past once, and what has happened since must wait', async () => {
  const life = await told(born, ['5', '7']);
  expect(life.verdicts).toEqual(['pass', 'told, then dead']);
  expect(life.interference.isTravelling).toBe(true);
  expect(listOf(life).exactVersion).toBe('4');
  expect(watchOf(life).waitMs).toBeGreaterThan(0);
  expect(watchOf(life).refuse).toBeUndefined();
});

test('nobody travels to what is not past', async () => {
  const { verdicts, interference } = await told({ ...back, before: 1, to: 2 }, ['9', '5']);
  expect(verdicts).toEqual(['pass', 'pass']);
  expect(interference.isTravelling).toBe(false);
});

const reference: Outcome = {
  ...{ plan: { scenario: 'toy', faults: [] }, befell: [], settled: [], events: [], unheard: [] },
  ...{ afterDeletion: [], deeds: {}, podsEver: 0, lots: {}, unguardedDeletions: [] },
  ...{ writesAtRest: 0, writes: 4, log: [], requests: [] },
  frames: new Map([
    ['jobs', 9],
    ['pods', 1],
  ]),
};

test('every plan of a journey goes back, and those who are there have heard of something newer than what they are shown', () => {
  for (const perturbation of ['time travel', 'born in the past'] as const)
    for (const { faults } of plansFor(perturbation, 'toy', reference)) {
      const journey = faults.find((fault) => 'before' in fault)!;
      expect(journey.before).toBeLessThanOrEqual(journey.to);
      expect(journey.before).toBeGreaterThan(0);
      expect(perturbation === 'born in the past' || journey.to > 1).toBe(true);
    }
});

test('what was deleted under the name of another counts as in vain, and a conflict about a version as nothing', () => {
  const message = (of: string): string => `Precondition failed: ${of} in precondition: 1, ${of} in object meta: 2`;
  const asked = { method: 'DELETE', resource: 'jobs', name: 'toy', body: '', status: 409 };
  expect(deedsOf([{ ...asked, answer: message('UID') }])).toEqual({ 'delete in vain jobs/toy': 1 });
  expect(deedsOf([{ ...asked, answer: message('ResourceVersion') }])).toEqual({});
});
