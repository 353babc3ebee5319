/**
 * No write by a process that does not lead, ever: also not after the process was paused. The invariant: a write is sent
 * only while at least a fifth of the lease is left, and is worthless once the lease is over. It holds by four means.
 * 1. Asked before every write, from two clocks: the monotonic one, which goes on while the process is stopped, and the
 *    wall clock, which goes on while the machine sleeps. The one that says more counts.
 * 2. Asked once more in the turn of the event loop that hands the bytes to the kernel, as a write may have waited for a
 *    socket, for credentials, or in a stopped process.
 * 3. Our side gives up, and closes the socket, when what was left of the lease at the start is used up.
 * 4. The API server is told a limit a little below that and gives up by itself, however long it kept the write in a queue. It
 *    counts from when it hears of the write, so one that has waited until less is left than it was told is not sent.
 * What no client can exclude is a process stopped between two instructions, a packet held up on the way for longer than
 * the API server's limit leaves, which is a tenth of what was left at most and nothing where the write was sent in the last
 * moment, and a machine frozen with both its clocks, such as a virtual one. Then writes come late that do no harm: applies
 * of deterministic names under the UID they were meant for.
 */
import { NotLeading, type Cluster, type WriteBudget } from './cluster.ts';

export { NotLeading } from './cluster.ts';

/**
 * The same cluster; reads pass, writes only while there is a budget, asked as late as the cluster can. A look ends with
 * `stop`, as nobody will act upon what it shows; a write that is on the way is waited for.
 */
export function fenced(cluster: Cluster, budgetMs: WriteBudget, stop?: AbortSignal): Cluster {
  const writes = cluster.within?.(budgetMs) ?? cluster;
  const guarded = async <T>(write: () => Promise<T>): Promise<T> => {
    if (budgetMs() <= 0) throw new NotLeading();
    return write();
  };
  const look = async <T>(signal: AbortSignal, read: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    if (stop === undefined) return read(signal);
    return read(AbortSignal.any([signal, stop])).catch((error: unknown) => {
      throw stop.aborted ? new NotLeading() : error;
    });
  };
  return {
    list: (resource, options, signal) => look(signal, (either) => cluster.list(resource, options, either)),
    watch: (resource, options, signal) => cluster.watch(resource, options, signal),
    get: (resource, key, signal) => look(signal, (either) => cluster.get(resource, key, either)),
    apply: (resource, object, signal) => guarded(() => writes.apply(resource, object, signal)),
    applyStatus: (resource, object, signal) => guarded(() => writes.applyStatus(resource, object, signal)),
    remove: (ref, signal) => guarded(() => writes.remove(ref, signal)),
    create: (resource, object, signal) => guarded(() => writes.create(resource, object, signal)),
    update: (resource, object, signal) => guarded(() => writes.update(resource, object, signal)),
  };
}
