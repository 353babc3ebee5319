import { expect, test } from '@jest/globals';
import { runPulse } from '../../../operator/kernel/pulse.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { rememberingLog } from '../../support/toy.ts';

test('tells how late the event loop runs, says so when it is blocked, and ends', async () => {
  const [clock, log, stop, late] = [new FakeClock(), rememberingLog(), new AbortController(), [] as number[]];
  const running = runPulse({ clock, log, beat: (lateMs) => late.push(lateMs) }, stop.signal);
  await settle();
  await clock.advance(1000);
  clock.pause(1499);
  await clock.advance(0);
  expect([late, log.lines]).toEqual([[0, 0, 999], []]);
  clock.pause(1500);
  await clock.advance(0);
  expect(late.at(-1)).toBe(1000);
  expect(log.lines).toHaveLength(1);
  expect(log.lines[0]).toContain('event loop blocked');
  stop.abort();
  await running;
  const beats = late.length;
  await clock.advance(5000);
  expect(late).toHaveLength(beats);
});
