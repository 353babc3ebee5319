import { describe, expect, test } from '@jest/globals';
import { Trace } from '../trace.ts';
import { released, reignsOf, usurpations } from './reign.ts';

type Write = readonly [instance: number, what: string, version: string, holder?: string];

function carryOut(trace: Trace, method: string, [instance, what, version, holder = '']: Write): void {
  const url = `/apis/batch/v1/namespaces/default/${what}`;
  const body = JSON.stringify({ spec: { holderIdentity: holder, acquireTime: '2026-01-01T00:00:00.000000Z' } });
  Object.assign(trace.begin({ method, url, body }, instance), { status: 200, version });
}

/** `leases` says who holds it; everything else is a write of that process, stored under this version. */
function traceOf(writes: readonly Write[]): Trace {
  const trace = new Trace();
  for (const write of writes) carryOut(trace, 'PATCH', write);
  return trace;
}

const handover: readonly Write[] = [
  [1, 'leases/limbeck', '9', 'one'],
  [1, 'jobs/a', '10'],
  [1, 'leases/limbeck', '11', 'one'],
  [2, 'leases/limbeck', '20', 'two'],
  [2, 'jobs/b', '21'],
];
const givenBack: Write = [2, 'leases/limbeck', '30', ''];

describe('who led when', () => {
  test('is read from who wrote the lease', () => {
    const reigns = reignsOf(traceOf(handover));
    expect(reigns.map(({ instance, since, until }) => [instance, since, until])).toEqual([
      [1, 9n, 20n],
      [2, 20n, undefined],
    ]);
  });

  test('a lease given back ends a reign, and begins none', () => {
    const trace = traceOf([...handover, givenBack]);
    expect([released(trace, 1), released(trace, 2)]).toEqual([false, true]);
    expect(reignsOf(trace).at(-1)).toMatchObject({ instance: 2, until: 30n });
  });

  test('who takes it up again begins a new one', () => {
    const reigns = reignsOf(traceOf([...handover, givenBack, [2, 'leases/limbeck', '40', 'two']]));
    expect(reigns.map(({ instance, since }) => [instance, since])).toEqual([
      [1, 9n],
      [2, 20n],
      [2, 40n],
    ]);
  });
});

describe('a write without the lease', () => {
  test.each<[string, Write, readonly string[]]>([
    ['of the old leader, stored after the new one began', [1, 'jobs/c', '22'], ['PATCH jobs/c of 1 in the reign of 2']],
    ['of the new one before it began', [2, 'jobs/c', '19'], ['PATCH jobs/c of 2 in the reign of 1']],
    ['before anyone led', [1, 'jobs/c', '5'], ['PATCH jobs/c of 1 in the reign of nobody']],
    ['of who has just given it back', [2, 'jobs/c', '31'], ['PATCH jobs/c of 2 in the reign of nobody']],
    ['that changed nothing is none', [2, 'jobs/a', '10'], []],
    ['of the leader is none', [2, 'jobs/c', '25'], []],
  ])('%s', (_, write, found) => {
    expect(usurpations(traceOf([...handover, givenBack, write]))).toEqual(found);
  });

  const removal: Write = [1, 'jobs/a', ''];
  const told = (trace: Trace, version: string): void =>
    trace.given({ instance: 2, resource: 'jobs', type: 'DELETED', name: 'a', version, verdict: 'pass' });

  test('a deletion without a version has its place from the watch, however early it arrived', () => {
    const [first, second, ...others] = handover;
    const trace = traceOf([first!, second!]);
    carryOut(trace, 'DELETE', removal);
    for (const write of others) carryOut(trace, 'PATCH', write);
    expect(usurpations(trace)).toEqual([]);
    told(trace, '25');
    expect(usurpations(trace)).toEqual(['DELETE jobs/a of 1 in the reign of 2']);
  });

  test('a deletion that no watch told has its place by its arrival', () => {
    const trace = traceOf(handover);
    carryOut(trace, 'DELETE', removal);
    expect(usurpations(trace)).toEqual(['DELETE jobs/a of 1 in the reign of 2']);
  });
});
