import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { sleep, systemClock } from '../../process/clock.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

describe('sleep', () => {
  test('ends when the time has come', async () => {
    const clock = new FakeClock();
    let woke = false;
    const asleep = sleep(clock, 100, new AbortController().signal).then(() => (woke = true));
    await clock.advance(99);
    expect(woke).toBe(false);
    await clock.advance(1);
    await asleep;
    expect(woke).toBe(true);
  });

  test('ends at once when aborted, before or meanwhile', async () => {
    const [clock, abort] = [new FakeClock(), new AbortController()];
    const asleep = sleep(clock, 100, abort.signal);
    await settle();
    abort.abort();
    await asleep;
    await sleep(clock, 100, abort.signal);
    expect(clock.monotonicMs()).toBe(0);
  });
});

describe('systemClock', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test('waits for longer than a timer of the runtime can', () => {
    jest.useFakeTimers();
    const ran: string[] = [];
    systemClock.after(2 ** 31 + 1000, () => ran.push('ran'));
    const cancel = systemClock.after(2 ** 31 + 1000, () => ran.push('cancelled'));
    jest.advanceTimersByTime(2 ** 31);
    cancel();
    jest.advanceTimersByTime(999);
    expect(ran).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(ran).toEqual(['ran']);
  });

  test('what is due already runs next, without a warning', () => {
    jest.useFakeTimers();
    const given = jest.spyOn(globalThis, 'setTimeout');
    systemClock.after(-5, () => undefined);
    expect(given.mock.calls.map(([, ms]) => ms)).toEqual([0]);
    given.mockRestore();
    jest.useRealTimers();
  });

  test('runs callbacks once, unless cancelled', async () => {
    const ran: string[] = [];
    const cancel = systemClock.after(1, () => ran.push('cancelled'));
    cancel();
    await new Promise<void>((resolve) => {
      systemClock.after(2, () => {
        ran.push('ran');
        resolve();
      });
    });
    expect(ran).toEqual(['ran']);
    expect(systemClock.now()).toBeInstanceOf(Date);
    expect(systemClock.monotonicMs()).toBeGreaterThan(0);
  });
});
