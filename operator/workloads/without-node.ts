/** Who waits for a node that fits: nodes change all the time, so only these are looked for, and woken. */
import { nodes } from '../api/resources.ts';
import { keyOf, type KubeObject, type Resource } from '../kernel/objects.ts';
import type { Index, Watch } from '../kernel/reconcile.ts';

interface MayWait extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly reason: string }[] };
}

const waiting = 'waiting';

/** Files those of a kind that say so. */
export const withoutNode = <T extends MayWait>(resource: Resource<T>): Index<T> => ({
  resource,
  name: 'without-node',
  valuesOf: ({ status }) =>
    status?.conditions?.some(({ reason }) => reason === 'NoNodeFits') === true ? [waiting] : [],
});

/** Wakes them whenever a node comes, goes or is another one than before. */
export const watchNodes = <T extends MayWait>(resource: Resource<T>): Watch => ({
  resource: nodes,
  keysOf: (_node, cache) => cache.byIndex(resource, withoutNode(resource).name, waiting).map(keyOf),
});
