/** No write by a process that does not lead, ever: also not after the process was paused. Asked before every write. */
import type { Cluster } from './cluster.ts';

/** Thrown instead of writing. It is no failure of the object: the pass is simply over. */
export class NotLeading extends Error {
  constructor() {
    super('this process does not lead');
    this.name = 'NotLeading';
  }
}

/** The same cluster; reads pass, writes only while `mayWrite` says so. */
export function fenced(cluster: Cluster, mayWrite: () => boolean): Cluster {
  const guarded = async <T>(write: () => Promise<T>): Promise<T> => {
    if (!mayWrite()) throw new NotLeading();
    return write();
  };
  return {
    list: (resource, options, signal) => cluster.list(resource, options, signal),
    watch: (resource, options, signal) => cluster.watch(resource, options, signal),
    get: (resource, key, signal) => cluster.get(resource, key, signal),
    apply: (resource, object, signal) => guarded(() => cluster.apply(resource, object, signal)),
    applyStatus: (resource, object, signal) => guarded(() => cluster.applyStatus(resource, object, signal)),
    remove: (ref, signal) => guarded(() => cluster.remove(ref, signal)),
    create: (resource, object, signal) => guarded(() => cluster.create(resource, object, signal)),
    update: (resource, object, signal) => guarded(() => cluster.update(resource, object, signal)),
  };
}
