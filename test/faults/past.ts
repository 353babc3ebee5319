/** The state as of an older version, which a real API server still knows, as a list in pages or by a stream would show it. */

interface List {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly object[];
}

/** The address of a list, or of a watch that begins with one → that of the list as of a version. */
export function pastOf(url: string, version: string): string {
  const past = new URL(url, 'http://api');
  for (const name of ['watch', 'sendInitialEvents', 'allowWatchBookmarks', 'timeoutSeconds'])
    past.searchParams.delete(name);
  past.searchParams.set('resourceVersion', version);
  past.searchParams.set('resourceVersionMatch', 'Exact');
  return past.pathname + past.search;
}

/** A list → the frames of a watch that begins with it and then ends. */
export function framesOf(text: string): string {
  const { apiVersion, kind, metadata, items } = JSON.parse(text) as List;
  const identity = { apiVersion, kind: kind.replace(/List$/, '') };
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  const end = { ...identity, metadata: { resourceVersion: metadata.resourceVersion, annotations } };
  const frames = [
    ...items.map((item) => ({ type: 'ADDED', object: { ...identity, ...item } })),
    { type: 'BOOKMARK', object: end },
  ];
  return frames.map((frame) => `${JSON.stringify(frame)}\n`).join('');
}
