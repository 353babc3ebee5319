/** A kubelet by hand for an API server without nodes: a node that stays ready, and pods that run, end and get ready as told. */
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { KubeObject } from '../../operator/kernel/objects.ts';
import type { Pod } from '../../operator/api/kubernetes.ts';
import { nodes, pods } from '../../operator/api/resources.ts';

const never = new AbortController().signal;

export type PodStatus = NonNullable<Pod['status']>;

export interface HandKubelet {
  /** Every container of the pod runs; `ready` when it passes its probes. */
  run(pod: Pod, ready?: boolean): Promise<void>;
  /** The pod ends, with words in its termination message: as a kubelet tells it, its container first and its phase after. */
  end(pod: Pod, exitCode: number, message: string): Promise<void>;
  /** Whatever else a kubelet, a scheduler or the controller of nodes may say of it. A pod that runs has an address. */
  tell(pod: Pod, status: PodStatus): Promise<void>;
  stop(): Promise<void>;
}

/** Whoever calls a pod there is refused at once; but the controllers of endpoints refuse it, too, again and again. */
const loopback = '127.0.0.9';

/** Makes a node with these devices and keeps it ready. */
export async function startHandKubelet(
  cluster: Cluster,
  name: string,
  allocatable: object,
  podIP = loopback,
): Promise<HandKubelet> {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name } };
  await cluster.apply(nodes, node, never);
  const beat = async (): Promise<void> => {
    const lastHeartbeatTime = new Date().toISOString();
    const ready = { type: 'Ready', status: 'True', reason: 'ByHand', message: '', lastHeartbeatTime };
    const conditions = [{ ...ready, lastTransitionTime: lastHeartbeatTime }];
    await cluster.applyStatus(nodes, { ...node, status: { allocatable, capacity: allocatable, conditions } }, never);
  };
  await beat();
  const beating = setInterval(() => void beat().catch(() => undefined), 5000);
  const state = async ({ metadata }: Pod, status: object): Promise<void> => {
    const identity = { name: metadata.name, namespace: metadata.namespace ?? '' };
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: identity, status } as KubeObject & { status: object };
    await cluster.applyStatus(pods, object, never);
  };
  return {
    run: (pod, ready = true) => state(pod, running(pod, podIP, ready)),
    end: async (pod, exitCode, message) => {
      const end = ended(pod, exitCode, message);
      await state(pod, { ...end, phase: 'Running' });
      await state(pod, end);
    },
    tell: (pod, status) => state(pod, status.phase === 'Running' ? { ...addressOf(podIP), ...status } : status),
    stop: async () => {
      clearInterval(beating);
      await cluster.remove({ resource: nodes, key: { namespace: '', name } }, never);
    },
  };
}

const addressOf = (podIP: string): object => ({ podIP, podIPs: [{ ip: podIP }] });

const container = ({ spec }: Pod, state: object, ready: boolean): object => {
  const first: { name?: string } = spec?.containers?.[0] ?? {};
  return { name: first.name, ready, restartCount: 0, image: 'image', imageID: 'image', state };
};

function running(pod: Pod, podIP: string, ready: boolean): object {
  const startedAt = new Date().toISOString();
  return {
    ...{ phase: 'Running', ...addressOf(podIP), startTime: startedAt },
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: startedAt }],
    containerStatuses: [container(pod, { running: { startedAt } }, ready)],
  };
}

function ended(pod: Pod, exitCode: number, message: string): object {
  const finishedAt = new Date().toISOString();
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: finishedAt }],
    containerStatuses: [container(pod, { terminated: { exitCode, message, finishedAt } }, false)],
  };
}
