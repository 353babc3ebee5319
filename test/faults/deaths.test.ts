import { expect, test } from '@jest/globals';
import { LeadershipLost } from '../../operator/kernel/leader.ts';
import { complaintOf } from './deaths.ts';

test.each<[string, Error, boolean, string | undefined]>([
  ['who could not renew in time', new LeadershipLost(), true, undefined],
  ['who gives up a lease that is another one’s', new LeadershipLost(), false, 'before it led: LeadershipLost'],
  ['who ends for any other reason', new TypeError('x is not a function'), true, 'as the leader: TypeError'],
])('%s', (_who, error, hasLed, expected) => {
  const complaint = complaintOf({ error }, hasLed);
  expect(complaint?.slice(0, expected?.length)).toBe(expected);
});
