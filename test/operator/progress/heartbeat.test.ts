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
const unclear: Heard = { kind: 'unclear' };
const unreachable: Heard = { kind: 'unreachable' };

/** What came of a question, and how many milliseconds after the one before; 2000 unless told. */
type Told = Heard | readonly [Heard, number];

function life(told: readonly Told[]): Heartbeat | undefined {
  let [nowMs, heartbeat] = [-2000, undefined as Heartbeat | undefined];
  for (const one of told) {
    const [heard, afterMs] = 'kind' in one ? [one, 2000] : one;
    nowMs += afterMs;
    heartbeat = heartbeatAfter(heartbeat, heard, nowMs);
  }
  return heartbeat;
}
const times = (count: number, heard: Heard): readonly Heard[] => Array.from({ length: count }, () => heard);

const group = (...lives: readonly (readonly Told[])[]): readonly Worker[] =>
  lives.flatMap((told, rank) => {
    const heartbeat = life(told);
    return heartbeat === undefined ? [] : [{ rank, pod: `w-${String(rank)}`, heartbeat }];
  });
const stall = (workers: readonly Worker[], setting?: number) => stallOf(1, workers, setting);

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

  test('when it was mute twice in a row, and is asked long after that', () => {
    const frozen = [...steady.slice(0, 40), ...times(2, mute), ...times(8, unreachable)];
    expect(stall(group(steady, [...frozen, ...times(21, unreachable)]))).toMatchObject({ rank: 1 });
    expect(stall(group(steady, [...frozen, ...times(20, unreachable)]))).toBeUndefined();
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
    ['when a cut of the network caught one answer', group([...steady, mute, ...times(79, unreachable)])],
    ['when it answers what is no progress', group([...times(3, training(1)), ...times(79, unclear)])],
    ['when others answer in its place once it was mute', group([...steady, mute, mute, ...times(79, unclear)])],
    ['since it was asked last', group([training(1), training(1), [training(1), 61_000]])],
    ['since it was asked last, if it is mute then', group([training(1), training(1), [mute, 61_000]])],
    ['since it answered last, if it is mute for long', group([...steady, ...times(20, mute), [mute, 61_000]])],
    ['while nobody knows what another does', group(stuckAt(7), [...times(40, training(7)), ...times(40, unreachable)])],
    ['while rank 0 was never heard', group([], stuckAt(7))],
    [
      'as soon as a long checkpoint is over, before the others were asked again',
      group([...times(80, busy('checkpointing')), training(3)], stuckAt(3)),
    ],
    [
      'when one that waited for a long checkpoint is mute once',
      group(times(80, busy('checkpointing')), [...stuckAt(3), mute]),
    ],
    ['while one that may be in another phase is not asked', group(stuckAt(7), steady.slice(0, 45))],
  ])('%s', (_, workers) => {
    expect(stall(workers)).toBeUndefined();
  });
});

const anything = fc.oneof(
  fc.nat(3).map((step) => training(step)),
  fc.constantFrom(mute, unclear, unreachable, busy('validating'), busy('starting')),
);

test('whatever is heard, whoever moved within the floor is not judged', () => {
  fc.assert(
    fc.property(fc.array(fc.array(anything, { maxLength: 30 }), { maxLength: 4 }), (lives) => {
      expect(stall(group(...lives))).toBeUndefined();
    }),
  );
});

test('however long nobody asks, who was not found still by seven questions is not judged', () => {
  const told = fc.tuple(anything, fc.nat(600_000));
  fc.assert(
    fc.property(fc.array(fc.array(told, { maxLength: 7 }), { maxLength: 4 }), (lives) => {
      expect(stall(group(...lives))).toBeUndefined();
    }),
  );
});

test('whatever came before, who is mute for the whole patience is found, if it is asked every ten seconds', () => {
  const told = fc.tuple(anything, fc.nat(600_000));
  const silence = fc.array(fc.integer({ min: 1000, max: 10_000 }), { minLength: 61, maxLength: 61 });
  fc.assert(
    fc.property(fc.array(told, { maxLength: 20 }), silence, (past, pauses) => {
      const frozen = pauses.map((afterMs) => [mute, afterMs] as const);
      expect(stall(group([...past, training(9), ...frozen]))?.rank).toBe(0);
    }),
  );
});
