import { expect, test } from '@jest/globals';
import { after, open, plan } from '../../support/run-plans.ts';
import { attemptJob, pastAttempt, runningStatus, worker } from '../../support/runs.ts';

const noRoom = {
  phase: 'Pending',
  conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes have a GPU' }],
} as const;
const noImage = {
  phase: 'Pending',
  containerStatuses: [{ name: 'trainer', state: { waiting: { reason: 'ErrImagePull', message: 'not found' } } }],
} as const;
const retry = { limit: 3, deadlineSeconds: 60 };

test.each([
  [
    'for room',
    noRoom,
    /^all attempts together took longer than retry.deadlineSeconds, 60 s; it was still waiting: Unschedulable, digits\S*-0: 0\/1 nodes have a GPU; make room, or ask for less in placement, in a new job$/,
  ],
  ['for an image', noImage, /ImagePull, digits\S*-0: ErrImagePull: not found; see that the image can be had, in a new/],
  ['for the kubelet', { phase: 'Pending' }, /60 s; it was still waiting: 1 of 2 workers started\.$/],
  ['for nothing, and works', runningStatus, /60 s; at the end: 2 workers at work; a new job with a longer deadline/],
] as const)('a run that is out of time says what it waited for: %s', (_, status, sentence) => {
  const root = after([open], { retry });
  const pods = [worker(0, status), worker(1, runningStatus)];
  const { state, attempts } = plan({ root, jobs: [attemptJob(1)], pods });
  expect(state).toMatchObject({ kind: 'failed', reason: 'DeadlineExceeded', message: expect.stringMatching(sentence) });
  expect(attempts.at(-1)).toMatchObject({ outcome: 'Failed', message: expect.stringMatching(sentence) });
});

test('between attempts it says how the last one ended', () => {
  const root = after([pastAttempt(1, 'Preempted', 60), pastAttempt(2, 'Preempted', 20)], { retry });
  const { state } = plan({ root });
  const message = expect.stringMatching(/60 s; the last one ended with Crashed, what happened; a new job/);
  expect(state).toMatchObject({ kind: 'failed', reason: 'DeadlineExceeded', message });
});
