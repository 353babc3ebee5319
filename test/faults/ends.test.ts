/** Ends of attempts that are told twice. Needs no API server. */
import { expect, test } from '@jest/globals';
import { endsToldAgain } from './ends.ts';
import { complaints } from './oracle.ts';
import type { Outcome } from './outcome.ts';
import { Trace, type Exchange } from './trace.ts';

const there = '/namespaces/here';
const uid = 'u-1';

const event = (message: string, reason = 'Crashed', root = uid): string =>
  JSON.stringify({ involvedObject: { kind: 'TrainingJob', name: 'toy', uid: root }, reason, message });
const statusOf = (number: number, endedAt?: string): string =>
  JSON.stringify({ metadata: { name: 'toy', uid }, status: { attempts: [{ number, endedAt }] } });

interface Did {
  readonly body: string;
  readonly instance?: number;
  readonly status?: number;
  readonly isAnswered?: boolean;
}
const tell = (message: string, more: Partial<Did> = {}): Did => ({ body: event(message), status: 201, ...more });
const store = (body: string, more: Partial<Did> = {}): Did => ({ body, status: 200, ...more });

function toldAgain(deeds: readonly Did[]): readonly string[] {
  const trace = new Trace();
  const answered: Exchange[] = [];
  for (const { body, instance = 1, status = 200, isAnswered = false } of deeds) {
    const isEvent = body.includes('involvedObject');
    const url = isEvent ? `/api/v1${there}/events` : `/apis/limbeck.dev/v1alpha1${there}/trainingjobs/toy/status`;
    const exchange = trace.begin({ method: isEvent ? 'POST' : 'PATCH', url, body }, instance);
    exchange.status = status;
    if (isAnswered) answered.push(exchange);
  }
  return endsToldAgain(trace.exchanges, answered);
}

const [lost, failed] = ['Attempt 1 ended: a worker was lost', 'Attempt 1 ended: exit code 1'];
const over = statusOf(1, '2026-11-28T10:00:00Z');

const wrong: readonly (readonly [string, readonly Did[]])[] = [
  ['by one whose status was stored', [tell(lost), store(over), tell(failed)]],
  ['by one who had no trouble', [tell(lost), tell(failed)]],
  ['by one whose status is of before', [tell(lost), store(statusOf(1)), tell(failed)]],
  ['by a successor, though the status was stored', [tell(lost), store(over), tell(failed, { instance: 2 })]],
  [
    'by a successor, though the status was stored and answered with a failure',
    [tell(lost), store(over, { isAnswered: true }), tell(failed, { instance: 2 })],
  ],
  ['as a suspension, too', [tell(lost), store(over), tell('Attempt 1 is suspended.')]],
];

test.each(wrong)('an end is told twice: %s', (_, deeds) => {
  const again = toldAgain(deeds);
  expect(again).toHaveLength(1);
  expect(again.join()).toContain('a worker was lost');
});

const right: readonly (readonly [string, readonly Did[]])[] = [
  ['it is told once', [tell(lost), store(over)]],
  ['its teller died before the status', [tell(lost), tell(failed, { instance: 2 }), store(over, { instance: 2 })]],
  ['the status was refused', [tell(lost), store(over, { status: 409 }), tell(failed), store(over)]],
  ['the plan answered instead', [tell(lost), store(over, { status: 0, isAnswered: true }), tell(failed), store(over)]],
  ['the same again is a conflict', [tell(lost), tell(lost, { status: 409, instance: 2 })]],
  ['the same is another event in another hour', [tell(lost), store(over), tell(lost)]],
  ['another attempt', [tell(lost), store(over), tell('Attempt 2 ended: exit code 1')]],
  ['another object', [tell(lost), store(over), { body: event(failed, 'Crashed', 'u-2'), status: 201 }]],
  ['another story', [tell('Attempt 1 starts.'), store(over), tell('Attempt 1 goes on from step 3; skipped: none.')]],
];

test.each(right)('nothing is told twice: %s', (_, deeds) => {
  expect(toldAgain(deeds)).toEqual([]);
});

test('it is complained of', () => {
  const undisturbed: Outcome = {
    ...{ plan: { scenario: 'toy', faults: [] }, befell: [], settled: [], events: [], unheard: [] },
    ...{ afterDeletion: [], deeds: {}, podsEver: 0, lots: {}, unguardedDeletions: [], writesAtRest: 0 },
    ...{ writes: 3, frames: new Map(), log: [], requests: [] },
  };
  expect(complaints(undisturbed, { ...undisturbed, toldAgain: ['twice'] }).join()).toContain('told again');
});
