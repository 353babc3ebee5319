/** One pass over one key: observe → plan → apply → remove → events → status. What comes of it is data. */
import { applyChild, confirmRoot, isLeaving, lookAt, removeChild, type Hands, type Look } from './act.ts';
import { Contested, NameLeaving, NameTaken, RootBehind, RootGone } from './mishaps.ts';
import type { Log } from '../../process/logger.ts';
import { ApiError, NotLeading, type ObjectRef } from './cluster.ts';
import { longestAwayMs, usualDeadlines } from './deadlines.ts';
import type { Hold } from './held.ts';
import type { Expectation } from './memory.ts';
import { keyOf, keyText, resourceText, type Key, type KubeObject, type Resource } from './objects.ts';
import { holds } from './proviso.ts';
import type { AnyReconciler, Next, Plan, StatusWithConditions } from './reconcile.ts';
import { saying } from './said.ts';
import { isHeldUp, presentStatus, statusAfter, storeStatus, type Reporting } from './status.ts';
import { tell } from './telling.ts';

export type Outcome = (
  | Next
  | { readonly kind: 'gone' } // the root does not exist
  | { readonly kind: 'stale'; readonly afterMs: number } // the cache has not reached what is known to be there
  | { readonly kind: 'waiting'; readonly afterMs: number; readonly sentence: string } // a child is still being deleted
  /** `lookMs`: when the plan wanted the next look, whatever comes of its writes. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly lookMs?: number }
  | { readonly kind: 'fenced' } // we no longer lead, or a write waited for too long to be sent
) & { readonly held?: Exclude<Hold, 'Stale'> };

export interface PassOptions extends Reporting {
  /** Of the caches: has this kind reached the version? */
  readonly caches: { hasReached(resource: Resource, resourceVersion: string): boolean };
}

const staleLookMs = 50;
const longestStaleLookMs = 1000;
/** While a kind is silent for longer than a watch may be; its list, when it comes, wakes whom it concerns. */
const longestSilentLookMs = 15_000;
const leavingLookMs = 1000;
const longLeavingLookMs = 15_000;

/** What one pass has to itself. Whatever it says carries its id. */
export interface Turn {
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Never throws. */
export async function runPass(options: PassOptions, key: Key, turn: Turn): Promise<Outcome> {
  const hands = { ...options.hands, cluster: saying(options.hands.cluster, turn.log) };
  try {
    const afterMs = staleLookAfterMs(options, key);
    if (afterMs !== undefined) return { kind: 'stale', afterMs };
    return await observePlanAct({ ...options, hands }, key, turn);
  } catch (error) {
    return error instanceof NotLeading ? { kind: 'fenced' } : { kind: 'failed', error };
  }
}

/**
 * Our own writes come back on the watch; planning before they do would repeat or contradict them. Undefined: go on.
 * Otherwise it is looked at again, often at first, as nearly all come within milliseconds; the wait doubles.
 */
function staleLookAfterMs({ hands, caches }: PassOptions, key: Key): number | undefined {
  const isMet = (expectation: Expectation): boolean =>
    expectation.kind === 'version'
      ? caches.hasReached(expectation.resource, expectation.resourceVersion)
      : isLeaving(hands.cache.get(expectation.resource, expectation.key), expectation.uid);
  const unmet = hands.memory.unmet(key, isMet);
  if (unmet.length === 0) return undefined;
  const staleMs = hands.clock.monotonicMs() - hands.memory.expectingSinceMs(key);
  // Who acts on the past sooner repeats what is done. While a kind is silent it is the past, however long that lasts.
  const silentMs = Math.max(...unmet.map(({ resource }) => hands.cache.silentMs(resource)));
  const longestMs = silentMs > usualDeadlines.watchSilenceMs ? longestSilentLookMs : longestStaleLookMs;
  if (staleMs - silentMs < longestAwayMs) return Math.min(longestMs, Math.max(staleLookMs, staleMs));
  hands.memory.stopExpecting(key);
  return undefined;
}

async function observePlanAct(options: PassOptions, key: Key, turn: Turn): Promise<Outcome> {
  const { reconciler, hands } = options;
  const root = hands.cache.get(reconciler.resource, key);
  const observed = root === undefined ? undefined : reconciler.observe(hands.cache, key);
  if (root === undefined || observed === undefined) {
    hands.memory.forget(key);
    return { kind: 'gone' };
  }
  const plan = planFor(reconciler, observed, hands.clock.now());
  if (plan instanceof Error) {
    const told = new Error('what the object says leads to no plan', { cause: plan });
    await storeStatus(statusAfter(told, presentStatus(root), root, hands.clock.now()), root, options, turn);
    return { kind: 'failed', error: plan };
  }
  try {
    if (await isAsSeen(plan, root, options, turn)) return await carryOut(plan, root, options, turn);
    return { kind: 'stale', afterMs: longestStaleLookMs };
  } catch (error) {
    if (error instanceof NotLeading) throw error;
    if (isOutdated(error)) return { kind: 'stale', afterMs: staleLookMs };
    return failedWith(error, plan.next);
  }
}

/** A look that is refused is told, as nothing is done until it is granted; one that merely fails is tried again. */
async function isAsSeen(
  { provided = [] }: Plan<StatusWithConditions>,
  root: KubeObject,
  options: PassOptions,
  turn: Turn,
): Promise<boolean> {
  const { cluster, clock } = options.hands;
  try {
    return await holds(provided, cluster, turn.signal);
  } catch (error) {
    if (error instanceof ApiError && error.code === 'forbidden')
      await storeStatus(statusAfter(error, presentStatus(root), root, clock.now()), root, options, turn);
    throw error;
  }
}

async function carryOut(
  plan: Plan<StatusWithConditions>,
  root: KubeObject,
  options: PassOptions,
  turn: Turn,
): Promise<Outcome> {
  const { hands } = options;
  const look = lookAt(root, hands, turn.signal);
  const mishap = await act(plan, root, { hands, look }, turn.signal);
  if (isOutdated(mishap)) return { kind: 'stale', afterMs: staleLookMs };
  if (mishap === undefined && saysNothing(plan, root, options)) return plan.next;
  const now = hands.clock.now();
  const outcome = mishap === undefined ? plan.next : outcomeOf(mishap, plan.next, now);
  const waitMs = await tell(plan.events, root, options, { ...turn, look });
  if (waitMs > 0) return within(waitMs, outcome);
  const status = mishap === undefined ? plan.status : statusAfter(mishap, plan.status, root, now);
  const restMs = await storeStatus(status, root, options, turn);
  if (restMs === 0 || mishap !== undefined) return outcome;
  return { ...within(restMs, outcome), held: 'Contested' };
}

/** A root that removes itself has nothing left to describe. */
const saysNothing = (
  { remove, statusWaits }: Plan<StatusWithConditions>,
  root: KubeObject,
  { reconciler: { resource } }: PassOptions,
): boolean => statusWaits === true || remove.some((ref) => isRoot(ref, root, resource));

/** The same, and looked at again after `ms` at the latest. */
function within(ms: number, outcome: Outcome): Outcome {
  if (outcome.kind === 'failed') return { ...outcome, lookMs: Math.min(ms, outcome.lookMs ?? Infinity) };
  if ('afterMs' in outcome) return { ...outcome, afterMs: Math.min(ms, outcome.afterMs) };
  const { held } = outcome;
  return { kind: 'recheck', afterMs: ms, ...(held !== undefined && { held }) };
}

/** The root is not what the cache shows. */
const isOutdated = (mishap: unknown): boolean => mishap instanceof RootGone || mishap instanceof RootBehind;

const lookMsOf = (next: Next): number | undefined => (next.kind === 'recheck' ? next.afterMs : undefined);

function failedWith(error: unknown, next: Next): Outcome {
  const lookMs = lookMsOf(next);
  return { kind: 'failed', error, ...(lookMs !== undefined && { lookMs }) };
}

/** What cannot be planned is told as what cannot be carried out: others may have written into the status what nobody can read. */
function planFor(reconciler: AnyReconciler, observed: unknown, now: Date): Plan<StatusWithConditions> | Error {
  try {
    const plan = reconciler.plan(observed, now);
    // A timer takes no number for none: the key would be looked at without end.
    if (plan.next.kind === 'recheck' && Number.isNaN(plan.next.afterMs))
      throw new RangeError('no time for the next look');
    return plan;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const isRoot = (ref: ObjectRef, root: KubeObject, resource: Resource): boolean =>
  resourceText(ref.resource) === resourceText(resource) && keyText(ref.key) === keyText(keyOf(root));

/** Undefined: everything was carried out. NotLeading is no mishap of the object and passes through. */
async function act(
  plan: Plan<StatusWithConditions>,
  root: KubeObject,
  { hands, look }: { readonly hands: Hands; readonly look: Look },
  signal: AbortSignal,
): Promise<Error | undefined> {
  try {
    const contested: Contested[] = [];
    await confirmRoot(plan.apply, root, hands, look);
    for (const child of plan.apply)
      await applyChild(child, root, hands, signal).catch((error: unknown) => {
        // The others are not to wait for it.
        if (!(error instanceof Contested)) throw error;
        contested.push(error);
      });
    for (const ref of plan.remove) await removeChild(ref, root, hands, signal);
    return contested[0];
  } catch (error) {
    if (error instanceof NotLeading) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function outcomeOf(mishap: Error, next: Next, now: Date): Outcome {
  if (mishap instanceof NameLeaving) {
    const afterMs = isHeldUp(mishap, now) ? longLeavingLookMs : leavingLookMs;
    return { kind: 'waiting', afterMs, sentence: mishap.message };
  }
  if (mishap instanceof Contested)
    return { kind: 'waiting', afterMs: mishap.restMs, sentence: mishap.message, held: 'Contested' };
  if (mishap instanceof NameTaken) return { kind: 'blocked', reason: mishap.message, held: 'NameTaken' };
  return failedWith(mishap, next);
}
