/** The reads of an informer of an optional kind, which show whether it is served: one that was removed is found by nobody. */
import { ApiError, type Cluster } from './cluster.ts';

/** The same cluster; `notice` hears after every answer to a list or watch whether the kind is served. */
export function noticing(cluster: Cluster, notice: (isServed: boolean) => void): Cluster {
  const watchList = cluster.watchList?.bind(cluster);
  const failed = (error: unknown): unknown => {
    if (error instanceof ApiError && error.code === 'notFound') notice(false);
    return error;
  };
  async function* noticed<T>(events: AsyncIterable<T>): AsyncGenerator<T> {
    try {
      for await (const event of events) {
        notice(true);
        yield event;
      }
    } catch (error) {
      throw failed(error);
    }
  }
  return {
    list: async (resource, options, signal) => {
      try {
        const page = await cluster.list(resource, options, signal);
        notice(true);
        return page;
      } catch (error) {
        throw failed(error);
      }
    },
    watch: (resource, options, signal) => noticed(cluster.watch(resource, options, signal)),
    ...(watchList === undefined
      ? {}
      : { watchList: (resource, options, signal) => noticed(watchList(resource, options, signal)) }),
    get: (resource, key, signal) => cluster.get(resource, key, signal),
    apply: (resource, object, signal) => cluster.apply(resource, object, signal),
    applyStatus: (resource, object, signal) => cluster.applyStatus(resource, object, signal),
    remove: (ref, signal) => cluster.remove(ref, signal),
    create: (resource, object, signal) => cluster.create(resource, object, signal),
    update: (resource, object, signal) => cluster.update(resource, object, signal),
  };
}
