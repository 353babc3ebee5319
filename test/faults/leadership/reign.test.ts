import { describe, expect, test } from '@jest/globals';
import { Trace } from '../trace.ts';
import { released, reignsOf, usurpations } from './reign.ts';

type Write = readonly [instance: number, what: string, version: string, holder?: string];

/** `leases` says who holds it; everything else is a write of that process, stored under this version. */
function traceOf(writes: readonly Write[]): Trace {
  const trace = new Trace();
  for (const [instance, what, version, holder = ''] of writes) {
    const url = `/apis/batch/v1/namespaces/default/${what}`;
    const body = JSON.stringify({ spec: { holderIdentity: holder } });
    Object.assign(trace.begin({ method: 'PATCH', url, body }, instance), { status: 200, version });
  }
  return trace;
}

const handover: readonly Write[] = [
  [1, 'leases/limbeck', '9', 'one'],
  [1, 'jobs/a', '10'],
  [1, 'leases/limbeck', '11', 'one'],
  [2, 'leases/limbeck', '20', 'two'],
  [2, 'jobs/b', '21'],
];

describe('who led when', () => {
  test('is read from who wrote the lease', () => {
    const reigns = reignsOf(traceOf(handover));
    expect(reigns.map(({ instance, since }) => [instance, since])).toEqual([
      [1, 9n],
      [2, 20n],
    ]);
  });

  test('a lease given back ends a reign', () => {
    const trace = traceOf([...handover, [2, 'leases/limbeck', '30', '']]);
    expect([released(trace, 1), released(trace, 2)]).toEqual([false, true]);
  });
});

describe('a write without the lease', () => {
  test.each<[string, Write, readonly string[]]>([
    ['of the old leader, stored after the new one began', [1, 'jobs/c', '22'], ['PATCH jobs/c of 1 in the reign of 2']],
    ['of the new one before it began', [2, 'jobs/c', '19'], ['PATCH jobs/c of 2 in the reign of 1']],
    ['before anyone led', [1, 'jobs/c', '5'], ['PATCH jobs/c of 1 in the reign of undefined']],
    ['that changed nothing is none', [2, 'jobs/a', '10'], []],
    ['of the leader is none', [2, 'jobs/c', '25'], []],
  ])('%s', (_, write, found) => {
    expect(usurpations(traceOf([...handover, write]))).toEqual(found);
  });
});
