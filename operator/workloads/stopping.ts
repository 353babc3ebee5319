/**
 * Pods of the last attempt that do not go, and a Job that somebody's finalizer holds. Where a node is dead nobody can say
 * that a pod on it has ended, so its pods stay, marked for deletion, until somebody says so; a next attempt beside a worker
 * that still writes would be worse than none. Pure.
 */
import type { BatchJob, KubeCondition, Node, Pod } from '../api/kubernetes.ts';
import { lateAtMs } from '../api/worker.ts';
import { controllerOf, heldBy, type KubeObject } from '../kernel/objects.ts';
import type { RunState } from './run-state.ts';

/** How often a pod that does not go is looked at: its node may come back, or go, without a word to us. */
const stuckLookMs = 60_000;

export interface Stopping {
  readonly state: Extract<RunState, { kind: 'restarting' }>;
  /** When it is to be looked at again without a change; undefined: never. */
  readonly lookAtMs: number | undefined;
}

/** What the next attempt waits for. */
export interface Lingering {
  readonly pods: readonly Pod[];
  readonly jobs: readonly BatchJob[];
}

/** How it stands with what is waited for. */
export function stopping({ pods, jobs }: Lingering, nodes: readonly Node[], now: Date): Stopping {
  const waits = `Waiting until the last attempt's pods are gone (${String(pods.length)} are left).`;
  const [orphan] = pods.filter(isOrphan);
  const [stuckPod] = stuckAmong(pods, now);
  const [stuckJob] = stuckAmong(jobs, now);
  const stuck =
    (stuckPod && podSentence(stuckPod, nodes)) ??
    (orphan && orphanSentence(orphan)) ??
    (stuckJob && jobSentence(stuckJob));
  const next = Math.min(...[...pods, ...jobs].map(lateAtMs).filter((atMs) => atMs > now.getTime()));
  const lookAtMs = Math.min(next, stuck === undefined ? Infinity : now.getTime() + stuckLookMs);
  const told =
    stuck === undefined
      ? { reason: 'PodsStopping', message: waits }
      : { reason: 'PodsStuck', message: `${waits} ${stuck}` };
  return { state: { kind: 'restarting', ...told } as Stopping['state'], lookAtMs: finite(lookAtMs) };
}

/** Somebody deleted its Job and spared it: nobody will end it. */
const isOrphan = (pod: Pod): boolean => controllerOf(pod) === undefined && pod.metadata.deletionTimestamp === undefined;

const orphanSentence = ({ metadata: { name, namespace = '' } }: Pod): string =>
  `Pod ${name} has lost its Job and works on; nothing ends it but kubectl delete pod ${name} -n ${namespace}`;

/** By name, so that the same one is told whenever it is looked at. */
const stuckAmong = <T extends KubeObject>(all: readonly T[], now: Date): readonly T[] =>
  all
    .filter((one) => lateAtMs(one) <= now.getTime())
    .toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));

const finite = (atMs: number): number | undefined => (Number.isFinite(atMs) ? atMs : undefined);

const jobSentence = ({ metadata }: BatchJob): string =>
  `Job ${metadata.name} was to be gone over a minute ago${heldBy(metadata)}: whoever set them must let it go.`;

/** What ends a pod whose node is off. */
export const forceDeletionOf = ({ metadata: { name, namespace = '' } }: Pod): string =>
  `kubectl delete pod ${name} -n ${namespace} --force --grace-period=0`;

function podSentence(pod: Pod, nodes: readonly Node[]): string {
  const {
    metadata: { name },
    spec,
  } = pod;
  const force = forceDeletionOf(pod);
  const node = spec?.nodeName;
  if (node === undefined) return `Pod ${name} was to end over a minute ago: ${force}`;
  const off = `taint it (kubectl taint nodes ${node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute), or ${force}`;
  return `Pod ${name} was to end over a minute ago on node ${node}${healthOf(node, nodes)}. Once the node is known to be off: ${off}`;
}

/** Whoever may not see nodes knows nothing of them. */
export const readyOf = (name: string | undefined, nodes: readonly Node[]): KubeCondition | undefined =>
  nodes.find(({ metadata }) => metadata.name === name)?.status?.conditions?.find(({ type }) => type === 'Ready');

export function healthOf(name: string, nodes: readonly Node[]): string {
  const ready = readyOf(name, nodes)?.status;
  return ready === undefined ? '' : ready === 'True' ? ', which is ready' : ', which is not ready';
}
