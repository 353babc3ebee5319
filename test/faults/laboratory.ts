/** A real API server with our kinds, those of a gang scheduler, and one node that is always ready. */
import { randomUUID } from 'node:crypto';
import type { Agent } from 'undici';
import { systemClock } from '../../process/clock.ts';
import { startCaches, type Caches } from '../../operator/kernel/caches.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import { connect } from '../../operator/kernel/connect.ts';
import { defaultCredentials, type Access } from '../../operator/kernel/credentials.ts';
import type { Cache } from '../../operator/kernel/reconcile.ts';
import { applyOurDefinitions } from '../support/cluster-scoped.ts';
import { serveGroups } from '../support/gangs.ts';
import { startHandKubelet, type HandKubelet } from '../support/hand-kubelet.ts';
import { testKubeconfig } from '../support/kubeconfig.ts';
import { freshRegistry, rememberingLog } from '../support/toy.ts';
import { kinds } from './end-state.ts';
import { newIdentities, type Identities } from './gate.ts';
import { upstreamOf } from './proxy.ts';
import type { Needed } from './rights.ts';

export interface Laboratory {
  readonly cluster: Cluster;
  readonly access: Access;
  readonly upstream: Agent;
  /** Of all operators behind proxies. */
  readonly needed: Needed;
  readonly hand: HandKubelet;
  readonly identities: () => Promise<Identities>;
  /** What is in all namespaces, a moment late. */
  readonly heard: Cache;
  /** Hears every change of it; returns the way to stop hearing. */
  readonly onChange: Caches['onChange'];
}

export interface OpenLaboratory extends Laboratory {
  close(): Promise<void>;
}

/** An address for documentation: nobody calls it, and endpoints may have it. */
const podIP = '192.0.2.9';
const devices = { cpu: '64', memory: '64Gi', pods: '1000', 'nvidia.com/gpu': '64' };

export async function openLaboratory(): Promise<OpenLaboratory> {
  process.env['KUBECONFIG'] = testKubeconfig();
  const access = await defaultCredentials(systemClock).current();
  const connection = await connect({
    component: 'faults',
    version: '0',
    registry: freshRegistry(),
    clock: systemClock,
  });
  const { cluster } = connection;
  // Before ours: when the garbage collector knows ours, it knows these. They stay, since others may be at work beside us.
  await serveGroups('scheduling.x-k8s.io', 'v1alpha1');
  await applyOurDefinitions(cluster);
  // A name of its own: two laboratories on one API server would take each other's node away.
  const hand = await startHandKubelet(cluster, `faults-${randomUUID().slice(0, 8)}`, devices, podIP);
  const upstream = upstreamOf(access);
  const closing = new AbortController();
  const heard = startCaches({
    ...{ cluster, resources: kinds, log: rememberingLog(), registry: freshRegistry() },
    ...{ signal: closing.signal, clock: systemClock, random: Math.random },
  });
  await heard.whenSynced;
  const close = async (): Promise<void> => {
    closing.abort();
    await hand.stop();
    await connection.close();
    await upstream.destroy();
  };
  const onChange: Laboratory['onChange'] = (listener) => heard.onChange(listener);
  let made: Promise<Identities> | undefined;
  const identities = (): Promise<Identities> => (made ??= newIdentities());
  const ours = { hand, identities, heard: heard.cache, onChange, close };
  return { cluster, access, upstream, needed: new Map(), ...ours };
}
