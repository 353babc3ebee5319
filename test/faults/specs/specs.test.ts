/**
 * Chains of declarations at random on a real API server with the real reconcilers. What fails is printed with its seed;
 * LIMBECK_SEED takes it again. More and longer with LIMBECK_FAULTS=all.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { openRawApi } from '../../support/raw-api.ts';
import { openLaboratory, type OpenLaboratory } from '../laboratory.ts';
import { goodAgain, lastAloneDecides } from './chain.ts';
import { badStep, chain, goodStep } from './declarations.ts';

const all = process.env['LIMBECK_FAULTS'] === 'all';
const seed = Number(process.env['LIMBECK_SEED'] ?? 20261124);
/** Chains at a time: they mostly wait for controllers. */
const lanes = 5;
const perLane = all ? 40 : 3;

let laboratory: OpenLaboratory;
const api = openRawApi();

beforeAll(async () => {
  laboratory = await openLaboratory();
}, 60_000);

afterAll(async () => {
  await Promise.allSettled(running);
  await laboratory.close();
  await api.close();
}, 60_000);

/** What fast-check says, and what the property said. */
const worded = (reason: unknown): string =>
  reason instanceof Error && reason.cause instanceof Error
    ? `${reason.message}\n${reason.cause.message}`
    : String(reason);

/** What runs, also when a limit of time has cut the property off. */
const running = new Set<Promise<unknown>>();
async function noted<T>(work: Promise<T>): Promise<T> {
  running.add(work);
  try {
    return await work;
  } finally {
    running.delete(work);
  }
}

/** Some at a time, each lane with a seed of its own; the first is the seed itself, so that a printed one is found again. */
async function holds<T extends unknown[]>(property: fc.IAsyncProperty<T>): Promise<void> {
  const limits = {
    numRuns: perLane,
    interruptAfterTimeLimit: all ? 1_500_000 : 100_000,
    markInterruptAsFailure: false,
  };
  const lane = (_: unknown, index: number): Promise<void> => fc.assert(property, { ...limits, seed: seed + index });
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const failed = ends.flatMap((end) => (end.status === 'rejected' ? [worded(end.reason)] : []));
  expect(failed).toEqual([]);
}

test('the last declaration alone decides what is there', async () => {
  await holds(
    fc.asyncProperty(chain, async (steps) => {
      expect(await noted(lastAloneDecides(laboratory, api, steps))).toEqual([]);
    }),
  );
}, 1_800_000);

test('bad declarations leave nothing behind once the good one is back', async () => {
  const bad = fc.array(badStep, { minLength: 1, maxLength: 3 });
  await holds(
    fc.asyncProperty(goodStep, bad, async (good, between) => {
      expect(await noted(goodAgain(laboratory, api, good, between))).toEqual([]);
    }),
  );
}, 1_800_000);
