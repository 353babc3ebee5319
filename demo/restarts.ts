/** Containers that ended and were started again: none of ours may. */
import type { Kubectl, Pod } from './kubectl.ts';

/** Pod and container → restarts. */
export type RestartCounts = ReadonlyMap<string, number>;

/** The counts of all pods of a namespace that the selector picks. */
export async function restartCounts(kubectl: Kubectl, selector: string): Promise<RestartCounts> {
  const pods = await kubectl.list<Pod>('pods', selector);
  return new Map(
    pods.flatMap(({ metadata, status }) =>
      (status?.containerStatuses ?? []).map(
        ({ name, restartCount }) => [`${metadata.uid ?? metadata.name}/${name}`, restartCount] as const,
      ),
    ),
  );
}

/** Restarts that happened between two looks. */
export function restartsBetween(before: RestartCounts, after: RestartCounts): number {
  let sum = 0;
  for (const [container, count] of after) sum += count - (before.get(container) ?? 0);
  return sum;
}
