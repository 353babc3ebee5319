/** The reads of an informer of an optional kind, which show whether it is served: one that was removed is found by nobody. */
import { ApiError, type Reads } from './cluster.ts';

/** The same reads; `notice` hears after every answer to one whether the kind is served. */
export function noticing(cluster: Reads, notice: (isServed: boolean) => void): Reads {
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
  };
}
