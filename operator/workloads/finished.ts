/** A run that is over: its record is never judged again; what still runs is ended, and its time to live goes on. Pure. */
import type { ObjectRef } from '../kernel/cluster.ts';
import { keyOf, type Condition, type Resource } from '../kernel/objects.ts';
import type { Plan, StatusWithConditions } from '../kernel/reconcile.ts';
import type { RunRoot, RunStatus } from './run.ts';
import { overCondition } from './run-status.ts';

/** Has the end been recorded? */
export const isFinished = ({ status }: RunRoot): boolean =>
  status?.finishedAt !== undefined &&
  (status.conditions ?? []).some(({ type, status: value }) => type === 'Succeeded' && value !== 'Unknown');

/** What a run that is over has left. */
export interface Remains {
  readonly resource: Resource;
  readonly leftovers: readonly ObjectRef[];
  readonly lookMs?: number | undefined;
}

/**
 * Keeps the record as it is and removes the job when its time is over, and with it all that it owns. `leftovers`: Jobs that
 * would run on before, and what is too old; the end is recorded before they are removed, and a removal that failed is
 * repeated here. `lookMs`: what is spared until then may have to go.
 */
export function planFinished<Status extends RunStatus>(
  root: RunRoot & { readonly status?: Status },
  { resource, leftovers, lookMs = Infinity }: Remains,
  now: Date,
): Plan<Status & StatusWithConditions> | undefined {
  const { status, metadata, spec } = root;
  if (status === undefined || !isFinished(root)) return undefined;
  const { generation } = metadata;
  const stamp = generation === undefined ? {} : { observedGeneration: generation };
  const conditions = (status.conditions ?? []).map((condition) => ({ ...settledCondition(condition), ...stamp }));
  const kept = { ...status, conditions, ...stamp };
  const leftMs = leftToLiveMs(status.finishedAt, spec.ttlSecondsAfterFinished, now);
  const self: ObjectRef = { resource, key: keyOf(root), ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
  const plan = { apply: [], remove: leftovers, status: kept, events: [] } as const;
  if (leftMs !== undefined && leftMs <= 0) return { ...plan, remove: [self], next: { kind: 'settled' } };
  const afterMs = Math.min(leftMs ?? Infinity, lookMs);
  return { ...plan, next: afterMs === Infinity ? { kind: 'settled' } : { kind: 'recheck', afterMs } };
}

/** A write that failed while the job ended is history. */
const settledCondition = (condition: Condition): Condition =>
  condition.type === 'Progressing' ? { ...condition, ...overCondition } : condition;
/** Timers of the queue are bounded; a longer time to live is looked at in between. */
const longestPauseMs = 86_400_000;

function leftToLiveMs(finishedAt: string | undefined, seconds: number | undefined, now: Date): number | undefined {
  if (seconds === undefined || finishedAt === undefined) return undefined;
  const leftMs = Date.parse(finishedAt) + seconds * 1000 - now.getTime();
  // The API server takes times that nobody can read, such as those with an offset of 99 hours.
  return Number.isNaN(leftMs) ? undefined : Math.min(longestPauseMs, leftMs);
}
