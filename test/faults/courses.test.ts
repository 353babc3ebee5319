/** What pods are fed with must be what the operator takes for it. Needs no API server. */
import { expect, test } from '@jest/globals';
import { failureOf, permanentEndOf } from '../../operator/workloads/failure.ts';
import { startTrouble } from '../../operator/workloads/start-trouble.ts';
import { unreachable } from '../../operator/workloads/unreachable.ts';
import { now, worker } from '../support/runs.ts';
import { evicted, outOfReach, preempted, unscheduled, withoutImage, type Course } from './courses.ts';

const stepsOf = ({ told }: Course) => told(worker(0, undefined), now).map((status) => worker(0, status));

test.each([
  ['preempted', preempted, 'Preempted', 'free'],
  ['evicted', evicted, 'Evicted', 'counted'],
] as const)('a pod that is %s tells it with its last phase alone', (_, course, reason, weight) => {
  const [first, last] = stepsOf(course);
  expect(first?.status?.phase).toBe('Running');
  expect(permanentEndOf(first!)).toBeUndefined();
  expect(failureOf(last!)).toMatchObject({ reason, weight });
});

test.each([
  ['no image', withoutImage, 'ImagePull'],
  ['no room', unscheduled, 'Unschedulable'],
] as const)('a pod that has %s is waited for', (_, course, reason) => {
  for (const pod of stepsOf(course))
    expect(startTrouble([pod], { since: undefined, now })).toMatchObject({ kind: 'hopeful', reason });
});

test('a pod whose node is lost is named at once', () => {
  const { message } = unreachable({ pods: stepsOf(outOfReach), nodes: [], podsSilentMs: 60_000 }, now);
  expect(message).toContain('Nothing has been heard of worker 0');
});
