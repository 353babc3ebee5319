/** Is a disturbed run as good as an undisturbed one? Same end, same births and deaths, and silence at rest. */
import { difference } from './end-state.ts';
import type { Outcome } from './run.ts';

/** Sentences about what is wrong; none when all is well. */
export function complaints(reference: Outcome, outcome: Outcome): readonly string[] {
  if (outcome.stuck !== undefined) return [outcome.stuck];
  // What never happened proves nothing, and the table of coverage says so.
  if (!outcome.reached) return [];
  const { faults } = outcome.plan;
  const isDeleted = faults.some(({ kind }) => kind === 'delete' || kind === 'terminate');
  const isGone = faults.some((fault) => fault.kind === 'delete' && !fault.recreate);
  const state = difference(isGone ? [] : reference.settled, outcome.settled);
  const left = difference([], outcome.afterDeletion);
  // Whoever is deleted half-way has been born once or twice: only the end counts.
  const deeds = isDeleted ? [] : deedsApart(reference.deeds, outcome.deeds);
  const pods = isDeleted || outcome.podsEver === reference.podsEver ? [] : [String(outcome.podsEver)];
  return [
    ...said('the end state differs', state),
    ...said('something is left after deletion', left),
    ...said('creations and deletions differ', deeds),
    ...said(`pods ever, not ${String(reference.podsEver)}`, pods),
    ...said('deleted without a UID', outcome.unguardedDeletions),
    ...said('the credentials', recovery(outcome)),
    ...(outcome.writesAtRest === 0 ? [] : [`${String(outcome.writesAtRest)} writes at rest`]),
  ];
}

const recoveredWithinMs = 60_000;

function recovery({ plan, recoveredAfterMs = Infinity }: Outcome): readonly string[] {
  const isRotated = plan.faults.some(({ kind }) => kind === 'rotated');
  if (!isRotated || recoveredAfterMs <= recoveredWithinMs) return [];
  return [`no request was let in within a minute of their exchange, but after ${String(recoveredAfterMs)} ms`];
}

const said = (what: string, details: readonly string[]): readonly string[] =>
  details.length === 0 ? [] : [`${what}:\n  ${details.join('\n  ')}`];

function deedsApart(expected: Outcome['deeds'], found: Outcome['deeds']): readonly string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...names]
    .filter((name) => (expected[name] ?? 0) !== (found[name] ?? 0))
    .map((name) => `${name}: ${String(found[name] ?? 0)} instead of ${String(expected[name] ?? 0)}`);
}
