/** What befalls writes and watches, and when a fault has come to pass. Needs no API server. */
import { expect, test } from '@jest/globals';
import { excusedBy } from './deeds.ts';
import { Interference } from './interference.ts';
import type { Fault, WriteAt } from './plan.ts';
import { Trace } from './trace.ts';

interface Life {
  readonly trace: Trace;
  readonly interference: Interference;
}

function lifeWith(fault: Fault): Life {
  const trace = new Trace();
  return { trace, interference: new Interference({ scenario: 'toy', faults: [fault] }, trace) };
}

const jobs = '/apis/batch/v1/namespaces/here/jobs';
const patch = { method: 'PATCH', url: `${jobs}/toy-405d4-a1`, body: '' };
const removal = { ...patch, method: 'DELETE' };

type Asked = typeof patch;

function answersTo(writes: readonly Asked[], { interference, trace }: Life): readonly (number | undefined)[] {
  return writes.map((asked) => {
    const verdict = interference.write(trace.begin(asked, 1));
    return verdict.kind === 'answer' ? verdict.status : undefined;
  });
}

const failing = (from: WriteAt, every: number, times: number): Fault => ({
  ...{ kind: 'answer', status: 500, from, every, times, committed: true },
});

const beginnings: readonly (readonly [Fault, readonly (number | undefined)[]])[] = [
  [failing(2, 2, 2), [undefined, 500, undefined, 500, undefined, undefined]],
  [failing(3, 1, 2), [undefined, undefined, 500, 500, undefined, undefined]],
  [failing({ verb: 'DELETE', resource: 'jobs', nth: 1 }, 2, 9), [undefined, undefined, undefined, 500, undefined, 500]],
  [failing({ verb: 'DELETE', resource: 'pods', nth: 1 }, 1, 9), Array.from({ length: 6 }, () => undefined)],
];

test.each(beginnings)('answers go wrong from a write on: %j', (fault, expected) => {
  const life = lifeWith(fault);
  expect(answersTo([patch, patch, patch, removal, removal, patch], life)).toEqual(expected);
  expect(life.interference.befell).toHaveLength(expected.some(Boolean) ? 1 : 0);
  expect(life.interference.answered).toHaveLength(expected.filter(Boolean).length);
});

test('a removal that was carried out and answered with a failure may be asked for once more, and no other', () => {
  const life = lifeWith(failing(1, 1, 3));
  answersTo([patch, removal, removal, removal], life);
  const [made, gone, never] = life.interference.answered;
  Object.assign(made!, { status: 200 });
  Object.assign(gone!, { status: 200 });
  expect(excusedBy(life.interference.answered)).toEqual({ 'delete in vain jobs/toy-a1': 1 });
  Object.assign(never!, { status: 404 });
  expect(excusedBy(life.interference.answered)).toEqual({ 'delete in vain jobs/toy-a1': 2 });
});

const opened = ({ interference, trace }: Life, plural: string) =>
  interference.read(trace.begin({ method: 'GET', url: `/apis/batch/v1/${plural}?watch=true`, body: '' }, 1)).refuse;

test('a throttled watch is refused when it is opened again, three times, and has come to pass only then', async () => {
  const life = lifeWith({ kind: 'watch', how: 'throttled' });
  const { interference } = life;
  expect(opened(life, 'jobs')).toBeUndefined();
  expect([await interference.frame('jobs', '5'), await interference.frame('jobs', '6')]).toEqual(['pass', 'closed']);
  expect(opened(life, 'pods')).toBeUndefined();
  expect(interference.befell).toEqual([]);
  expect([opened(life, 'jobs'), opened(life, 'jobs'), opened(life, 'jobs')]).toEqual([429, 429, 429]);
  expect(interference.befell).toHaveLength(1);
  expect(opened(life, 'jobs')).toBeUndefined();
});

test('watches that last for a second have come to pass when one was closed', async () => {
  const { interference } = lifeWith({ kind: 'watch', how: 'short' });
  expect(interference.watchLastsMs()).toBe(1000);
  expect([await interference.frame('jobs', '5'), await interference.frame('jobs', '6')]).toEqual(['pass', 'pass']);
  expect(interference.befell).toEqual([]);
  interference.hasLasted();
  expect(interference.befell).toHaveLength(1);
});
