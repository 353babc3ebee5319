import { expect, test } from '@jest/globals';
import { avoidMs, choose, type Candidate } from '../../../operator/gateway/balancer.ts';

const replica = (inFlight: number, failures = 0, avoided = false): Candidate => ({ inFlight, failures, avoided });
/** Gives the listed numbers, then zeros. */
const randoms =
  (...values: number[]) =>
  () =>
    values.shift() ?? 0;

test.each<[string, Candidate[], number, number[], number | undefined]>([
  ['nobody is there', [], 9, [], undefined],
  ['the least loaded', [replica(3), replica(1), replica(2)], 9, [], 1],
  ['equals: where chance begins', [replica(1), replica(1), replica(1)], 9, [0.7], 2],
  ['full ones have no seat', [replica(2), replica(2)], 2, [], undefined],
  ['an avoided one has no seat, idle as it looks', [replica(0, 1, true), replica(8)], 9, [], 1],
  ['only an avoided one: wait', [replica(0, 1, true)], 9, [], undefined],
  ['after a failure one trial', [replica(0, 1)], 9, [], 0],
  ['while the trial runs no second', [replica(1, 1), replica(5)], 9, [], 1],
  ['of many: the better of two by chance', [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => replica(9 - n)), 99, [0, 0.5], 5],
  ['of many: a full pair does not end it', [...Array.from({ length: 9 }, () => replica(3)), replica(2)], 3, [0, 0], 9],
])('%s', (...[, replicas, limit, chances, expected]) => {
  const chosen = choose(replicas, limit, randoms(...chances));
  expect(chosen === undefined ? undefined : replicas.indexOf(chosen)).toBe(expected);
});

test('a failing replica is avoided for longer each time, up to a second', () => {
  expect([1, 2, 3, 4, 5, 6, 40].map(avoidMs)).toEqual([50, 100, 200, 400, 800, 1000, 1000]);
});
