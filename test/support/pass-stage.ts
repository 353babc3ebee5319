/** One pass of the toy's reconciler, on a cluster and caches of its own. */
import { WriteMemory } from '../../operator/kernel/memory.ts';
import type { KubeObject, OwnerReference } from '../../operator/kernel/objects.ts';
import { runPass, type Outcome } from '../../operator/kernel/pass.ts';
import { Recorder } from '../../operator/kernel/recorder.ts';
import type { Caches } from '../../operator/kernel/caches.ts';
import type { AnyReconciler, Cache } from '../../operator/kernel/reconcile.ts';
import { cachesOf } from './caches.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCluster } from './fake-cluster.ts';
import { crew, crewReconciler, crews, members, rememberingLog, type Crew } from './toy.ts';

export const key = { namespace: 'default', name: 'alpha' };
export const never = new AbortController().signal;

/** Whose plan holds only while there is no member at all. */
export const whileNobodyIsThere: AnyReconciler = {
  ...crewReconciler,
  plan: (observed, now) => ({
    ...crewReconciler.plan(observed as never, now),
    provided: [{ resource: members, selection: { namespace: 'default' }, forbids: () => true }],
  }),
};

export interface Stage {
  readonly cluster: FakeCluster;
  readonly clock: FakeClock;
  readonly caches: Caches;
  readonly pass: () => Promise<Outcome>;
  /** Lets the caches see what was written. */
  readonly see: () => Promise<void>;
  /** From here on the API server has just said something of every kind, if not what is waited for. */
  readonly hear: () => void;
  readonly root: () => Promise<Crew>;
}

export async function stage(
  before: (cluster: FakeCluster) => void,
  reconciler: AnyReconciler = crewReconciler,
): Promise<Stage> {
  const [cluster, clock, log] = [new FakeCluster(), new FakeClock(), rememberingLog()];
  before(cluster);
  const caches = cachesOf(cluster, [crews, members], { log, clock });
  await clock.advance(0);
  const memory = new WriteMemory();
  let isHeard = false;
  const { cache: real } = caches;
  const cache: Cache = {
    get: (resource, one) => real.get(resource, one),
    list: (resource, namespace) => real.list(resource, namespace),
    ownedBy: (resource, owner) => real.ownedBy(resource, owner),
    byIndex: (resource, index, value) => real.byIndex(resource, index, value),
    silentMs: (resource) => (isHeard ? 0 : real.silentMs(resource)),
  };
  const hands = { cluster, cache, roots: crews, memory, clock, wrote: () => undefined };
  const recorder = new Recorder({ cluster, clock, controller: 'test', instance: 'test', wrote: () => undefined });
  return {
    cluster,
    clock,
    caches,
    pass: () => runPass({ reconciler, hands, recorder, caches }, key, { log, signal: never }),
    see: () => clock.advance(0),
    hear: () => {
      isHeard = true;
    },
    root: () => cluster.get(crews, key),
  };
}

export const member = (name: string, owner?: Partial<OwnerReference>, more: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: `alpha-${name}`,
    namespace: 'default',
    ...more,
    ...(owner === undefined
      ? {}
      : {
          ownerReferences: [
            { apiVersion: crews.apiVersion, kind: 'Crew', name: 'alpha', uid: 'uid-1', controller: true, ...owner },
          ],
        }),
  },
});

export const withCrew =
  (names: readonly string[], more: Partial<Crew['spec']> = {}) =>
  (cluster: FakeCluster) => {
    cluster.put(crews, crew('alpha', names, more));
  };
