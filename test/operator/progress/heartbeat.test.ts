import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  heartbeatAfter,
  stallOf,
  type Heard,
  type Heartbeat,
  type Worker,
} from '../../../operator/progress/heartbeat.ts';

const training = (step: number, longestStepSeconds: number | undefined = 0.1): Heard => ({
  ...{ kind: 'answer', phase: 'training', step, longestStepSeconds },
});
const busy = (phase: string): Heard => ({ kind: 'answer', phase, step: 3, longestStepSeconds: 0.1 });
const mute: Heard = { kind: 'mute' };
const unreachable: Heard = { kind: 'unreachable' };

/** A question every two seconds, the last one at `now`. */
function life(heard: readonly Heard[], startMs = 0): Heartbeat | undefined {
  return heard.reduce<Heartbeat | undefined>(
    (before, one, at) => heartbeatAfter(before, one, startMs + at * 2000),
    undefined,
  );
}
const times = (count: number, heard: Heard): readonly Heard[] => Array.from({ length: count }, () => heard);

const group = (...lives: readonly (readonly Heard[])[]): readonly Worker[] =>
  lives.flatMap((heard, rank) => {
    const heartbeat = life(heard);
    return heartbeat === undefined ? [] : [{ rank, pod: `w-${String(rank)}`, heartbeat }];
  });
/** After 80 questions. */
const endMs = 158_000;
const stall = (workers: readonly Worker[], setting?: number) => stallOf(1, workers, setting, endMs);

const steady = Array.from({ length: 80 }, (_, at) => training(at));
const stuckAt = (step: number) => [...times(40, training(1)), training(2), ...times(39, training(step))];

describe('an attempt hangs', () => {
  test('when a rank takes connections and does not answer, whatever the others do', () => {
    const frozen = [...steady.slice(0, 40), ...times(40, mute)];
    expect(stall(group(steady, frozen))).toEqual({
      ...{ attempt: 1, rank: 1, pod: 'w-1' },
      message: 'Worker 1 has not answered for 80 s, though its pod accepts connections: it is frozen.',
    });
    expect(stall(group(times(80, busy('checkpointing')), frozen))).toMatchObject({ rank: 1 });
  });

  test('when its connections are no longer accepted either, since the queue of a frozen process fills up', () => {
    const frozen = [...steady.slice(0, 40), ...times(5, mute), ...times(35, unreachable)];
    expect(stall(group(steady, frozen))).toMatchObject({ rank: 1 });
  });

  test('when all answer with the same step; nobody stands out', () => {
    expect(stall(group(stuckAt(7), stuckAt(7)))).toEqual({
      attempt: 1,
      message: 'No worker has done a step for 76 s, at step 7; the longest step so far took 0.1 s.',
    });
  });

  test('by the one that is behind', () => {
    expect(stall(group(stuckAt(8), stuckAt(7), stuckAt(8)))).toMatchObject({ rank: 1, pod: 'w-1' });
  });

  test('sooner or later as the job says, or never', () => {
    const stuck = group(stuckAt(7));
    expect([stall(stuck, 70), stall(stuck, 80), stall(stuck, 0)].map((one) => one?.rank)).toEqual([
      0,
      undefined,
      undefined,
    ]);
  });
});

describe('an attempt does not hang', () => {
  test.each<[string, readonly Worker[]]>([
    ['while it moves', group(steady, steady)],
    ['before its first step was measured', group(times(80, { kind: 'answer', phase: 'training', step: 0 }))],
    ['while its steps are long', group([...times(40, training(1, 20)), ...times(40, training(2, 20))])],
    ['while rank 0 writes a checkpoint and the others wait', group(times(80, busy('checkpointing')), stuckAt(7))],
    ['while all validate', group(times(80, busy('validating')), times(80, busy('validating')))],
    ['while PyTorch is imported', group([busy('starting'), ...times(79, mute)])],
    ['when it was never heard', group(times(80, mute), times(80, unreachable))],
    ['when the network is cut, which says nothing of it', group([training(1), ...times(79, unreachable)])],
    [
      'when it is reached again',
      group([...times(40, training(1)), ...times(20, unreachable), ...times(20, training(1))]),
    ],
  ])('%s', (_, workers) => {
    expect(stall(workers)).toBeUndefined();
  });
});

test('whatever is heard, whoever moved within the floor is not judged', () => {
  const heard = fc.oneof(
    fc.nat(3).map((step) => training(step)),
    fc.constantFrom(mute, unreachable, busy('validating'), busy('starting')),
  );
  fc.assert(
    fc.property(fc.array(fc.array(heard, { maxLength: 30 }), { maxLength: 4 }), (lives) => {
      expect(stallOf(1, group(...lives), undefined, 60_000)).toBeUndefined();
    }),
  );
});
