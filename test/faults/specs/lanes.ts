/** Properties whose every try takes seconds, most of them spent waiting for controllers: some at a time. */
import fc from 'fast-check';

const all = process.env['LIMBECK_FAULTS'] === 'all';
const seed = Number(process.env['LIMBECK_SEED'] ?? 20261124);
const lanes = 2;
const perLane = all ? 20 : 1;
/** No new try after this time, apart from the first of each lane: on a busy machine fewer are made. */
const timeLimitMs = 240_000;

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
      if (tries > 0 && performance.now() > endMs) return;
      tries += 1;
      const found = await complaintsOf(value);
      if (found.length > 0) throw new Error(found.join('\n'));
    });
    // Not made smaller: a smaller spec takes as long to try, and there are thousands.
    await fc.assert(property, { numRuns: perLane, seed: seed + index, endOnFailure: true });
    return tries;
  };
  const ends = await Promise.allSettled(Array.from({ length: lanes }, lane));
  return {
    tries: ends.reduce((sum, end) => sum + (end.status === 'fulfilled' ? end.value : 0), 0),
    failed: ends.flatMap((end) => (end.status === 'rejected' ? [worded(end.reason)] : [])),
  };
}
