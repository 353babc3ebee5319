import { describe, expect, test } from '@jest/globals';
import { ServerTime } from '../../../operator/kernel/server-time.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { rememberingLog } from '../../support/toy.ts';

/** A process whose wall clock is wrong by `-aheadMs`, and an API server that answers it. */
function facing(aheadMs: number) {
  const [clock, log] = [new FakeClock(), rememberingLog()];
  const time = new ServerTime(clock, log);
  let leftMs = aheadMs;
  return {
    ...{ clock, log, time },
    /** An answer that is written in the middle of the time that it takes. */
    answer: (tookMs: number): void => {
      clock.pause(tookMs / 2);
      const date = new Date(clock.now().getTime() + leftMs).toUTCString();
      clock.pause(tookMs / 2);
      time.hear(date, tookMs);
    },
    setServer: (byMs: number): void => {
      leftMs += byMs;
    },
  };
}

describe('the time of the API server', () => {
  test('is our own as long as nothing was heard, or nothing of use', () => {
    const { time, clock } = facing(0);
    expect(time.aheadMs).toBe(0);
    time.hear(undefined, 5);
    time.hear('soon', 5);
    expect([time.aheadMs, time.clock.now()]).toEqual([0, clock.now()]);
  });

  test.each([0, 400, -400])('is our own where the clocks may be the same: %i ms ahead', (aheadMs) => {
    const { time, answer } = facing(aheadMs);
    answer(20);
    expect(time.aheadMs).toBe(0);
  });

  test.each([-3_600_000, -45_000, -2000, 2000, 45_000, 86_400_000])('is told by answers: %i ms ahead', (aheadMs) => {
    const { time, clock, answer } = facing(aheadMs);
    answer(20);
    expect(Math.abs(time.aheadMs - aheadMs)).toBeLessThanOrEqual(1000);
    for (let count = 0; count < 100; count += 1) {
      clock.pause(590);
      answer(20);
    }
    expect(Math.abs(time.aheadMs - aheadMs)).toBeLessThan(30);
    expect(time.clock.now().getTime()).toBe(clock.now().getTime() + time.aheadMs);
  });

  test('is not moved by an answer that took long', () => {
    const { time, clock, answer } = facing(45_000);
    answer(20);
    const before = time.aheadMs;
    clock.pause(500);
    answer(60_000);
    expect(time.aheadMs).toBe(before);
  });

  test.each([
    ['of the API server', 90_000, (scene: ReturnType<typeof facing>) => scene.setServer(90_000)],
    [
      'of this machine',
      -90_000,
      (scene: ReturnType<typeof facing>) => {
        scene.clock.moveWall(90_000);
        scene.setServer(-90_000);
      },
    ],
  ])('is learnt anew with the next answer when the clock %s is set', (_, byMs, set) => {
    const scene = facing(0);
    scene.answer(20);
    set(scene);
    scene.answer(20);
    expect(Math.abs(scene.time.aheadMs - byMs)).toBeLessThanOrEqual(1000);
    scene.setServer(-byMs);
    scene.answer(20);
    expect(scene.time.aheadMs).toBe(0);
  });

  test('leaves timers and durations alone', async () => {
    const { time, clock, answer } = facing(45_000);
    answer(20);
    let ran = 0;
    time.clock.after(1000, () => (ran += 1));
    time.clock.after(1000, () => (ran += 10))();
    await clock.advance(1000);
    expect([ran, time.clock.monotonicMs()]).toEqual([1, clock.monotonicMs()]);
  });

  test('that differs by more than half a minute is said once, until it is right again', () => {
    const { log, answer, setServer } = facing(29_000);
    const said = 'clock differs from the one of the API server {"aheadSeconds":45}';
    answer(20);
    expect(log.lines).toEqual([]);
    setServer(16_000);
    answer(20);
    answer(20);
    expect(log.lines).toEqual([said]);
    setServer(-45_000);
    answer(20);
    setServer(45_000);
    answer(20);
    expect(log.lines).toEqual([said, said]);
  });
});
