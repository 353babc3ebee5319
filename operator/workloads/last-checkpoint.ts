/** What rank 0 of the last attempt said when it failed of the checkpoint that the next one goes on from. Pure. */
import { checkpointOf, type Checkpoint } from '../api/checkpoint.ts';
import { labels } from '../api/names.ts';
import { parseResult } from '../api/trainer-contract.ts';
import { endOfWorker } from '../api/worker.ts';
import { rankOf } from './failure.ts';
import type { Attempt, RunObserved } from './run.ts';

/**
 * Its last words, newer than all that it told of its progress. They are looked for as long as its pod is seen: who is
 * suspended writes a checkpoint after its attempt is recorded as over.
 */
export function lastCheckpoint(
  { root, pods }: Pick<RunObserved, 'root' | 'pods'>,
  attempts: readonly Attempt[],
): Checkpoint | undefined {
  const number = String(attempts.at(-1)?.number ?? 0);
  const leader = pods.find((pod) => {
    const { [labels.root]: uid, [labels.attempt]: attempt } = pod.metadata.labels ?? {};
    return uid === root.metadata.uid && attempt === number && rankOf(pod) === 0;
  });
  if (leader === undefined) return undefined;
  const result = parseResult(endOfWorker(leader)?.message ?? '');
  return result.outcome !== 'failed' || result.checkpoint === undefined
    ? undefined
    : checkpointOf({ ...result.checkpoint });
}
