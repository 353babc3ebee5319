/** What an object says of itself: its status as planned, or with the truth about a pass that failed. Sent only where it is news. */
import { sentenceOf } from '../../process/logger.ts';
import { counted, expectRemoval, type Hands } from './act.ts';
import { Contested, NameLeaving, NameTaken } from './mishaps.ts';
import { ApiError } from './cluster.ts';
import { keyOf, stampConditions, type Condition, type KubeObject } from './objects.ts';
import type { AnyReconciler, StatusWithConditions } from './reconcile.ts';
import type { Recorder, Saying } from './recorder.ts';
import { canonical } from './sameness.ts';

/** What telling needs. */
export interface Reporting {
  readonly reconciler: AnyReconciler;
  readonly hands: Hands;
  readonly recorder: Recorder;
}

/** What takes longer to go is held by somebody, and the object says so. */
const leavingPatienceMs = 60_000;
/** A refusal may quote all that is refused; a status that is too long would be refused too. */
const longestMessage = 1024;
const applyFailedReason = 'ApplyFailed';

/** Whether the last pass over this root that told of itself failed. */
export const applyFailed = (root: KubeObject): boolean =>
  conditionsOf(root).some(({ type, reason }) => type === 'Progressing' && reason === applyFailedReason);

/** Whether somebody keeps a child that is to go. */
export const isHeldUp = ({ since }: NameLeaving, now: Date): boolean =>
  since !== undefined && now.getTime() - since.getTime() >= leavingPatienceMs;

function reasonOf(mishap: Error): string {
  if (mishap instanceof NameLeaving) return 'NameLeaving';
  if (mishap instanceof Contested) return 'Contested';
  return mishap instanceof NameTaken ? 'NameTaken' : applyFailedReason;
}

/** The planned status with the truth about acting: Progressing is False and says why. Leaving is mere patience, for a while. */
export function statusAfter(
  mishap: Error,
  planned: StatusWithConditions,
  root: KubeObject,
  now: Date,
): StatusWithConditions {
  if (mishap instanceof NameLeaving && !isHeldUp(mishap, now)) return planned;
  const draft = {
    type: 'Progressing',
    status: 'False',
    reason: reasonOf(mishap),
    message: sentenceOf(mishap).slice(0, longestMessage),
    ...(root.metadata.generation === undefined ? {} : { observedGeneration: root.metadata.generation }),
  } as const;
  return { ...planned, conditions: inPlace(planned.conditions, stampConditions([draft], conditionsOf(root), now)) };
}

/** In the order in which they were, which the API server keeps from then on; those that were not there come last. */
function inPlace(conditions: readonly Condition[], others: readonly Condition[]): readonly Condition[] {
  const otherOf = (type: string): Condition | undefined => others.find((one) => one.type === type);
  const added = others.filter(({ type }) => conditions.every((one) => one.type !== type));
  return [...conditions.map((one) => otherOf(one.type) ?? one), ...added];
}

/** The status that the object has: an apply without one of its members would take that member away. */
export function presentStatus(root: KubeObject): StatusWithConditions {
  const status: unknown = 'status' in root ? root.status : undefined;
  return { ...(typeof status === 'object' ? status : {}), conditions: conditionsOf(root) };
}

/**
 * Writes the status unless it is there already; 0, or for how many milliseconds it is not written, as somebody changes it
 * back each time. Where it is refused, what the object said before stays and the refusal is added; where not even that is
 * taken, an event says it. Throws the refusal.
 */
export async function storeStatus(
  status: StatusWithConditions,
  root: KubeObject,
  reporting: Reporting,
  saying: Saying,
): Promise<number> {
  try {
    return await send(status, root, reporting, saying.signal);
  } catch (error) {
    if (!(error instanceof ApiError && (error.code === 'invalid' || error.code === 'forbidden'))) throw error;
    const told = statusAfter(error, presentStatus(root), root, reporting.hands.clock.now());
    const message = `The status was refused: ${error.message}`.slice(0, longestMessage);
    await send(told, root, reporting, saying.signal).catch(() =>
      reporting.recorder.note(root, { kind: 'Warning', reason: applyFailedReason, message }, saying),
    );
    throw error;
  }
}

async function send(
  planned: StatusWithConditions,
  root: KubeObject,
  { reconciler, hands }: Reporting,
  signal: AbortSignal,
): Promise<number> {
  const { resource } = reconciler;
  const status = oursIn(planned, reconciler);
  const text = canonical(status);
  const [key, wish] = [keyOf(root), { resource, key: keyOf(root), hash: text }];
  const isThere = text === statusTextOf(root, reconciler);
  const restMs = isThere ? 0 : hands.memory.restMs(key, wish, hands.clock.monotonicMs());
  if (isThere || restMs > 0) {
    hands.wrote('status', 'unchanged');
    return restMs;
  }
  const object = { apiVersion: root.apiVersion, kind: root.kind, metadata: versionOf(root), status };
  hands.memory.intendStatus(key, text);
  try {
    const stored = await counted(hands, 'status', () => hands.cluster.applyStatus(resource, object, signal));
    const resourceVersion = stored.metadata.resourceVersion ?? '';
    const expectation = { kind: 'version', resource, resourceVersion } as const;
    hands.memory.expect(key, key, expectation, hands.clock.monotonicMs());
    hands.memory.sent(key, wish, stored, hands.clock.monotonicMs());
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'notFound')) throw error;
    expectRemoval(root, hands); // there is nothing left to describe
  }
  return 0;
}

/**
 * The very version that was observed. A UID is not enough: the API server ignores it in the status of a custom
 * resource, and would give a new object of this name the history of the one that was deleted.
 */
function versionOf({ metadata: { name, namespace, uid, resourceVersion } }: KubeObject): KubeObject['metadata'] {
  const known = Object.entries({ namespace, uid, resourceVersion }).filter(([, value]) => value !== undefined);
  return { name, ...Object.fromEntries(known) };
}

type Says = Pick<AnyReconciler, 'conditionTypes'>;

/** Canonical text of what an object's status has of ours; of undefined when it has none. */
export const statusTextOf = (object: KubeObject, says: Says): string =>
  canonical('status' in object ? oursIn(object.status, says) : undefined);

/** Without the conditions of others, who share the list: stated by us they would be ours as well. */
function oursIn(status: unknown, { conditionTypes }: Says): unknown {
  if (typeof status !== 'object' || status === null || !('conditions' in status)) return status;
  const { conditions } = status;
  if (!Array.isArray(conditions)) return status;
  const isOurs = (one: unknown): boolean => !isCondition(one) || conditionTypes.includes(one.type);
  return { ...status, conditions: conditions.filter(isOurs) };
}

function conditionsOf(object: KubeObject): readonly Condition[] {
  const status: unknown = 'status' in object ? object.status : undefined;
  const listed = typeof status === 'object' && status !== null && 'conditions' in status ? status.conditions : [];
  return Array.isArray(listed) ? listed.filter(isCondition) : [];
}

const isCondition = (value: unknown): value is Condition =>
  typeof value === 'object' && value !== null && 'type' in value && 'status' in value && 'lastTransitionTime' in value;
