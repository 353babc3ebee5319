/** A run that is over: its record is never judged again; only its time to live goes on. Pure. */
import type { ObjectRef } from '../kernel/cluster.ts';
import { keyOf, type Condition, type Resource } from '../kernel/objects.ts';
import type { Plan, StatusWithConditions } from '../kernel/reconcile.ts';
import type { RunRoot, RunStatus } from './run.ts';

/** Has the end been recorded? */
export const isFinished = ({ status }: RunRoot): boolean =>
  status?.finishedAt !== undefined &&
  (status.conditions ?? []).some(({ type, status: value }) => type === 'Succeeded' && value !== 'Unknown');

/** Keeps the record as it is and removes the job when its time is over. */
export function planFinished<Status extends RunStatus>(
  root: RunRoot & { readonly status?: Status },
  resource: Resource,
  now: Date,
): Plan<Status & StatusWithConditions> | undefined {
  const { status, metadata, spec } = root;
  if (status === undefined || !isFinished(root)) return undefined;
  const { generation } = metadata;
  const conditions: readonly Condition[] = status.conditions ?? [];
  const kept = { ...status, conditions, ...(generation === undefined ? {} : { observedGeneration: generation }) };
  const leftMs = leftToLiveMs(status.finishedAt, spec.ttlSecondsAfterFinished, now);
  const self: ObjectRef = { resource, key: keyOf(root), ...(metadata.uid === undefined ? {} : { uid: metadata.uid }) };
  if (leftMs === undefined) return { ...nothing, status: kept, next: { kind: 'settled' } };
  if (leftMs <= 0) return { ...nothing, remove: [self], status: kept, next: { kind: 'settled' } };
  return { ...nothing, status: kept, next: { kind: 'recheck', afterMs: leftMs } };
}

const nothing = { apply: [], remove: [], events: [] } as const;
/** Timers of the queue are bounded; a longer time to live is looked at in between. */
const longestPauseMs = 86_400_000;

function leftToLiveMs(finishedAt: string | undefined, seconds: number | undefined, now: Date): number | undefined {
  if (seconds === undefined || finishedAt === undefined) return undefined;
  return Math.min(longestPauseMs, Date.parse(finishedAt) + seconds * 1000 - now.getTime());
}
