/** A manager over the fake cluster under a fake clock: start it, let it come to rest, kill it. */
import { startManager, type Manager, type ManagerOptions } from '../../operator/kernel/manager.ts';
import type { FakeClock } from './fake-clock.ts';
import type { FakeCluster } from './fake-cluster.ts';
import { crewReconciler, freshRegistry, rememberingLog } from './toy.ts';

export interface Rig {
  readonly manager: Manager;
  readonly lines: readonly string[];
  /** Stops gracefully and waits for it. */
  stop(): Promise<void>;
}

export function startRig(cluster: FakeCluster, clock: FakeClock, more: Partial<ManagerOptions> = {}): Rig {
  const stopping = new AbortController();
  const log = rememberingLog();
  const manager = startManager({
    cluster,
    leaseCluster: cluster,
    reconcilers: [crewReconciler],
    log,
    registry: freshRegistry(),
    signal: stopping.signal,
    clock,
    random: () => 0,
    identity: 'rig',
    namespace: 'limbeck',
    leaderElection: undefined,
    ...more,
  });
  const done = manager.done.catch(() => undefined);
  return {
    manager,
    lines: log.lines,
    stop: async () => {
      stopping.abort();
      await clock.advance(0);
      await done;
    },
  };
}

/** Objects without what differs from run to run: times and versions. */
export const masked = (cluster: FakeCluster): readonly string[] =>
  cluster
    .snapshot()
    .map((line) =>
      line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>').replaceAll(/(root-version":)"\d+"/g, '$1"<version>"'),
    );
