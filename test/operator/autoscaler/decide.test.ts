import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decide, windowsFor, type Load, type Situation } from '../../../operator/autoscaler/decide.ts';

const now = 1_000_000;
const seconds = (ago: number): number => now - ago * 1000;

const quiet: Load = {
  ...{ known: true, waiting: 0, inFlight: 0, arrived: 0 },
  ...{ stable: 0, stableCovered: 1, burst: 0, sustained: 0 },
};
const steady = (load: number): Load => ({ ...quiet, inFlight: load, stable: load, burst: load, sustained: load });
const jump = (from: number, to: number): Load => ({
  ...quiet,
  ...{ inFlight: to, stable: from, burst: from, sustained: to },
});

const usual: Situation = {
  ...{ minReplicas: 0, maxReplicas: 10, targetInFlight: 4, idleSeconds: 60, maxColdStartSeconds: 120 },
  ...{ pinned: undefined, currentReplicas: 1, readyReplicas: 1, verified: true },
  ...{ load: quiet, lastBusyAtMs: seconds(1), lastBurstAtMs: undefined },
};
const of = (current: number, rest: Partial<Situation>): Situation => ({
  ...usual,
  ...{ currentReplicas: current, readyReplicas: current },
  ...rest,
});

type Row = [string, Situation, number, string];

test.each<Row>([
  ['a pin is kept, whatever the load', of(1, { pinned: 3, load: steady(40) }), 3, 'taken over from spec.replicas'],
  ['a pin to zero too', of(2, { pinned: 0, load: steady(40) }), 0, 'taken over'],
  ['a pin beyond maxReplicas is a person’s will', of(2, { pinned: 20 }), 20, 'taken over'],
  // From zero
  ['zero and quiet stays', of(0, {}), 0, 'nobody asks'],
  ['one request wakes one', of(0, { load: { ...quiet, waiting: 1 } }), 1, '1 request came'],
  ['forty wake ten at once', of(0, { load: { ...quiet, waiting: 40 } }), 10, '40 requests came'],
  ['never more than maxReplicas', of(0, { load: { ...quiet, waiting: 4000 } }), 10, '4000'],
  ['who gave up is answered next time', of(0, { load: { ...quiet, arrived: 1 } }), 1, 'gave up'],
  ['also while a gateway is not heard', of(0, { load: { ...quiet, known: false, waiting: 5 } }), 2, '5 requests'],
  ['a new revision starts one by itself', of(0, { verified: false }), 1, 'has not answered'],
  ['minReplicas is kept', of(0, { minReplicas: 2 }), 2, 'minReplicas is 2'],
  ['maxReplicas is kept', of(12, { load: steady(48) }), 10, 'maxReplicas is 10'],
  // Up
  ['a step is followed at once', of(1, { load: jump(1, 40) }), 10, '40 requests at a time'],
  ['by the burst average alone too', of(1, { load: { ...steady(3), burst: 9, sustained: 2 } }), 3, '9 requests'],
  ['exactly full is enough', of(2, { load: steady(8) }), 2, 'fits 2'],
  ['the stable average alone never raises', of(2, { load: { ...quiet, stable: 40, inFlight: 1 } }), 2, ''],
  [
    'also by what is heard while a gateway is not',
    of(1, { load: { ...jump(1, 600), known: false } }),
    10,
    '600 requests',
  ],
  ['not beyond what is heard', of(2, { load: { ...steady(8), known: false } }), 2, 'not every gateway'],
  // Down
  ['by half at most', of(10, { load: steady(1) }), 5, '1 requests on average need 1 of 10'],
  ['to what is needed', of(4, { load: steady(11) }), 3, '11 requests'],
  ['not while somebody was busy a moment ago: one stays', of(2, { load: quiet }), 1, ''],
  ['not below one while somebody asks now and then', of(1, { load: { ...quiet, stable: 0.1 } }), 1, 'fits 1'],
  ['not while a burst is near', of(10, { load: steady(1), lastBurstAtMs: seconds(59) }), 10, 'a burst ended'],
  ['after a burst', of(10, { load: steady(1), lastBurstAtMs: seconds(60) }), 5, 'on average'],
  ['not before the window is watched', of(10, { load: { ...steady(1), stableCovered: 0.5 } }), 10, 'watched long'],
  ['not while a gateway is not heard', of(10, { load: { ...steady(1), known: false } }), 10, 'not every gateway'],
  // Idle
  ['idle long enough: zero at once', of(8, { lastBusyAtMs: seconds(60) }), 0, 'nobody asked for 60 s'],
  ['idle not long enough', of(1, { lastBusyAtMs: seconds(59) }), 1, ''],
  ['idle, but minReplicas', of(4, { lastBusyAtMs: seconds(60), minReplicas: 1 }), 1, 'nobody asked'],
  ['idle, but not verified', of(1, { lastBusyAtMs: seconds(600), verified: false }), 1, 'nobody asked'],
  ['idle, but unknown', of(1, { lastBusyAtMs: seconds(600), load: { ...quiet, known: false } }), 1, 'not every'],
  ['a starting replica is not reaped', of(1, { lastBusyAtMs: seconds(60), readyReplicas: 0 }), 1, ''],
  ['until it had its time', of(1, { lastBusyAtMs: seconds(120), readyReplicas: 0 }), 0, 'nobody asked'],
  ['ten seconds are enough where asked', of(1, { idleSeconds: 10, lastBusyAtMs: seconds(10) }), 0, 'for 10 s'],
])('%s', (...[, situation, replicas, reason]) => {
  const decision = decide(situation, now);
  expect(decision.replicas).toBe(replicas);
  expect(decision.reason).toContain(reason);
});

test.each([
  [1, 6, 2],
  [10, 10, 2],
  [60, 60, 6],
  [3600, 60, 6],
])('idle after %i s: windows of %i and %i s', (idle, stable, burst) => {
  expect(windowsFor(idle)).toMatchObject({ stableMs: stable * 1000, burstMs: burst * 1000 });
});

describe('whatever the load', () => {
  const loads = fc.record({
    known: fc.boolean(),
    waiting: fc.nat(100),
    inFlight: fc.nat(100),
    arrived: fc.nat(3),
    stable: fc.option(fc.double({ min: 0, max: 200, noNaN: true }), { nil: undefined }),
    stableCovered: fc.double({ min: 0, max: 1, noNaN: true }),
    burst: fc.option(fc.double({ min: 0, max: 200, noNaN: true }), { nil: undefined }),
    sustained: fc.option(fc.nat(100), { nil: undefined }),
  });
  const situations = fc
    .record({
      ...{ load: loads, verified: fc.boolean(), minReplicas: fc.nat(3), more: fc.nat(20) },
      ...{ targetInFlight: fc.integer({ min: 1, max: 20 }), currentReplicas: fc.nat(30), notReady: fc.nat(5) },
      ...{ idle: fc.nat(200), burstAgo: fc.option(fc.nat(200), { nil: undefined }) },
    })
    .map(({ more, notReady, idle, burstAgo, ...rest }): Situation => ({
      ...{ ...usual, ...rest, maxReplicas: Math.max(1, rest.minReplicas + more) },
      readyReplicas: Math.max(0, rest.currentReplicas - notReady),
      lastBusyAtMs: seconds(idle),
      lastBurstAtMs: burstAgo === undefined ? undefined : seconds(burstAgo),
    }));

  test('the number is within the bounds, never idle-stopped while somebody asks, never halved twice', () => {
    fc.assert(
      fc.property(situations, (seen) => {
        const { replicas } = decide(seen, now);
        const { load, currentReplicas: current } = seen;
        expect(replicas).toBeGreaterThanOrEqual(Math.min(seen.minReplicas, current));
        expect(replicas).toBeLessThanOrEqual(Math.max(seen.maxReplicas, 1));
        if (load.waiting + load.inFlight > 0 && (load.known || current === 0)) expect(replicas).toBeGreaterThan(0);
        if (!seen.verified) expect(replicas).toBeGreaterThan(0);
        const idle = now - seen.lastBusyAtMs >= seen.idleSeconds * 1000;
        const least = Math.min(Math.floor(current / 2), seen.maxReplicas);
        if (!idle || load.waiting + load.inFlight > 0) expect(replicas).toBeGreaterThanOrEqual(least);
        if (!load.known) expect(replicas).toBeGreaterThanOrEqual(Math.min(current, seen.maxReplicas));
        // What is heard is there at least.
        const heardOnly = decide({ ...seen, load: { ...load, known: false } }, now).replicas;
        expect(heardOnly).toBeGreaterThanOrEqual(replicas);
      }),
      { numRuns: 500 },
    );
  });
});
