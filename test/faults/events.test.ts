/** Which events must have been told, and which a run may lack. Needs no API server. */
import { expect, test } from '@jest/globals';
import { keptFrom, toldBy, unsaid, type Event, type Told } from './events.ts';
import { complaints } from './oracle.ts';
import type { Outcome } from './outcome.ts';
import type { Fault } from './plan.ts';
import { Trace } from './trace.ts';

const crash: Fault = { kind: 'crash', write: 1, moment: 'committed' };
const told = (text: string, about = 'old', reason = 'GatesPassed'): Told => ({ about, reason, text });

const undisturbed: Outcome = {
  ...{ plan: { scenario: 'toy', faults: [] }, befell: [], settled: [], events: [told('it ended')], unheard: [] },
  ...{ afterDeletion: [], deeds: {}, podsEver: 0, lots: {}, unguardedDeletions: [], writesAtRest: 0 },
  ...{ writes: 3, frames: new Map(), log: [], requests: [] },
};

const disturbed = (fault: Fault, more: Partial<Outcome>): Outcome => ({ ...undisturbed, befell: [fault], ...more });

const answer = (status: 403 | 409 | 429 | 500, committed = false): Fault => ({
  ...{ kind: 'answer', status, from: 1, every: 1, times: 1, committed },
});

const silent: readonly (readonly [string, Fault])[] = [
  ['a crash', crash],
  ['an API server that fails once', answer(500, true)],
  ['one that wants to be asked later', answer(429)],
  ['a quota', { kind: 'quota', counts: 'pods' }],
];

test.each(silent)('%s leaves no event unsaid', (_, fault) => {
  const lost = disturbed(fault, { events: [], unheard: [told('it ended')] });
  expect(unsaid(undisturbed, lost)).toEqual(['it ended']);
  expect(complaints(undisturbed, lost).join()).toContain('events were not told');
  expect(unsaid(undisturbed, disturbed(fault, { events: [told('and more'), told('it ended')] }))).toEqual([]);
});

test.each([403, 409] as const)('what is answered %d is not said again; what was not asked for is missed', (status) => {
  const lost = { events: [], unheard: [told('it ended')] };
  expect(unsaid(undisturbed, disturbed(answer(status), lost))).toEqual([]);
  expect(unsaid(undisturbed, disturbed(answer(status), { ...lost, unheard: [] }))).toEqual(['it ended']);
});

test('what was put off once is said again; what was put off twice the status does not wait for', () => {
  const kept = (times: number) => ({ events: [], unheard: Array.from({ length: times }, () => told('it ended')) });
  expect(unsaid(undisturbed, disturbed(answer(429), kept(1)))).toEqual(['it ended']);
  expect(unsaid(undisturbed, disturbed(answer(429), kept(2)))).toEqual([]);
  expect(unsaid(undisturbed, disturbed(crash, kept(2)))).toEqual(['it ended']);
});

test('an attempt whose end was told need not have been told to start, and no other', () => {
  const starts = (attempt: number): Told =>
    told(`Normal AttemptStarting of TrainingJob/toy: Attempt ${String(attempt)} starts.`);
  const reference = { ...undisturbed, events: [starts(2), starts(3)] };
  const end = told('Warning Hung of TrainingJob/toy: Attempt 2 ended: it stood still');
  expect(unsaid(reference, disturbed(crash, { events: [end] }))).toEqual([starts(3).text]);
});

const scaled = (text: string): Told => told(text, 'old', 'Scaled');
const grown = { ...undisturbed, events: [scaled('from 1 to 2'), scaled('from 2 to 3')] };
const wrongOnce: Fault = { kind: 'watch', how: 'reset' };

test('how often a service was scaled is in no status: who died may have said nothing', () => {
  expect(unsaid(grown, disturbed(crash, { events: [], replaced: 1 }))).toEqual([]);
  expect(unsaid(grown, disturbed({ kind: 'absence' }, { events: [] }))).toEqual([]);
  // A takeover by one that nothing lags behind for has not come to pass, but for the death.
  expect(unsaid(grown, { ...undisturbed, events: [], replaced: 1 })).toEqual([]);
  expect(unsaid(grown, { ...undisturbed, events: [], replaced: 0 }).join()).toContain('Scaled');
});

test('who lives on says that a service was scaled, once at least and in whatever words, unless it is refused', () => {
  for (const fault of [wrongOnce, answer(429), answer(500, true)]) {
    expect(unsaid(grown, disturbed(fault, { events: [] })).join()).toContain('Scaled');
    expect(unsaid(grown, disturbed(fault, { events: [scaled('from 1 to 3')] }))).toEqual([]);
  }
  expect(unsaid(grown, disturbed(answer(403), { events: [], unheard: [scaled('from 1 to 3')] }))).toEqual([]);
  expect(unsaid(grown, disturbed(answer(429), { events: [], unheard: [scaled('from 1 to 3')] }))).toHaveLength(1);
  expect(unsaid(undisturbed, disturbed(wrongOnce, {}))).toEqual([]);
});

test('who comes after a deletion is told all of it anew, and who began half-way need not be', () => {
  const again: Fault = { kind: 'delete', write: 1, recreate: true };
  const ofTheOld = [told('it ended', 'old')];
  expect(unsaid(undisturbed, disturbed(again, { events: ofTheOld, heir: 'new' }))).toEqual(['it ended']);
  expect(unsaid(undisturbed, disturbed(again, { events: [told('it ended', 'new')], heir: 'new' }))).toEqual([]);
  expect(unsaid(undisturbed, disturbed(again, { events: [] }))).toEqual([]);
});

test('the operator of before an upgrade may have been replaced before it said anything', () => {
  expect(unsaid(undisturbed, disturbed({ kind: 'release', write: 1, to: 'next' }, { events: [] }))).toEqual([]);
});

const event = (namespace: string, uid: string, attempt: string, pod: string): Event => ({
  ...{
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `toy.${uid}`, namespace },
    type: 'Warning',
    reason: 'Crashed',
  },
  involvedObject: { kind: 'TrainingJob', name: 'toy', uid },
  message: `Attempt 1 ended at 2026-11-28T10:00:0${attempt}Z: toy-${attempt}a11f-a1-0-${pod} (exit code 1) in ${namespace}`,
});

test('an event is the same in every run', () => {
  const [one, other] = [
    toldBy(event('here', 'u-1', '1', 'abcde'), 'here'),
    toldBy(event('there', 'u-2', '2', 'fghij'), 'there'),
  ];
  expect(one.text).toBe(
    'Warning Crashed of TrainingJob/toy: Attempt 1 ended at <time>: toy-a1-0 (exit code 1) in <namespace>',
  );
  expect(other.text).toBe(one.text);
  expect([one.about, other.about]).toEqual(['u-1', 'u-2']);
});

test.each(['6f7c9d8b5c-x7k2p', '5d4b-zzzz9'])(
  'an event that names a replica is the same in every run: %s',
  (chance) => {
    const message = `pod my-digits-${chance}: DigestMismatch: the file of pod my-digits has another digest`;
    expect(toldBy({ ...event('here', 'u-1', '1', ''), message }, 'here').text).toBe(
      'Warning Crashed of TrainingJob/toy: pod my-digits: DigestMismatch: the file of pod my-digits has another digest',
    );
  },
);

test('what the API server was never asked to store was kept from it', () => {
  const trace = new Trace();
  const post = (uid: string) =>
    trace.begin(
      { method: 'POST', url: '/api/v1/namespaces/here/events', body: JSON.stringify(event('here', uid, '1', 'abcde')) },
      1,
    );
  post('kept').status = 0;
  post('stored').status = 201;
  expect(keptFrom(trace.exchanges, 'here').map(({ about }) => about)).toEqual(['kept']);
});
