/**
 * The reads of an informer, in which an object is no more than what its resource keeps of it. What a cache holds is filled
 * by whoever may make such objects, so what nobody reads must go before it is held, and pages must be small.
 */
import type { Reads, WatchEvent } from './cluster.ts';
import type { KubeObject, Resource } from './objects.ts';

/** Objects of a page before they are trimmed: at 256 KiB of annotations each they come to 25 MiB. */
const pageSize = 100;

/** The same reads, which show what a resource keeps. */
export function trimmed(cluster: Reads): Reads {
  const watchList = cluster.watchList?.bind(cluster);
  return {
    list: async (resource, options, signal) => {
      if (resource.kept === undefined) return cluster.list(resource, options, signal);
      const limit = Math.min(pageSize, options.limit ?? pageSize);
      const page = await cluster.list(resource, { ...options, limit }, signal);
      return { ...page, items: page.items.map((item) => keptOf(resource, item)) };
    },
    watch: (resource, options, signal) => trimmedEvents(resource, cluster.watch(resource, options, signal)),
    ...(watchList === undefined
      ? {}
      : {
          watchList: <T extends KubeObject>(...[resource, options, signal]: Parameters<typeof watchList<T>>) =>
            trimmedEvents(resource, watchList(resource, options, signal)),
        }),
  };
}

function trimmedEvents<T extends KubeObject>(
  resource: Resource<T>,
  events: AsyncIterable<WatchEvent<T>>,
): AsyncIterable<WatchEvent<T>> {
  return resource.kept === undefined ? events : eachKept(resource, events);
}

async function* eachKept<T extends KubeObject>(
  resource: Resource<T>,
  events: AsyncIterable<WatchEvent<T>>,
): AsyncGenerator<WatchEvent<T>> {
  for await (const event of events)
    yield event.kind === 'bookmark' ? event : { ...event, object: keptOf(resource, event.object) };
}

/** The adapter: what is kept of an object of a kind is read as an object of that kind. */
const keptOf = <T extends KubeObject>(resource: Resource, object: T): T => (resource.kept?.(object) ?? object) as T;
