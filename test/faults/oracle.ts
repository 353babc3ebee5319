/**
 * Is a disturbed run as good as an undisturbed one? Same end, same births and deaths, and silence at rest. It is judged by
 * what befell it: what was planned and never came to pass excuses nothing.
 */
import { difference, former } from './end-state.ts';
import type { Deeds } from './deeds.ts';
import type { Lot } from './deeds.ts';
import { unsaid } from './events.ts';
import { recoveredWithinMs } from './gate.ts';
import type { Outcome } from './outcome.ts';

/** Sentences about what is wrong; none when all is well. */
export function complaints(reference: Outcome, outcome: Outcome): readonly string[] {
  const { befell, stuck, deaths = [] } = outcome;
  const died = said('an operator ended by itself', deaths);
  if (stuck !== undefined) return [stuck, ...died];
  const isDeleted = befell.some(({ kind }) => kind === 'delete' || kind === 'terminate');
  const isGone = befell.some((fault) => fault.kind === 'delete' && !fault.recreate);
  const state = difference(isGone ? [] : reference.settled, outcome.settled);
  const left = difference([], outcome.afterDeletion);
  const isTakenOver = befell.some(({ kind }) => kind === 'takeover');
  // Each has words of its own, and the former one told events when the status was stored.
  const isOfReleases = befell.some(({ kind }) => kind === 'release');
  const measure = isTakenOver ? 'exactly, or with fewer pods' : 'exactly';
  const deeds = isDeleted ? lotsApart(reference, outcome) : lotApart(reference, wholeOf(outcome), measure);
  return [
    ...died,
    ...said('the end state differs', state),
    ...said(
      'a status is out of date',
      outcome.settled.filter((text) => text.includes(former)),
    ),
    ...said('something is left after deletion', left),
    ...said('creations and deletions differ', deeds),
    ...said('events were not told', unsaid(reference, outcome)),
    ...said('an end was told again, in other words', isOfReleases ? [] : (outcome.toldAgain ?? [])),
    ...said('deleted without a UID', outcome.unguardedDeletions),
    ...said('the credentials', recovery(outcome)),
    ...said('the past was believed', belief(outcome)),
    ...said('the log tells of a bug', outcome.log.filter(isBug)),
    ...(outcome.writesAtRest === 0 ? [] : [`${String(outcome.writesAtRest)} writes at rest`]),
  ];
}

function recovery({ befell, recoveredAfterMs = Infinity }: Outcome): readonly string[] {
  const isRotated = befell.some(({ kind }) => kind === 'rotated');
  if (!isRotated || recoveredAfterMs <= recoveredWithinMs) return [];
  return [`no request was let in within a minute of their exchange, but after ${String(recoveredAfterMs)} ms`];
}

/** Who knows better refuses each list from the past. */
function belief({ befell, log }: Outcome): readonly string[] {
  return befell.flatMap((fault) => {
    if (fault.kind !== 'time travel') return [];
    const refused = log.filter((line) => line.includes('list from the past refused')).length;
    return refused < fault.lists ? [`${String(fault.lists)} lists were shown, ${String(refused)} refused`] : [];
  });
}

/** A later try may cover it up: an exception in a pass that is none of the API server's, or in a listener of the caches. */
const isBug = (line: string): boolean =>
  line.includes('change listener failed') || (line.includes('pass failed') && line.includes('"stack":'));

const said = (what: string, details: readonly string[]): readonly string[] =>
  details.length === 0 ? [] : [`${what}:\n  ${details.join('\n  ')}`];

/**
 * An API server that says 500 of a removal and has carried it out is asked again, and rightly so, once for each such answer;
 * and whoever took over, or was born in the past, and does not see yet what his predecessor has removed may remove it, by its
 * UID.
 */
function wholeOf({ befell, deeds, podsEver, misled = {} }: Outcome): Lot {
  const isSuccessor = befell.some(({ kind }) => kind === 'takeover' || kind === 'born in the past');
  return { deeds: isSuccessor ? withoutVain(deeds) : less(deeds, misled), podsEver };
}

const less = (deeds: Deeds, excused: Deeds): Deeds =>
  Object.fromEntries(
    Object.entries(deeds)
      .map(([name, times]): [string, number] => [name, times - (excused[name] ?? 0)])
      .filter(([, times]) => times > 0),
  );

const without = (beginning: string, deeds: Deeds): Deeds =>
  Object.fromEntries(Object.entries(deeds).filter(([name]) => !name.startsWith(beginning)));
/** More than one for each time that somebody took over, and for what he is told late, would be a storm. */
const vainAtMost = 3;
const withoutVain = (deeds: Deeds): Deeds =>
  Object.fromEntries(
    Object.entries(deeds).filter(([name, times]) => !(name.startsWith('delete in vain ') && times <= vainAtMost)),
  );
const withoutRemovals = (deeds: Deeds): Deeds => without('delete ', deeds);

/**
 * Whoever is deleted half-way was given no more than a whole life takes, and whoever came after him just that. Where a
 * namespace is emptied, pods go before their Job: an attempt is lost, and the Job that would go on is rightly removed.
 */
function lotsApart(reference: Outcome, { befell, lots, heir }: Outcome): readonly string[] {
  const isEmptied = befell.some(({ kind }) => kind === 'terminate');
  return Object.entries(lots).flatMap(([root, { deeds, podsEver }]) => {
    const counted = isEmptied && root !== heir ? withoutRemovals(deeds) : withoutVain(deeds);
    const lot = { deeds: counted, podsEver };
    const measure = root === heir ? 'exactly' : isEmptied ? 'at most, or once more' : 'at most';
    return lotApart(reference, lot, measure).map((text) => `${root}: ${text}`);
  });
}

/**
 * Where a namespace is emptied, a child may go before its root, and its re-creation be on the way when the root goes. Who
 * does not see pods may say that none is left, and the user who reads it wants some again before the old ones have gone.
 */
type Measure = 'exactly' | 'exactly, or with fewer pods' | 'at most' | 'at most, or once more';

function lotApart(expected: Lot, found: Lot, measure: Measure): readonly string[] {
  const counts = ({ deeds, podsEver }: Lot): Deeds => ({ ...deeds, 'pods ever': podsEver });
  const [most, had] = [counts(expected), counts(found)];
  const names = new Set([...Object.keys(most), ...Object.keys(had)]);
  const isApart = (name: string): boolean => {
    const more = (had[name] ?? 0) - (most[name] ?? 0);
    if (measure === 'exactly') return more !== 0;
    if (measure === 'exactly, or with fewer pods') return name === 'pods ever' ? more > 0 : more !== 0;
    return more > (measure === 'at most' || !name.startsWith('create ') ? 0 : 1);
  };
  return [...names].filter(isApart).map((name) => `${name}: ${String(had[name] ?? 0)}, not ${String(most[name] ?? 0)}`);
}
