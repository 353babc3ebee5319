/** Plays the kubelet of one namespace by a script: each pod runs, and ends as the script says. */
import type { Pod } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { pods } from '../../operator/api/resources.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { HandKubelet } from '../support/hand-kubelet.ts';

/** How a pod ends; undefined: it runs on, and is ready. */
export type PodEnd = { readonly exitCode: number; readonly message: string } | undefined;

/** Whether a pod that runs passes its probes. */
export type Readiness = (pod: Pod) => boolean;

export type PodScript = (attempt: number, rank: number, pod: Pick<Pod, 'metadata'>) => PodEnd;

export interface ScriptedKubelet {
  /** Every pod that it ever saw, by UID: the UID of the root that it was made for. */
  readonly seen: ReadonlyMap<string, string>;
  stop(): void;
}

export function playKubelet(
  cluster: Cluster,
  namespace: string,
  hand: HandKubelet,
  script: PodScript,
  isReady: Readiness = () => true,
): ScriptedKubelet {
  const stopping = new AbortController();
  const seen = new Map<string, string>();
  void watchPods({ cluster, namespace, hand, script, isReady, seen }, stopping.signal);
  return { seen, stop: () => stopping.abort() };
}

interface Parts {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly hand: HandKubelet;
  readonly script: PodScript;
  readonly isReady: Readiness;
  readonly seen: Map<string, string>;
}

async function watchPods(parts: Parts, signal: AbortSignal): Promise<void> {
  // When the stream breaks it is opened again, until the run is over.
  while (!signal.aborted) await watchOnce(parts, signal).catch(() => undefined);
}

async function watchOnce(parts: Parts, signal: AbortSignal): Promise<void> {
  const options = { ...pods.selection, namespace: parts.namespace, resourceVersion: '0', timeoutSeconds: 600 };
  for await (const event of parts.cluster.watch(pods, options, signal)) {
    if (event.kind === 'put' && event.object.metadata.deletionTimestamp === undefined) void play(parts, event.object);
  }
}

async function play({ hand, script, isReady, seen }: Parts, pod: Pod): Promise<void> {
  const uid = pod.metadata.uid ?? '';
  if (seen.has(uid)) return;
  seen.set(uid, pod.metadata.labels?.[labels.root] ?? '');
  const number = (label: string): number => Number(pod.metadata.labels?.[label] ?? 0);
  const end = script(number(labels.attempt), number(labels.completionIndex), pod);
  try {
    await hand.run(pod, isReady(pod));
    if (end !== undefined) await hand.end(pod, end.exitCode, end.message);
  } catch {
    // It was deleted meanwhile, as a kubelet often finds.
  }
}
