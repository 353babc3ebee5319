/** Properties whose every try takes seconds, most of them spent waiting for controllers: some at a time. */
import { randomInt } from 'node:crypto';
import fc from 'fast-check';

const all = process.env['LIMBECK_FAULTS'] === 'all';
/** Of a failure, as fast-check prints it beside the seed: that one alone is tried again. */
const path = process.env['LIMBECK_PATH'];
const lanes = path === undefined ? 2 : 1;
const perLane = all && path === undefined ? 20 : 1;
/** However slow the machine is. */
const atLeastPerLane = Math.min(3, perLane);
/** As many as there must be. */
export const fewestTries = lanes * atLeastPerLane;
/** No new try after this time, apart from those that must be: on a busy machine fewer are made. */
const timeLimitMs = 240_000;

/** Anew for each full run; a sample is always the same. */
const chosenSeed = (): number => (all ? randomInt(2 ** 31) : 20261124);
export const seed = Number(process.env['LIMBECK_SEED'] ?? chosenSeed());

/** What fast-check says, and what the property said. */
const worded = (reason: unknown): string =>
  reason instanceof Error && reason.cause instanceof Error
    ? `${reason.message}\n${reason.cause.message}`
    : String(reason);

export interface Tried {
  readonly tries: number;
  /** What fast-check found, with its seed. */
  readonly failed: readonly string[];
}

/** Each lane with a seed of its own; the first is the seed itself, so that a printed one is found again. */
export async function tried<T>(
  arbitrary: fc.Arbitrary<T>,
  complaintsOf: (value: T) => Promise<readonly string[]>,
): Promise<Tried> {
  const endMs = performance.now() + timeLimitMs;
  const lane = async (_: unknown, index: number): Promise<number> => {
    let tries = 0;
    // Not by a limit of fast-check, which leaves what is under way unjudged and calls none at all a failure.
    const property = fc.asyncProperty(arbitrary, async (value) => {
      if (tries >= atLeastPerLane && performance.now() > endMs) return;
      tries += 1;
      const found = await complaintsOf(value);
      if (found.length > 0) throw new Error(found.join('\n'));
    });
    // Not made smaller: a smaller spec takes as long to try, and there are thousands.
    const again = path === undefined ? {} : { path };
    await fc.assert(property, { numRuns: perLane, seed: seed + index, endOnFailure: true, ...again });
    return tries;
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  return {
    tries: ends.reduce((sum, end) => sum + (end.status === 'fulfilled' ? end.value : 0), 0),
    failed: ends.flatMap((end) => (end.status === 'rejected' ? [worded(end.reason)] : [])),
  };
}
