/**
 * Pods that nobody hears of and nobody ends. Where a node is dead Kubernetes deletes its pods after five minutes, but for
 * those that tolerate it, as pods with devices often tolerate every taint: they stay as they were. They are named, and not
 * ended: a worker may go on behind a network that is cut and be back with all that it has done, and as long as it may, no
 * next attempt could begin beside it, whoever had ended this one. Pure.
 */
import type { KubeCondition, Node, Pod } from '../api/kubernetes.ts';
import { isOver } from '../api/worker.ts';
import { rankOf } from './failure.ts';
import { forceDeletionOf, healthOf, readyOf } from './stopping.ts';

/** A minute longer than Kubernetes leaves the pods of such a node alone. */
const patienceMs = 360_000;
/** How often is looked at what may change without a word to us: a node, or that pods are heard of again. */
const lookMs = 60_000;

export interface Placed {
  /** In the order in which they are named. */
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  readonly podsSilentMs: number;
}

export interface Unreachable {
  /** The first that is out of reach, and what helps. */
  readonly message: string | undefined;
  /** When to look again without a change; Infinity: never. */
  readonly lookAtMs: number;
}

/** Who of these is out of reach? */
export function unreachable({ pods, nodes, podsSilentMs }: Placed, now: Date): Unreachable {
  const nowMs = now.getTime();
  const silent = pods.flatMap((pod) => {
    const since = silentSince(pod, nodes);
    return since === undefined ? [] : [{ pod, since, atMs: Date.parse(since) + patienceMs }];
  });
  const first = silent.find(({ atMs }) => atMs <= nowMs - podsSilentMs);
  const looks = silent.map(({ atMs }) => (atMs > nowMs ? atMs : nowMs + lookMs));
  const unbegun = pods.some(mayNeverBegin) ? [nowMs + patienceMs] : [];
  return { message: first && sentenceOf(first.pod, first.since, nodes), lookAtMs: Math.min(...looks, ...unbegun) };
}

/** Since when nothing was heard of a pod that is to be heard of; undefined: it is heard of, or about to go. */
function silentSince(pod: Pod, nodes: readonly Node[]): string | undefined {
  if (isOver(pod) || pod.metadata.deletionTimestamp !== undefined || isTrue(conditionOf(pod, 'Ready')))
    return undefined;
  const since = markedAt(pod) ?? downSince(pod, nodes);
  return Number.isNaN(Date.parse(since ?? '')) ? undefined : since;
}

const conditionOf = ({ status }: Pod, wanted: string): KubeCondition | undefined =>
  status?.conditions?.find(({ type }) => type === wanted);
const isTrue = (condition: KubeCondition | undefined): boolean => condition?.status === 'True';

/**
 * When Kubernetes, which has lost the node, called the pod not ready. The kubelet would have called its containers so, too,
 * or named the gate that fails; it takes the mark away as soon as it is back.
 */
function markedAt(pod: Pod): string | undefined {
  const ready = conditionOf(pod, 'Ready');
  const isMarked = isTrue(conditionOf(pod, 'ContainersReady')) && ready?.reason !== 'ReadinessGatesNotReady';
  return isMarked ? ready?.lastTransitionTime : undefined;
}

/** A pod that was not ready before is not marked. It may have come to a node that was down already. */
function downSince({ spec, metadata }: Pod, nodes: readonly Node[]): string | undefined {
  const ready = readyOf(spec?.nodeName, nodes);
  if (ready?.lastTransitionTime === undefined || isTrue(ready)) return undefined;
  const [down, made] = [ready.lastTransitionTime, metadata.creationTimestamp ?? ''];
  return Date.parse(made) > Date.parse(down) ? made : down;
}

/** Its node, which changes without a word to us, may have died before it began. */
const mayNeverBegin = ({ spec, status, metadata }: Pod): boolean =>
  status?.phase === 'Pending' && spec?.nodeName !== undefined && metadata.deletionTimestamp === undefined;

function sentenceOf(pod: Pod, since: string, nodes: readonly Node[]): string {
  const { name } = pod.metadata;
  const node = pod.spec?.nodeName;
  const where = node === undefined ? '' : ` on node ${node}${healthOf(node, nodes)}`;
  const told = `Nothing has been heard of worker ${String(rankOf(pod))} since ${since}: pod ${name}${where}`;
  return `${told}. It may still be at work. Once the node is known to be off: ${forceDeletionOf(pod)}`;
}
