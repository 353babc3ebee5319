import { expect, test } from '@jest/globals';
import type { Heartbeat } from '../../../operator/progress/heartbeat.ts';
import { stalledAmong, type Beating } from '../../../operator/progress/stalls.ts';

const beat = (state: Heartbeat['state'], heardAtMs: number): Heartbeat => ({
  ...{ state, sinceMs: 0, heardAtMs, phaseSinceMs: 0, mutes: 0, phase: 'training', step: 7, longestStepSeconds: 1 },
});

interface Place {
  readonly root?: string;
  readonly attempt?: number;
  readonly rank?: number;
}

const worker = (heartbeat: Heartbeat | undefined, { root = 'r', attempt = 1, rank = 0 }: Place = {}): Beating => ({
  target: {
    ...{ uid: `${root}-${String(attempt)}-${String(rank)}`, kind: 'trainer', reconciler: 'trainingjob', root },
    ...{ key: { namespace: 'default', name: root }, address: { host: '10.0.0.1', port: 1, path: '/progress' } },
    worker: { attempt, rank, pod: `w-${String(rank)}` },
  },
  heartbeat,
});

const still = beat('standing', 90_000);
const rootsOf = (all: readonly Beating[], seconds?: number) =>
  stalledAmong(all, () => seconds).map(({ target, stall }) => [target.root, stall.attempt]);

test.each<[string, readonly Beating[], readonly (readonly [string, number])[]]>([
  ['nobody, where nobody is asked', [], []],
  ['an attempt whose workers stand still', [worker(still), worker(still, { rank: 1 })], [['r', 1]]],
  [
    'not one of which a worker moves on in another phase',
    [worker({ ...still, phase: 'validating' }), worker(still, { rank: 1 })],
    [],
  ],
  [
    'not by the workers of another attempt',
    [worker(still, { attempt: 2 }), worker({ ...still, phase: 'starting' })],
    [['r', 2]],
  ],
  [
    'not by the workers of another job',
    [worker(still, { root: 'a' }), worker(beat('moving', 90_000), { root: 'b' })],
    [['a', 1]],
  ],
  ['nobody who has never answered', [worker(undefined)], []],
])('%s', (_, all, hung) => {
  expect(rootsOf(all)).toEqual(hung);
});

test('what the job says of its patience counts', () => {
  expect([rootsOf([worker(still)], 80), rootsOf([worker(still)], 100)]).toEqual([[['r', 1]], []]);
});
