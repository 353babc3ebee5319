import { beforeEach, expect, test } from '@jest/globals';
import { StuckThread } from '../../../runtime/server/stuck-thread.ts';
import { quiet } from '../../support/quiet-log.ts';

let signals: NodeJS.Signals[];
let timers: { readonly delayMs: number; readonly callback: () => void }[];
let stuck: StuckThread;

beforeEach(() => {
  [signals, timers] = [[], []];
  const kill = (signal: NodeJS.Signals): unknown => signals.push(signal);
  const after = (delayMs: number, callback: () => void): unknown => timers.push({ delayMs, callback });
  stuck = new StuckThread({ kill, after }, 1000, quiet);
});

test('the process drains first, and ends by SIGKILL', () => {
  stuck.found();
  expect(signals).toEqual(['SIGTERM']);
  stuck.end();
  expect(signals).toEqual(['SIGTERM', 'SIGKILL']);
});

test('it ends before the time to drain is over, where that takes too long', () => {
  stuck.found();
  expect(timers.map(({ delayMs }) => delayMs < 1000)).toEqual([true]);
  timers[0]?.callback();
  expect(signals).toEqual(['SIGTERM', 'SIGKILL']);
});

test('a second one changes nothing: a second SIGTERM would end the process at once', () => {
  stuck.found();
  stuck.found();
  expect([signals, timers.length]).toEqual([['SIGTERM'], 1]);
});

test('without one the process ends as ever', () => {
  stuck.end();
  expect(signals).toEqual([]);
});
