/**
 * From which version of its root a child was last made. A cache may lag for one kind alone: who sees a new child and an old
 * root would undo by the old what came of the new, and no condition upon the child's version or UID forbids that.
 */
import type { KubeObject } from './objects.ts';
import { hasReached } from './store.ts';

/** On every applied object. Not a part of what is wished: it changes only with something else. */
export const rootVersionAnnotation = 'limbeck.dev/root-version';

export function withRootVersion(child: KubeObject, { metadata: { resourceVersion } }: KubeObject): KubeObject {
  if (resourceVersion === undefined) return child;
  const annotations = { ...child.metadata.annotations, [rootVersionAnnotation]: resourceVersion };
  return { ...child, metadata: { ...child.metadata, annotations } };
}

/** The child was made from a newer version of the root than this one; or somebody has written so. */
export function seemsNewer(child: KubeObject, { metadata: { resourceVersion = '' } }: KubeObject): boolean {
  const madeFrom = child.metadata.annotations?.[rootVersionAnnotation];
  return madeFrom !== undefined && !hasReached(resourceVersion, madeFrom);
}
