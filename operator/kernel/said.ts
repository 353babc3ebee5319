/** Writes of one pass, said one by one at level debug; with the id of the pass they tell its whole story. */
import { sentenceOf, type Log } from '../../process/logger.ts';
import type { Cluster } from './cluster.ts';
import { keyOf, keyText, type KubeObject, type Resource } from './objects.ts';

type Verb = 'apply' | 'applyStatus' | 'create' | 'remove';

/** The same cluster; each write is a line in `log` once it was answered. */
export function saying(cluster: Cluster, log: Log): Cluster {
  const said = async <T>(verb: Verb, kind: string, name: string, write: () => Promise<T>): Promise<T> => {
    try {
      const answer = await write();
      log.debug('written', { verb, kind, name });
      return answer;
    } catch (error) {
      log.debug('not written', { verb, kind, name, error: sentenceOf(error) });
      throw error;
    }
  };
  const of =
    <O extends KubeObject>(
      verb: Verb,
      write: (resource: Resource, object: O, signal: AbortSignal) => Promise<KubeObject>,
    ) =>
    (resource: Resource, object: O, signal: AbortSignal): Promise<KubeObject> =>
      said(verb, resource.kind, keyText(keyOf(object)), () => write(resource, object, signal));
  return {
    list: (resource, options, signal) => cluster.list(resource, options, signal),
    watch: (resource, options, signal) => cluster.watch(resource, options, signal),
    get: (resource, key, signal) => cluster.get(resource, key, signal),
    update: (resource, object, signal) => cluster.update(resource, object, signal),
    apply: of('apply', (...write) => cluster.apply(...write)),
    applyStatus: of('applyStatus', (...write) => cluster.applyStatus(...write)),
    create: of('create', (...write) => cluster.create(...write)),
    remove: (ref, signal) => said('remove', ref.resource.kind, keyText(ref.key), () => cluster.remove(ref, signal)),
  };
}
