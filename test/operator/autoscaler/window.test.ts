import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { longestWindowMs, Window } from '../../../operator/autoscaler/window.ts';

describe('a window', () => {
  test('averages a step by the time each load held', () => {
    const window = new Window(0);
    window.observe(2, 0);
    window.observe(6, 3000);
    expect(window.average(4000, 4000)).toEqual({ mean: 3, covered: 1 });
    expect(window.average(1000, 4000)).toEqual({ mean: 6, covered: 1 });
    expect(window.average(2000, 4000).mean).toBe(4);
  });

  test('what is unknown is neither load nor idleness', () => {
    const window = new Window(0);
    window.observe(4, 0);
    window.observe(undefined, 1000);
    window.observe(8, 3000);
    expect(window.average(4000, 4000)).toEqual({ mean: 6, covered: 0.5 });
    expect(window.average(10_000, 4000).covered).toBe(0.2);
  });

  test('nothing known: no mean, not zero', () => {
    const window = new Window(0);
    expect(window.average(4000, 60_000)).toEqual({ mean: undefined, covered: 0 });
    expect(window.sustained(1000, 60_000)).toBeUndefined();
  });

  test('sustained is the least that was there throughout', () => {
    const window = new Window(0);
    window.observe(1, 0);
    window.observe(40, 5000);
    expect(window.sustained(1000, 5500)).toBe(1);
    expect(window.sustained(1000, 6000)).toBe(40);
    window.observe(38, 6100);
    expect(window.sustained(1000, 6200)).toBe(38);
    window.observe(undefined, 6300);
    expect(window.sustained(1000, 6400)).toBeUndefined();
  });

  test('a long silence of samples holds the last load, and forgets what is older than the window', () => {
    const window = new Window(0);
    window.observe(100, 0);
    window.observe(1, 1000);
    expect(window.average(60_000, 3_600_000)).toEqual({ mean: 1, covered: 1 });
  });
});

test('who says the same again says nothing', () => {
  const load = fc.option(fc.nat(3), { nil: undefined });
  const story = fc.array(fc.tuple(fc.integer({ min: 1, max: 20_000 }), load), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(story, fc.integer({ min: 1, max: 40_000 }), (samples, windowMs) => {
      const [talkative, terse] = [new Window(0), new Window(0)];
      let nowMs = 0;
      for (const [ms, each] of samples) {
        terse.observe(each, nowMs);
        for (let said = 0; said < ms; said += 700) talkative.observe(each, nowMs + said);
        nowMs += ms;
      }
      const told = [talkative, terse].map((one) => [one.average(windowMs, nowMs), one.sustained(windowMs, nowMs)]);
      expect(told[0]).toEqual(told[1]);
    }),
  );
});

test('the mean equals that of a plain sum, to half a second at the old end', () => {
  const story = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.nat(50)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(story, fc.integer({ min: 1, max: longestWindowMs / 500 }), (samples, halfSeconds) => {
      const window = new Window(0);
      const loads: number[] = [];
      for (const [ms, load] of samples) {
        window.observe(load, loads.length);
        for (let n = 0; n < ms; n++) loads.push(load);
      }
      // At a bucket's edge no bucket is cut, and the ring must be exact.
      while (loads.length % 500 !== 0) loads.push(loads.at(-1) ?? 0);
      const windowMs = Math.min(halfSeconds * 500, loads.length);
      const recent = loads.slice(-windowMs);
      const { mean, covered } = window.average(windowMs, loads.length);
      expect(covered).toBeCloseTo(1, 9);
      expect(mean).toBeCloseTo(recent.reduce((sum, load) => sum + load, 0) / windowMs, 6);
    }),
    { numRuns: 60 },
  );
});
