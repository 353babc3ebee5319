/** Pods as Job controller and kubelet leave them: what an operator keeps of them, and asks them, is to cost what it costs. */
import { batchJobs, pods } from '../../operator/api/resources.ts';
import { labels } from '../../operator/api/names.ts';
import { ownerReferenceTo, type KubeObject } from '../../operator/kernel/objects.ts';
import { never, type ApiServer } from './api-server.ts';
import { bounded } from './work.ts';

interface MadeJob extends KubeObject {
  readonly spec: {
    readonly completions: number;
    readonly template: {
      readonly metadata: {
        readonly labels: Readonly<Record<string, string>>;
        readonly annotations?: Readonly<Record<string, string>>;
      };
      readonly spec: { readonly containers: readonly { readonly name: string; readonly image: string }[] };
    };
  };
}

type MadePod = KubeObject & { readonly spec: object; readonly status: object };

/**
 * Makes the pods of every Job of a namespace. Of every other Job they run; each has a loopback address of its own, at which
 * nobody listens, so whoever asks is refused at once. The others are on a node and wait for their image for ever.
 */
export async function makePods({ cluster }: ApiServer, namespace: string): Promise<number> {
  const jobs: MadeJob[] = [];
  let continueToken: string | undefined;
  do {
    const more = continueToken === undefined ? {} : { continueToken };
    const page = await cluster.list(batchJobs, { namespace, limit: 500, ...more }, never);
    jobs.push(...(page.items as readonly KubeObject[] as readonly MadeJob[]));
    ({ continueToken } = page);
  } while (continueToken !== undefined);
  const made = jobs.flatMap((job, at) => podsOf(job, at));
  await bounded(made, async (pod) => {
    await cluster.create(pods, pod, never);
    const { apiVersion, kind, status } = pod;
    const { namespace: within = '', name } = pod.metadata;
    await cluster.applyStatus(pods, { apiVersion, kind, metadata: { namespace: within, name }, status }, never);
  });
  return made.length;
}

/** Indexes within one Job; a million addresses are enough for all. */
const addressOf = (job: number, index: number): string => {
  const number = job * 16 + index;
  return `127.${1 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
};

function podsOf(job: MadeJob, at: number): readonly MadePod[] {
  const { namespace = '', name } = job.metadata;
  const { template, completions } = job.spec;
  return Array.from({ length: completions }, (_, index) => {
    const place = { [labels.completionIndex]: String(index) };
    return {
      ...{ apiVersion: 'v1', kind: 'Pod', spec: { ...template.spec, nodeName: 'bench' } },
      metadata: {
        ...{ namespace, name: `${name}-${index}` },
        labels: { ...template.metadata.labels, ...place },
        annotations: { ...template.metadata.annotations, ...place },
        ownerReferences: [ownerReferenceTo(job)],
      },
      status: at % 2 === 0 ? running(template.spec, addressOf(at, index)) : waiting(template.spec),
    };
  });
}

type Spec = MadeJob['spec']['template']['spec'];

const conditionsOf = (ready: boolean, time: string): readonly object[] =>
  ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
    type,
    ...(type === 'Initialized' || type === 'PodScheduled' || ready
      ? { status: 'True' }
      : { status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [trainer]' }),
    lastTransitionTime: time,
  }));

const containersOf = ({ containers }: Spec, ready: boolean, state: object): readonly object[] =>
  containers.map(({ name, image }) => ({
    ...{ name, image, ready, started: ready, restartCount: 0, state, lastState: {} },
    ...{ imageID: ready ? `${image}@sha256:${'0'.repeat(64)}` : '' },
    ...(ready ? { containerID: `containerd://${'0'.repeat(64)}` } : {}),
  }));

function running(spec: Spec, podIP: string): object {
  const startedAt = new Date().toISOString();
  return {
    ...{ phase: 'Running', hostIP: '127.0.0.1', podIP, podIPs: [{ ip: podIP }], startTime: startedAt },
    conditions: conditionsOf(true, startedAt),
    containerStatuses: containersOf(spec, true, { running: { startedAt } }),
  };
}

function waiting(spec: Spec): object {
  const startTime = new Date().toISOString();
  return {
    ...{ phase: 'Pending', hostIP: '127.0.0.1', startTime },
    conditions: conditionsOf(false, startTime),
    containerStatuses: containersOf(spec, false, { waiting: { reason: 'ContainerCreating' } }),
  };
}
