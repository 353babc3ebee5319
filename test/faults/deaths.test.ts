import { expect, test } from '@jest/globals';
import { LeadershipLost } from '../../operator/kernel/leader.ts';
import { complaintOf } from './deaths.ts';

test.each<[string, Error, number | undefined, string | undefined]>([
  ['who could not renew in time', new LeadershipLost(), 2327, undefined],
  ['who gives up a lease that is another one’s', new LeadershipLost(), undefined, 'before it led: LeadershipLost'],
  [
    'who ends for any other reason',
    new TypeError('x is not a function'),
    60_000,
    'after it had led for 60000 ms: Type',
  ],
])('%s', (_who, error, ledForMs, expected) => {
  const complaint = complaintOf({ error }, ledForMs);
  expect(complaint?.slice(0, expected?.length)).toBe(expected);
});
