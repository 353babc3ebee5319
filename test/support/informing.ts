/** An informer under test, its listener written down line by line. */
import { Informer, type Change } from '../../operator/kernel/informer.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import { Store } from '../../operator/kernel/store.ts';
import { FakeClock } from './fake-clock.ts';
import { members, rememberingLog } from './toy.ts';

export const member = (name: string, resourceVersion: string, uid = name): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', uid, resourceVersion },
});

/** An informer at work, and what it told. */
export interface Heard {
  readonly told: string[];
  readonly store: Store;
  readonly informer: Informer;
  readonly clock: FakeClock;
  readonly stop: () => Promise<void>;
}

/** Starts an informer of the toy members on this cluster. */
export function informing(cluster: Cluster, listener: (change: Change) => void = () => undefined): Heard {
  const [told, store, clock, stopping] = [[] as string[], new Store(), new FakeClock(), new AbortController()];
  const tell = ({ kind, object, initial }: Change): void =>
    void told.push(`${kind} ${object.metadata.name}${initial ? ' at first' : ''}`);
  const informer = new Informer({
    cluster,
    resource: members,
    selection: { labelSelector: 'mine' },
    store,
    clock,
    listeners: [tell, listener],
    log: rememberingLog(),
    random: () => 0,
    counts: {
      listed: () => undefined,
      watchEnded: (_, how) => told.push(`watch ${how}`),
      listenerFailed: () => told.push('listener failed'),
    },
  });
  const running = informer.run(stopping.signal);
  return {
    told,
    store,
    informer,
    clock,
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Waits for the wire, by the clock of the machine, while the informer's own goes on faster. */
export async function until(holds: () => boolean, clock: FakeClock): Promise<void> {
  for (let turn = 0; turn < 400 && !holds(); turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(100);
  }
  if (!holds()) throw new Error('it never came to be');
}
