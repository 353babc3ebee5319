/** One pass over one key: observe → plan → apply → remove → status → events. What comes of it is data. */
import {
  applyChild,
  counted,
  expectRemoval,
  isLeaving,
  NameLeaving,
  NameTaken,
  removeChild,
  RootGone,
  type Hands,
} from './act.ts';
import { sentenceOf, type Log } from '../../process/logger.ts';
import { ApiError, NotLeading, type ObjectRef } from './cluster.ts';
import { longestAwayMs, usualDeadlines } from './deadlines.ts';
import type { Expectation } from './memory.ts';
import {
  keyOf,
  keyText,
  resourceText,
  stampConditions,
  type Condition,
  type Key,
  type KubeObject,
  type Resource,
} from './objects.ts';
import type { AnyReconciler, Next, Plan, StatusWithConditions } from './reconcile.ts';
import type { Recorder } from './recorder.ts';
import { saying } from './said.ts';
import { canonical } from './sameness.ts';

export type Outcome =
  | Next
  | { readonly kind: 'gone' } // the root does not exist
  | { readonly kind: 'stale'; readonly afterMs: number } // the cache has not reached our own writes yet
  | { readonly kind: 'waiting'; readonly afterMs: number; readonly sentence: string } // a child is still being deleted
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'fenced' }; // we no longer lead

export interface PassOptions {
  readonly reconciler: AnyReconciler;
  readonly hands: Hands;
  readonly recorder: Recorder;
  /** Of the caches: has this kind reached the version? */
  readonly caches: { hasReached(resource: Resource, resourceVersion: string): boolean };
}

const staleLookMs = 50;
const longestStaleLookMs = 1000;
/** While a kind is silent for longer than a watch may be; its list, when it comes, wakes whom it concerns. */
const longestSilentLookMs = 15_000;
const leavingLookMs = 1000;
/** What takes longer to go is held by somebody, and the object says so. */
const leavingPatienceMs = 60_000;
const longLeavingLookMs = 15_000;
/** A refusal may quote all that is refused; a status that is too long would be refused too. */
const longestMessage = 1024;

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
  const { signal } = turn;
  const { reconciler, hands } = options;
  const root = hands.cache.get(reconciler.resource, key);
  const observed = root === undefined ? undefined : reconciler.observe(hands.cache, key);
  if (root === undefined || observed === undefined) {
    hands.memory.forget(key);
    return { kind: 'gone' };
  }
  const plan = reconciler.plan(observed, hands.clock.now());
  const mishap = await act(plan, root, hands, signal);
  if (mishap instanceof RootGone) return { kind: 'stale', afterMs: staleLookMs };
  const status = mishap === undefined ? plan.status : statusAfter(mishap, plan.status, root, hands.clock.now());
  // A root that removes itself has nothing left to describe.
  if (mishap === undefined && plan.remove.some((ref) => isRoot(ref, root, reconciler.resource))) return plan.next;
  if (mishap === undefined && plan.statusWaits === true) return plan.next;
  await storeStatus(status, root, options, signal);
  if (mishap === undefined) {
    for (const note of plan.events) await options.recorder.note(root, note, turn);
    return plan.next;
  }
  return outcomeOf(mishap, hands.clock.now());
}

const isRoot = (ref: ObjectRef, root: KubeObject, resource: Resource): boolean =>
  resourceText(ref.resource) === resourceText(resource) && keyText(ref.key) === keyText(keyOf(root));

/** Undefined: everything was carried out. NotLeading is no mishap of the object and passes through. */
async function act(
  plan: Plan<StatusWithConditions>,
  root: KubeObject,
  hands: Hands,
  signal: AbortSignal,
): Promise<Error | undefined> {
  try {
    for (const child of plan.apply) await applyChild(child, root, hands, signal);
    for (const ref of plan.remove) await removeChild(ref, root, hands, signal);
    return undefined;
  } catch (error) {
    if (error instanceof NotLeading) throw error;
    return error instanceof Error ? error : new Error(String(error));
  }
}

function outcomeOf(mishap: Error, now: Date): Outcome {
  if (mishap instanceof NameLeaving) {
    const afterMs = isHeldUp(mishap, now) ? longLeavingLookMs : leavingLookMs;
    return { kind: 'waiting', afterMs, sentence: mishap.message };
  }
  if (mishap instanceof NameTaken) return { kind: 'blocked', reason: mishap.message };
  return { kind: 'failed', error: mishap };
}

const applyFailedReason = 'ApplyFailed';

/** Whether the last pass over this root that told of itself failed. */
export const applyFailed = (root: KubeObject): boolean =>
  conditionsOf(root).some(({ type, reason }) => type === 'Progressing' && reason === applyFailedReason);

const isHeldUp = ({ since }: NameLeaving, now: Date): boolean =>
  since !== undefined && now.getTime() - since.getTime() >= leavingPatienceMs;

function reasonOf(mishap: Error): string {
  if (mishap instanceof NameLeaving) return 'NameLeaving';
  return mishap instanceof NameTaken ? 'NameTaken' : applyFailedReason;
}

/** The planned status with the truth about acting: Progressing is False and says why. Leaving is mere patience, for a while. */
function statusAfter(mishap: Error, planned: StatusWithConditions, root: KubeObject, now: Date): StatusWithConditions {
  if (mishap instanceof NameLeaving && !isHeldUp(mishap, now)) return planned;
  const draft = {
    type: 'Progressing',
    status: 'False',
    reason: reasonOf(mishap),
    message: sentenceOf(mishap).slice(0, longestMessage),
    ...(root.metadata.generation === undefined ? {} : { observedGeneration: root.metadata.generation }),
  } as const;
  const others = planned.conditions.filter(({ type }) => type !== 'Progressing');
  return { ...planned, conditions: [...others, ...stampConditions([draft], conditionsOf(root), now)] };
}

async function storeStatus(
  status: StatusWithConditions,
  root: KubeObject,
  { reconciler, hands }: PassOptions,
  signal: AbortSignal,
): Promise<void> {
  const text = canonical(status);
  if (text === statusTextOf(root)) {
    hands.wrote('status', 'unchanged');
    return;
  }
  const object = { apiVersion: root.apiVersion, kind: root.kind, metadata: versionOf(root), status };
  const { resource } = reconciler;
  hands.memory.intendStatus(keyOf(root), text);
  try {
    const stored = await counted(hands, 'status', () => hands.cluster.applyStatus(resource, object, signal));
    const resourceVersion = stored.metadata.resourceVersion ?? '';
    const expectation = { kind: 'version', resource, resourceVersion } as const;
    hands.memory.expect(keyOf(root), keyOf(root), expectation, hands.clock.monotonicMs());
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'notFound')) throw error;
    expectRemoval(root, hands); // there is nothing left to describe
  }
}

/**
 * The very version that was observed. A UID is not enough: the API server ignores it in the status of a custom
 * resource, and would give a new object of this name the history of the one that was deleted.
 */
function versionOf({ metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject['metadata'] {
  const known = Object.entries({ namespace, uid, resourceVersion }).filter(([, value]) => value !== undefined);
  return { name, ...Object.fromEntries(known) };
}

/** Canonical text of an object's status; of undefined when it has none. */
export const statusTextOf = (object: KubeObject): string => canonical('status' in object ? object.status : undefined);

function conditionsOf(object: KubeObject): readonly Condition[] {
  const status: unknown = 'status' in object ? object.status : undefined;
  const listed = typeof status === 'object' && status !== null && 'conditions' in status ? status.conditions : [];
  return Array.isArray(listed) ? listed.filter(isCondition) : [];
}

const isCondition = (value: unknown): value is Condition =>
  typeof value === 'object' && value !== null && 'type' in value && 'status' in value && 'lastTransitionTime' in value;
