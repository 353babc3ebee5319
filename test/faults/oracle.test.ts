/** The oracle itself: what it must complain about, and of whom. Needs no API server. */
import { expect, test } from '@jest/globals';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { stateOf } from './end-state.ts';
import { complaints } from './oracle.ts';
import type { Outcome } from './outcome.ts';
import type { Fault } from './plan.ts';

const crash: Fault = { kind: 'crash', write: 1, moment: 'committed' };
const again: Fault = { kind: 'crash', write: 3, moment: 'before' };
const deletion: Fault = { kind: 'delete', write: 2, recreate: false };

const undisturbed: Outcome = {
  ...{ plan: { scenario: 'toy', faults: [] }, befell: [], settled: ['as it should be'], afterDeletion: [] },
  ...{ deeds: { 'create jobs/toy': 1 }, podsEver: 1, lots: {}, unguardedDeletions: [], writesAtRest: 0 },
  ...{ events: [], unheard: [] },
  ...{ writes: 3, frames: new Map(), log: [], requests: [] },
};

const disturbed = (faults: readonly Fault[], befell: readonly Fault[], more: Partial<Outcome> = {}): Outcome => ({
  ...undisturbed,
  ...{ plan: { scenario: 'toy', faults }, befell },
  ...more,
});

const wrong: readonly (readonly [string, Partial<Outcome>])[] = [
  ['the end state differs', { settled: ['something else'] }],
  ['something is left after deletion', { afterDeletion: ['a Service'] }],
  ['creations and deletions differ', { deeds: { 'create jobs/toy': 2 } }],
  ['creations and deletions differ', { podsEver: 2 }],
  ['deleted without a UID', { unguardedDeletions: ['jobs/toy'] }],
  ['an operator ended by itself', { deaths: ['before it led: TypeError'] }],
  ['an operator ended by itself', { stuck: 'it never settled', deaths: ['before it led: TypeError'] }],
  ['1 writes at rest', { writesAtRest: 1 }],
  ['it never settled', { stuck: 'it never settled' }],
];

test.each(wrong)('%s: of whatever came to pass of a plan', (complaint, more) => {
  for (const befell of [[], [crash], [crash, again]])
    expect(complaints(undisturbed, disturbed([crash, again], befell, more)).join()).toContain(complaint);
});

test('nothing, where all is as it was without faults', () => {
  for (const befell of [[], [crash], [crash, again]])
    expect(complaints(undisturbed, disturbed([crash, again], befell))).toEqual([]);
});

test('a deletion that never came to pass leaves the object there', () => {
  const gone: Partial<Outcome> = { settled: [], deeds: {} };
  expect(complaints(undisturbed, disturbed([deletion], [deletion], gone))).toEqual([]);
  expect(complaints(undisturbed, disturbed([deletion], [], gone))).not.toEqual([]);
  expect(complaints(undisturbed, disturbed([deletion], []))).toEqual([]);
});

const lot = (vain: number, podsEver: number): Partial<Outcome> => ({
  ...{ deeds: { 'create jobs/toy': 1, 'delete in vain jobs/toy': vain }, podsEver },
});

test('a removal in vain is forgiven where the API server was wrong about that very one, however late watches are', () => {
  const vain: Partial<Outcome> = { deeds: { 'create jobs/toy': 1, 'delete in vain jobs/toy': 1 } };
  const lie: Fault = { kind: 'answer', status: 500, from: 1, every: 1, times: 1, committed: true };
  const unseen: Fault = { kind: 'unobserved', resource: 'jobs', frame: 3, forMs: 1000 };
  const misled = (object: string): Partial<Outcome> => ({ ...vain, misled: { [`delete in vain ${object}`]: 1 } });
  expect(complaints(undisturbed, disturbed([lie], [lie], misled('jobs/toy')))).toEqual([]);
  expect(complaints(undisturbed, disturbed([lie], [lie], misled('jobs/other')))).not.toEqual([]);
  expect(complaints(undisturbed, disturbed([lie], [lie], vain))).not.toEqual([]);
  for (const fault of [crash, unseen])
    expect(complaints(undisturbed, disturbed([fault], [fault], vain))).not.toEqual([]);
});

test('who takes over and does not see all may remove in vain, and let fewer pods be born, and no more than that', () => {
  const takeover: Fault = { kind: 'takeover', write: 1, lagging: 'pods', forMs: 1000 };
  expect(complaints(undisturbed, disturbed([takeover], [takeover], lot(1, 0)))).toEqual([]);
  expect(complaints(undisturbed, disturbed([takeover], [takeover], lot(0, 2)))).not.toEqual([]);
  expect(complaints(undisturbed, disturbed([takeover], [takeover], { deeds: {} }))).not.toEqual([]);
});

test('who is born in the past may remove in vain, and no more than that', () => {
  const born: Fault = { kind: 'born in the past', resource: 'jobs', before: 1, to: 2, forMs: 1000 };
  expect(complaints(undisturbed, disturbed([born], [born], lot(1, 1)))).toEqual([]);
  expect(complaints(undisturbed, disturbed([born], [born], lot(4, 1)))).not.toEqual([]);
  expect(complaints(undisturbed, disturbed([born], [born], lot(1, 0)))).not.toEqual([]);
});

test('who knows better has refused every list from the past', () => {
  const travel: Fault = { kind: 'time travel', resource: 'jobs', before: 1, to: 2, lists: 2 };
  const refusal = '1: list from the past refused {"resource":"jobs.v1.batch"}';
  expect(complaints(undisturbed, disturbed([travel], [travel], { log: [refusal, refusal] }))).toEqual([]);
  expect(complaints(undisturbed, disturbed([travel], [travel], { log: [refusal] })).join()).toContain('was believed');
  expect(complaints(undisturbed, disturbed([travel], []))).toEqual([]);
});

const failed = '1: pass failed {"controller":"training","error":"x is not a function","stack":"TypeError: x"}';
const unheard = '2: change listener failed {"resource":"jobs.v1.batch","error":"x is not a function"}';
const refused = '1: pass failed {"controller":"training","error":"403 Forbidden"}';

test.each([failed, unheard])('a bug that a later try covers up shows in the log: %s', (line) => {
  const told = complaints(undisturbed, disturbed([crash], [crash], { log: [refused, line] }));
  expect(told.join()).toContain(line);
  expect(told.join()).not.toContain(refused);
});

test('in a namespace that is emptied a child may be made once more for a root that goes, and for no other', () => {
  const emptied: Fault = { kind: 'terminate', write: 1 };
  const made = (times: number): Partial<Outcome> => ({
    ...{ heir: 'new', deeds: {} },
    lots: {
      old: { deeds: { 'create jobs/toy': times }, podsEver: 1 },
      new: { deeds: { 'create jobs/toy': 1 }, podsEver: 1 },
    },
  });
  expect(complaints(undisturbed, disturbed([emptied], [emptied], made(2)))).toEqual([]);
  expect(complaints(undisturbed, disturbed([emptied], [emptied], made(3)))).not.toEqual([]);
  expect(complaints(undisturbed, disturbed([deletion], [deletion], { ...made(2), settled: [] }))).not.toEqual([]);
});

test('a status of another generation is out of date, even where that of the run without faults is, too', () => {
  const root = (generation: number, observed: number): KubeObject & { readonly status: object } => ({
    ...{ apiVersion: 'limbeck.dev/v1alpha1', kind: 'TrainingJob', metadata: { name: 'toy', generation } },
    status: { observedGeneration: observed, conditions: [{ type: 'Accepted', observedGeneration: observed }] },
  });
  const settled = (generation: number, observed: number): Partial<Outcome> => ({
    settled: stateOf([root(generation, observed)], 'toys'),
  });
  const [fresh, late] = [disturbed([], [], settled(1, 1)), disturbed([], [], settled(3, 2))];
  expect(complaints(fresh, disturbed([crash], [crash], settled(3, 3)))).toEqual([]);
  expect(complaints(fresh, disturbed([crash], [crash], settled(3, 2))).join()).toContain('the end state differs');
  expect(complaints(late, late).join()).toContain('a status is out of date');
});
