import { describe, expect, test } from '@jest/globals';
import {
  attemptsOf,
  earlierRunSeconds,
  countedFailures,
  failedAttempt,
  inARow,
  kept,
  openAttempt,
  ranMs,
  succeededAttempt,
  timeText,
  withLast,
} from '../../../operator/workloads/attempts.ts';
import type { BatchJob } from '../../../operator/api/kubernetes.ts';
import type { TrainerSuccess } from '../../../operator/api/trainer-contract.ts';
import { ago, attemptJob, now, pastAttempt, success, teacherJob, worker } from '../../support/runs.ts';

describe('the list of attempts', () => {
  test('is what the status remembers', () => {
    const attempts = [pastAttempt(1, 'Failed', 60)];
    expect(
      attemptsOf({ root: teacherJob({}, { attempts }), pods: [], jobs: [attemptJob(1)], news: undefined }),
    ).toEqual(attempts);
  });

  test('has a Job that was made by a process that died before it could say so', () => {
    const root = teacherJob({}, { attempts: [pastAttempt(1, 'Failed', 60)] });
    const [, second] = attemptsOf({ root, pods: [], jobs: [attemptJob(2), attemptJob(1)], news: undefined });
    expect(second).toEqual({ number: 2, startedAt: ago(60), profile: 'cpu' });
  });

  test('says from which step the open attempt went on, as its own rank 0 tells', () => {
    const root = teacherJob({}, { attempts: [pastAttempt(1, 'Failed', 60), { number: 2, startedAt: ago(5) }] });
    const resumed = (attempt: number) => {
      const news = { attempt, progress: '4%', training: {}, resumedFromStep: 40 };
      return attemptsOf({ root, pods: [], jobs: [], news }).map(({ resumedFromStep }) => resumedFromStep);
    };
    expect([resumed(2), resumed(1)]).toEqual([
      [undefined, 40],
      [undefined, undefined],
    ]);
  });

  test('says which checkpoints the open attempt skipped, at its end as its result has it', () => {
    const root = teacherJob({}, { attempts: [{ number: 1, startedAt: ago(5) }] });
    const news = { attempt: 1, progress: '4%', training: {}, skippedCheckpoint: 'step 20: torn' };
    const [open] = attemptsOf({ root, pods: [], jobs: [], news });
    expect(open?.skippedCheckpoint).toBe('step 20: torn');
    const result = { ...(success as unknown as TrainerSuccess), skippedCheckpoint: 'step 30: torn' };
    expect(succeededAttempt(open!, result, now).skippedCheckpoint).toBe('step 30: torn');
  });

  test('keeps every counted failure and the newest of the others', () => {
    const attempts = Array.from({ length: 70 }, (_, at) =>
      pastAttempt(at + 1, at % 35 === 0 ? 'Failed' : 'Waiting', 700 - at),
    );
    const list = kept(attempts);
    expect(list).toHaveLength(64);
    expect(list.filter(({ outcome }) => outcome === 'Failed').map(({ number }) => number)).toEqual([1, 36]);
    expect(list.at(-1)?.number).toBe(70);
    expect(kept(list)).toBe(list);
  });

  test('are never more than the status may hold, the open one included', () => {
    const attempts = Array.from({ length: 64 }, (_, at) => pastAttempt(at + 1, 'Waiting', 700 - at));
    const list = attemptsOf({ root: teacherJob({}, { attempts }), pods: [], jobs: [attemptJob(65)], news: undefined });
    expect(list.map(({ number }) => number)).toEqual(Array.from({ length: 64 }, (_, at) => at + 2));
    expect(list.at(-1)?.endedAt).toBeUndefined();
  });
});

test('an attempt is open until it has an end', () => {
  const open = { number: 2, startedAt: ago(5) };
  expect(openAttempt([pastAttempt(1, 'Failed', 60), open])).toBe(open);
  expect(openAttempt([pastAttempt(1, 'Failed', 60)])).toBeUndefined();
  expect(openAttempt([])).toBeUndefined();
});

test.each([
  ['permanent', 'Failed'],
  ['counted', 'Failed'],
  ['free', 'Preempted'],
  ['waiting', 'Waiting'],
] as const)('an attempt that ended by a %s failure has the outcome %s', (weight, outcome) => {
  const closed = failedAttempt(
    { number: 1, startedAt: ago(9) },
    { reason: 'Crashed', message: 'why', weight, pod: 'p', exitCode: 1 },
    now,
  );
  expect(closed).toEqual({
    number: 1,
    startedAt: ago(9),
    endedAt: timeText(now),
    outcome,
    reason: 'Crashed',
    message: 'why',
    pod: 'p',
    exitCode: 1,
  });
});

test('only failures count', () => {
  const attempts = [
    pastAttempt(1, 'Failed', 60),
    pastAttempt(2, 'Preempted', 50),
    pastAttempt(3, 'Waiting', 40),
    pastAttempt(4, 'Failed', 30),
  ];
  expect(countedFailures(attempts)).toBe(2);
});

test.each([
  [['Waiting', 'Waiting'], 2],
  [['Waiting', 'Failed', 'Waiting'], 1],
  [['Waiting', 'Failed'], 0],
  [[], 0],
] as const)('after %j the endings of this kind in a row are %i', (outcomes, count) => {
  const attempts = outcomes.map((outcome, at) => pastAttempt(at + 1, outcome, 60));
  expect(inARow(attempts, 'Waiting')).toBe(count);
});

test('time runs while an attempt does, not in a pause or while input is missing', () => {
  const attempts = [pastAttempt(1, 'Failed', 600), pastAttempt(2, 'Waiting', 300), { number: 3, startedAt: ago(5) }];
  expect(ranMs(teacherJob(), attempts, now)).toBe(35_000);
});

test('of a run in a queue, time runs from when each attempt was admitted', () => {
  const { placement } = teacherJob().spec;
  const queued = teacherJob({ placement: { ...placement, queueName: 'team-a' } });
  const attempts = [
    { ...pastAttempt(1, 'Preempted', 600), admittedAt: ago(610) },
    pastAttempt(2, 'Suspended', 300),
    { number: 3, startedAt: ago(90), admittedAt: ago(5) },
  ];
  expect(ranMs(queued, attempts, now)).toBe(15_000);
  expect(ranMs(queued, [{ number: 1, startedAt: ago(90) }], now)).toBe(0);
});

test('an open attempt in a queue says when it was admitted, the last time', () => {
  const { placement } = teacherJob().spec;
  const open = { number: 2, startedAt: ago(90), admittedAt: ago(80) };
  const of = (queueName: string | undefined, startTime: string | undefined) => {
    const named = queueName === undefined ? placement : { ...placement, queueName };
    const past = pastAttempt(1, 'Failed', 100);
    const root = teacherJob({ placement: named }, { attempts: [past, open] });
    const jobs = [1, 2].map((number) => ({
      ...attemptJob(number),
      status: startTime === undefined ? {} : { startTime },
    }));
    return attemptsOf({ root, pods: [], jobs, news: undefined }).map(({ admittedAt }) => admittedAt);
  };
  expect(of('team-a', ago(20))).toEqual([undefined, ago(20)]);
  expect(of('team-a', undefined)).toEqual([undefined, ago(80)]);
  expect(of(undefined, ago(20))).toEqual([undefined, ago(80)]);
});

test('an attempt in a queue that ends before its Job is seen to begin was admitted when its first pod was made', () => {
  const { placement } = teacherJob().spec;
  const root = teacherJob(
    { placement: { ...placement, queueName: 'team-a' } },
    { attempts: [{ number: 2, startedAt: ago(90) }] },
  );
  const made = (attempt: number, seconds: number) => {
    const pod = worker(0, {}, attempt);
    return { ...pod, metadata: { ...pod.metadata, creationTimestamp: ago(seconds) } };
  };
  const pods = [made(1, 80), made(2, 30), made(2, 40)];
  const of = (jobs: readonly BatchJob[]) => attemptsOf({ root, pods, jobs, news: undefined })[0]?.admittedAt;
  expect(of([attemptJob(2)])).toBe(ago(40));
  expect(of([{ ...attemptJob(2), status: { startTime: ago(41) } }])).toBe(ago(41));
});

test('what attempts have run stays known when the list no longer has them, and counts once', () => {
  const before = Array.from({ length: 66 }, (_, at) =>
    pastAttempt(at + 1, at === 1 ? 'Waiting' : 'Preempted', 9000 - at * 60),
  );
  const list = kept(before);
  const root = teacherJob({}, { attempts: before, earlierRunSeconds: 100 });
  // Of the two that go, one found its input missing.
  expect(earlierRunSeconds(root, list)).toBe(130);
  const forged = teacherJob({}, { attempts: list, earlierRunSeconds: 2 ** 63 });
  expect(earlierRunSeconds(forged, list)).toBe(Number.MAX_SAFE_INTEGER);
  const stored = teacherJob({}, { attempts: list, earlierRunSeconds: 130 });
  expect(earlierRunSeconds(stored, list)).toBe(130);
  expect(earlierRunSeconds(teacherJob(), [])).toBe(0);
});

test('the last attempt can be replaced', () => {
  const [one, two, other] = [pastAttempt(1, 'Failed', 60), pastAttempt(2, 'Failed', 50), pastAttempt(2, 'Waiting', 40)];
  expect(withLast([one, two], other)).toEqual([one, other]);
});

test('what is said of an end fits into the status', () => {
  const failure = { reason: 'Crashed', message: 'x'.repeat(4000), weight: 'counted' } as const;
  expect(failedAttempt({ number: 1, startedAt: ago(9) }, failure, now).message).toHaveLength(2048);
});
