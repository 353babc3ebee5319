/**
 * How a pod goes where its worker decides nothing: what a scheduler, a kubelet and the controller of nodes write of it, in
 * order and in their words. Pure.
 */
import type { ContainerStatus, KubeCondition, Pod } from '../../operator/api/kubernetes.ts';
import { workerContainer } from '../../operator/api/worker.ts';
import { failureText } from '../support/runs.ts';

type PodStatus = NonNullable<Pod['status']>;

/** What is told of it, one after the other, once it runs, or of one that never runs. */
export interface Course {
  readonly begins: boolean;
  readonly told: (pod: Pod, now: Date) => readonly PodStatus[];
}

const condition = (type: string, isTrue: boolean, at: Date, more: Partial<KubeCondition> = {}): KubeCondition => ({
  ...{ type, status: isTrue ? 'True' : 'False', lastTransitionTime: at.toISOString() },
  ...more,
});

/** The state of the only container; the fields that the API server demands beside it. */
const container = (pod: Pod, state: NonNullable<ContainerStatus['state']>): readonly ContainerStatus[] => {
  const { name = workerContainer, image = '' } = pod.spec?.containers?.[0] ?? {};
  const fixed = { ready: false, restartCount: 0, image, imageID: '' };
  return [{ ...fixed, name, state }];
};

/** Its conditions when nothing of it runs any more. */
const over = (now: Date): readonly KubeCondition[] =>
  ['Ready', 'ContainersReady'].map((type) => condition(type, false, now, { reason: 'PodFailed' }));

interface End {
  readonly exitCode: number;
  readonly reason: string;
  readonly message?: string;
}

/** A kubelet that ends a pod says so with its last phase, and not while a container may run. */
function endedByKubelet(
  pod: Pod,
  now: Date,
  how: { readonly end: End; readonly why: PodStatus; readonly says: string },
) {
  const containerStatuses = container(pod, { terminated: { ...how.end, finishedAt: now.toISOString() } });
  const disrupted = condition('DisruptionTarget', true, now, { reason: 'TerminationByKubelet', message: how.says });
  return [
    { phase: 'Running', containerStatuses, conditions: [condition('Ready', false, now)] },
    { phase: 'Failed', ...how.why, containerStatuses, conditions: [...over(now), disrupted] },
  ] as const;
}

/** For a pod that the node cannot do without. The worker is told to end, and does. */
export const preempted: Course = {
  begins: true,
  told: (pod, now) =>
    endedByKubelet(pod, now, {
      end: { exitCode: 143, reason: 'Error', message: failureText('Interrupted') },
      why: { reason: 'Preempting', message: 'Preempted in order to admit critical pod' },
      says: 'Pod was preempted by Kubelet to accommodate a critical pod.',
    }),
};

const shortOfMemory =
  'The node was low on resource: memory. Threshold quantity: 100Mi, available: 60Mi. Container trainer was using 900Mi, ' +
  'request is 512Mi, has larger consumption of memory. ';

/** Of a node that is out of memory: the kernel was quicker than the kubelet. */
export const evicted: Course = {
  begins: true,
  told: (pod, now) =>
    endedByKubelet(pod, now, {
      end: { exitCode: 137, reason: 'OOMKilled' },
      why: { reason: 'Evicted', message: shortOfMemory },
      says: shortOfMemory,
    }),
};

const notFound =
  'rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/trainer:1": not found';

/** It is tried, and tried again more and more seldom. */
export const withoutImage: Course = {
  begins: false,
  told: (pod, now) =>
    [
      { reason: 'ErrImagePull', message: notFound },
      { reason: 'ImagePullBackOff', message: `Back-off pulling image: ErrImagePull: ${notFound}` },
    ].map((waiting) => ({
      ...{ phase: 'Pending', startTime: now.toISOString(), containerStatuses: container(pod, { waiting }) },
      conditions: ['Ready', 'ContainersReady'].map((type) =>
        condition(type, false, now, {
          reason: 'ContainersNotReady',
          message: `containers with unready status: [${workerContainer}]`,
        }),
      ),
    })),
};

/** Longer ago than anybody would wait in a test, and than the operator waits. */
const lostForMs = 600_000;

/** Its node is lost, and it tolerates that: the controller of nodes calls it not ready, and touches nothing else. */
export const outOfReach: Course = {
  begins: true,
  told: (pod, now) => {
    const [started, lost] = [now, new Date(now.getTime() - lostForMs)];
    const running = container(pod, { running: { startedAt: started.toISOString() } });
    const conditions = [condition('ContainersReady', true, started), condition('Ready', false, lost)];
    return [{ phase: 'Running', startTime: started.toISOString(), containerStatuses: running, conditions }];
  },
};

/** The scheduler finds no room for it. */
export const unscheduled: Course = {
  begins: false,
  told: (_, now) => {
    const message =
      '0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available: 1 Preemption is not helpful ' +
      'for scheduling.';
    return [
      { phase: 'Pending', conditions: [condition('PodScheduled', false, now, { reason: 'Unschedulable', message })] },
    ];
  },
};
