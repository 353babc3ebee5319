import { describe, expect, test } from '@jest/globals';
import type { GateVerdict } from '../../../operator/workloads/gates.ts';
import type { RunState } from '../../../operator/workloads/run-state.ts';
import type { Reason } from '../../../operator/api/vocabulary.ts';
import { runEvents, runStatus } from '../../../operator/workloads/run-status.ts';
import type { Attempt } from '../../../operator/workloads/run.ts';
import type { TrainingJob } from '../../../operator/api/resources.ts';
import { parseResult, type TrainerSuccess } from '../../../operator/api/trainer-contract.ts';
import { ago, now, pastAttempt, settings, success, teacherJob } from '../../support/runs.ts';

const result = parseResult(JSON.stringify(success)) as TrainerSuccess;
const held: GateVerdict = { met: true, message: 'accuracy 0.98 ≥ 0.95 (n=359).' };
const missed: GateVerdict = { met: false, message: 'accuracy is 0.9' };

const status = (state: RunState, gates?: GateVerdict, attempts: readonly Attempt[] = []) =>
  runStatus({ root: teacherJob(), state, attempts, gates, progress: '43%', news: undefined, settings }, now);

test('what attempts ran that are no longer listed is in the status, once there is any', () => {
  const listed = [pastAttempt(1, 'Preempted', 300), pastAttempt(2, 'Preempted', 200)];
  const shown = (attempts: readonly Attempt[]) =>
    runStatus(
      {
        ...{ root: teacherJob({}, { attempts: listed }), state: { kind: 'running', message: 'm' }, attempts },
        ...{ gates: undefined, progress: undefined, news: undefined, settings },
      },
      now,
    );
  expect(shown(listed)).not.toHaveProperty('earlierRunSeconds');
  expect(shown(listed.slice(1))).toMatchObject({ earlierRunSeconds: 30 });
});

type Row = readonly [RunState, GateVerdict | undefined, string, string, string, string];
const rows: readonly Row[] = [
  [
    { kind: 'refused', reason: 'ProfileUnknown', message: 'm' },
    undefined,
    'Refused',
    'False ProfileUnknown',
    'False ProfileUnknown',
    'Unknown Running',
  ],
  [
    { kind: 'waiting', reason: 'DataMissing', message: 'm' },
    undefined,
    'Waiting',
    'Unknown DataMissing',
    'False DataMissing',
    'Unknown Running',
  ],
  [{ kind: 'suspended', message: 'm' }, undefined, 'Suspended', 'True Valid', 'False Suspended', 'Unknown Running'],
  [
    { kind: 'starting', reason: 'Unschedulable', message: 'm' },
    undefined,
    'Starting',
    'True Valid',
    'True Unschedulable',
    'Unknown Running',
  ],
  [
    { kind: 'starting', reason: 'ImagePull', message: 'm' },
    undefined,
    'Starting',
    'True Valid',
    'False ImagePull',
    'Unknown Running',
  ],
  [{ kind: 'running', message: 'm' }, undefined, 'Running', 'True Valid', 'True AttemptRunning', 'Unknown Running'],
  [
    { kind: 'restarting', reason: 'BackingOff', message: 'm' },
    undefined,
    'Restarting',
    'True Valid',
    'True BackingOff',
    'Unknown Running',
  ],
  [{ kind: 'succeeded', result }, held, 'Succeeded', 'True Valid', 'False Finished', 'True GatesPassed'],
  [{ kind: 'succeeded', result }, missed, 'Failed', 'True Valid', 'False Finished', 'False GateNotMet'],
  [
    { kind: 'failed', reason: 'OutOfMemory', message: 'm' },
    undefined,
    'Failed',
    'True Valid',
    'False Finished',
    'False OutOfMemory',
  ],
];

test.each(rows)('%j, gates %j: %s', (state, gates, phase, ...conditions) => {
  const shown = status(state, gates);
  expect(shown.phase).toBe(phase);
  expect(shown.conditions.map(({ type, status: value, reason }) => `${type} ${value} ${reason}`)).toEqual([
    `Accepted ${conditions[0]}`,
    `Progressing ${conditions[1]}`,
    `Succeeded ${conditions[2]}`,
  ]);
  expect(shown.conditions.every(({ observedGeneration }) => observedGeneration === 1)).toBe(true);
});

describe('a status', () => {
  test('keeps what was heard last of the training, and knows its end', () => {
    const training = {
      phase: 'training',
      epoch: 2,
      epochs: 5,
      step: 43,
      steps: 100,
      loss: 0.5,
      etaSeconds: 7,
    } as const;
    const ended = (steps: number): RunState => ({ kind: 'succeeded', result: { ...result, steps } });
    const of = (state: RunState, news: boolean) => {
      const heard = { attempt: 1, progress: '43%', training };
      const root = teacherJob({}, news ? {} : { training });
      const told = news ? heard : undefined;
      const report = { root, state, attempts: [], gates: held, progress: '43%', news: told, settings };
      return runStatus(report, now).training;
    };
    expect(of({ kind: 'running', message: 'm' }, true)).toEqual(training);
    expect(of({ kind: 'running', message: 'm' }, false)).toEqual(training);
    expect(of(ended(100), false)).toEqual({ epoch: 5, epochs: 5, step: 100, steps: 100, loss: 0.5 });
    // Stopped early, at the end of the third epoch.
    expect(of(ended(60), true)).toEqual({ epoch: 3, epochs: 5, step: 60, steps: 100, loss: 0.5 });
  });

  test.each([
    ['a program that tells no plan', { epoch: 2, step: 43 }, { epoch: 2, step: 800 }],
    ['a program whose plan has no steps', { epoch: 2, epochs: 5, step: 0, steps: 0 }, { epoch: 2, step: 800 }],
    ['a program that did more than it planned', { epochs: 5, step: 43, steps: 100 }, { epoch: 5, step: 800 }],
  ])('has the end of %s', (_, training, expected) => {
    const root = teacherJob({}, { training });
    const state: RunState = { kind: 'succeeded', result };
    const report = { root, state, attempts: [], gates: held, progress: undefined, news: undefined, settings };
    expect(runStatus(report, now).training).toMatchObject(expected);
  });

  test('has how the model is spread: as heard, as remembered, at last as the result says', () => {
    const spread = (scalingEfficiency: number) =>
      ({ strategy: 'ddp', reason: 'It fits.', processes: 2, scalingEfficiency }) as const;
    const of = (state: RunState, heard: boolean) => {
      const root = teacherJob({}, { distribution: spread(0.7) });
      const news = heard ? { attempt: 1, progress: '4%', training: {}, distribution: spread(0.4) } : undefined;
      return runStatus({ root, state, attempts: [], gates: held, progress: '4%', news, settings }, now);
    };
    expect(of({ kind: 'running', message: 'm' }, false).distribution).toEqual(spread(0.7));
    expect(of({ kind: 'running', message: 'm' }, true).distribution).toEqual(spread(0.4));
    const ended = of({ kind: 'succeeded', result: { ...result, distribution: spread(0.9) } }, true);
    expect(ended.distribution).toEqual(spread(0.9));
    const conditions = [of({ kind: 'running', message: 'm' }, true), ended].map(({ conditions }) => conditions.at(-1));
    expect(conditions.map((one) => [one?.type, one?.status])).toEqual([
      ['ScalingUseful', 'False'],
      ['ScalingUseful', 'True'],
    ]);
  });

  test('has whether GPUs are used by the attempt that tells: as heard, as remembered, at last as the result says', () => {
    const on = (device: 'cpu' | 'cuda') => ({ strategy: 'alone', reason: 'r', processes: 1, device }) as const;
    const attempts = ['cpu', 'gpu'].map((profile, at) => ({ number: at + 1, startedAt: ago(9), profile }));
    const of = (state: RunState, attempt: number | undefined, before?: TrainingJob['status']) => {
      const told = { progress: '4%', training: {}, distribution: on('cpu') };
      const news = attempt === undefined ? undefined : { ...told, attempt };
      const report = { root: teacherJob({}, before), state, attempts, gates: held, progress: '4%', news, settings };
      const shown = runStatus(report, now);
      return [shown, shown.conditions.slice(3).map(({ type, status: is }) => `${type} ${is}`)] as const;
    };
    const running: RunState = { kind: 'running', message: 'm' };
    // The first attempt held none; the second one has said nothing yet.
    expect([of(running, undefined)[1], of(running, 1)[1]]).toEqual([[], []]);
    const [heard, said] = of(running, 2);
    expect(said).toEqual(['GpuUsed False']);
    expect(of({ kind: 'failed', reason: 'Crashed', message: 'm' }, undefined, heard)[1]).toEqual(said);
    const ended = (device: 'cpu' | 'cuda'): RunState => ({
      ...{ kind: 'succeeded', result: { ...result, distribution: on(device) } },
    });
    expect([of(ended('cpu'), undefined)[1], of(ended('cpu'), 2, heard)[1]]).toEqual([said, said]);
    expect(of(ended('cuda'), 2, heard)[1]).toEqual(['GpuUsed True']);
    expect(of(ended('cuda'), undefined)[0].distribution?.device).toBe('cuda');
  });

  test('shows progress while it runs, the whole at the end, nothing in between', () => {
    expect(status({ kind: 'running', message: 'm' }).progress).toBe('43%');
    expect(status({ kind: 'succeeded', result }, held).progress).toBe('100%');
    expect('progress' in status({ kind: 'suspended', message: 'm' })).toBe(false);
  });

  test('has the times of the whole run', () => {
    const attempts = [pastAttempt(1, 'Failed', 60), pastAttempt(2, 'Succeeded', 0)];
    const shown = status({ kind: 'succeeded', result }, held, attempts);
    expect([shown.startedAt, shown.finishedAt, shown.attemptCount]).toEqual([ago(90), ago(0), 2]);
    expect('finishedAt' in status({ kind: 'running', message: 'm' }, undefined, attempts)).toBe(false);
  });

  test('remembers the checkpoint that it was told of last', () => {
    const checkpoint = { step: 20, uri: 's3://limbeck/c', sha256: 'c'.repeat(64) };
    const root = teacherJob({}, { checkpoint });
    const state: RunState = { kind: 'suspended', message: 'm' };
    const quiet = { attempts: [], gates: undefined, progress: undefined, news: undefined, settings };
    const shown = runStatus({ root, state, ...quiet }, now);
    expect(shown.checkpoint).toEqual(checkpoint);
  });
});

test('looks for missing data make no events; the attempt that goes on does, when it ends', () => {
  const look = pastAttempt(1, 'Waiting', 9);
  const of = (...attempts: readonly Attempt[]) => ({ attempts });
  const told = (before: readonly Attempt[], now: readonly Attempt[]) => runEvents(of(...before), of(...now)).length;
  const open = { number: 2, startedAt: ago(5) };
  expect([told([], [look]), told([look], [look, open])]).toEqual([0, 0]);
  expect(told([look, open], [look, pastAttempt(2, 'Failed', 0)])).toBe(1);
});

test('trouble with checkpoints is an event, once for each attempt and each outage', () => {
  const first = { number: 1, startedAt: ago(60) };
  const second = { number: 2, startedAt: ago(9), resumedFromStep: 10, skippedCheckpoint: 'step 20 of attempt 1: torn' };
  const told = (before: object, after: object) =>
    runEvents(before, after).map(({ reason, message }) => [reason, message]);
  expect(told({ attempts: [first, { number: 2, startedAt: ago(9) }] }, { attempts: [first, second] })).toEqual([
    ['CheckpointSkipped', 'Attempt 2 goes on from step 10; skipped: step 20 of attempt 1: torn.'],
  ]);
  expect(told({ attempts: [first, second] }, { attempts: [first, second] })).toEqual([]);
  const away = { training: { checkpointProblem: 'the store is away' } };
  expect(told({ training: {} }, away)).toEqual([['CheckpointNotWritten', 'the store is away']]);
  expect(told(away, { training: { checkpointProblem: 'still' } })).toEqual([]);
  expect(told(away, { training: {} })).toEqual([]);
});

test.each([
  ['a group that is slower than one worker would be', 'ScalingUseful'],
  ['an attempt that holds GPUs and computes on the CPU', 'GpuUsed'],
])('%s is an event, once', (_, type) => {
  const of = (status: 'True' | 'False') => ({
    conditions: [{ type, status, reason: 'R', message: 'how much', lastTransitionTime: ago(1) }],
  });
  const told = (before: object | undefined, after: object) => runEvents(before, after).map(({ message }) => message);
  expect([told(undefined, of('False')), told(of('True'), of('False'))]).toEqual([['how much'], ['how much']]);
  expect([told(of('False'), of('False')), told(of('False'), of('True')), told({}, of('True'))]).toEqual([[], [], []]);
});

describe('events', () => {
  const open: Attempt = { number: 1, startedAt: ago(60) };
  const of = (state: RunState, attempts: readonly Attempt[], gates?: GateVerdict) => status(state, gates, attempts);
  const running: RunState = { kind: 'running', message: 'm' };
  const silent: RunState = { kind: 'running', reason: 'WorkerUnreachable', message: 'where' };
  const stuck = (reason: Reason): RunState => ({ kind: 'restarting', reason, message: 'which' });
  const failed: RunState = { kind: 'failed', reason: 'Crashed', message: 'the end' };
  test.each([
    ['the first attempt begins', undefined, of(running, [open]), []],
    [
      'another attempt begins',
      of(running, [pastAttempt(1, 'Failed', 1)]),
      of(running, [pastAttempt(1, 'Failed', 1), { number: 2, startedAt: ago(1) }]),
      ['AttemptStarting Attempt 2 starts.'],
    ],
    ['nothing changed', of(running, [open]), of(running, [open]), []],
    [
      'an attempt fails',
      of(running, [open]),
      of(running, [pastAttempt(1, 'Failed', 1)]),
      ['Crashed Attempt 1 ended: what happened'],
    ],
    [
      'an attempt is suspended',
      of(running, [open]),
      of({ kind: 'suspended', message: 'm' }, [
        { ...open, endedAt: ago(1), outcome: 'Suspended', reason: 'Suspended' },
      ]),
      ['Suspended Attempt 1 is suspended.'],
    ],
    [
      'data is missing',
      of(running, []),
      of({ kind: 'waiting', reason: 'DataMissing', message: 'where' }, []),
      ['DataMissing where'],
    ],
    [
      'data is still missing',
      of({ kind: 'waiting', reason: 'DataMissing', message: 'where' }, []),
      of({ kind: 'waiting', reason: 'DataMissing', message: 'there' }, []),
      [],
    ],
    ['a pod does not go', of(stuck('PodsStopping'), []), of(stuck('PodsStuck'), []), ['PodsStuck which']],
    ['a pod still does not go', of(stuck('PodsStuck'), []), of(stuck('PodsStuck'), []), []],
    ['a worker is out of reach', of(running, [open]), of(silent, [open]), ['WorkerUnreachable where']],
    ['a worker is still out of reach', of(silent, [open]), of(silent, [open]), []],
    ['the job fails', of(running, []), of(failed, []), ['Crashed the end']],
    ['the job has failed', of(failed, []), of(failed, []), []],
    [
      'the job succeeds',
      of(running, []),
      of({ kind: 'succeeded', result }, [], held),
      ['GatesPassed accuracy 0.98 ≥ 0.95 (n=359).'],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(runEvents(before, after).map(({ reason, message }) => `${reason} ${message}`)).toEqual(expected);
  });
});
