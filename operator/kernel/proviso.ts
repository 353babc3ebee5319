/**
 * A cache may lag without a word: its watch is a black hole until the silence is noticed, or it waits to be tried again while
 * another process leads, and makes what this one does not see once it leads itself. What is begun on the word of such a
 * cache may not be undone, so a plan can ask that the cluster itself be looked at first. What is written needs no such look:
 * it is conditional on the version or the UID that was seen.
 */
import type { Reads } from './cluster.ts';
import { isSelected, type KubeObject, type Resource, type Selection } from './objects.ts';
import { trimmed } from './trimmed.ts';

/** What must not be there, whatever the caches show. */
export interface Proviso {
  readonly resource: Resource;
  /** As narrow as can be, with the namespace: the API server is asked in the newest state. */
  readonly selection: Selection;
  readonly forbids: (object: KubeObject) => boolean;
}

/** Objects of a page: a label brings in whatever anybody has given it to, with all that he has written into it. */
const pageSize = 100;

/** False: something is there that the caches have not shown yet. Throws ApiError where nobody can tell. */
export async function holds(provisos: readonly Proviso[], cluster: Reads, signal: AbortSignal): Promise<boolean> {
  for (const proviso of provisos) if (await isBroken(proviso, cluster, signal)) return false;
  return true;
}

async function isBroken(
  { resource, selection, forbids }: Proviso,
  cluster: Reads,
  signal: AbortSignal,
): Promise<boolean> {
  const reads = trimmed(cluster);
  let continueToken: string | undefined;
  do {
    const more = continueToken === undefined ? {} : { continueToken };
    const page = await reads.list(resource, { ...selection, limit: pageSize, ...more }, signal);
    // What the caches do not hold they will never show.
    if (page.items.some((item) => isSelected(resource.selection ?? {}, item) && forbids(item))) return true;
    ({ continueToken } = page);
  } while (continueToken !== undefined);
  return false;
}
