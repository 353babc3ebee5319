/** Plays the kubelet of one namespace by a script: each pod runs, and ends, or does not begin, as the script says. */
import type { Pod } from '../../operator/api/kubernetes.ts';
import { labels } from '../../operator/api/names.ts';
import { pods } from '../../operator/api/resources.ts';
import { ApiError, type ApiErrorCode, type Cluster } from '../../operator/kernel/cluster.ts';
import type { HandKubelet } from '../support/hand-kubelet.ts';
import type { Course } from './courses.ts';
import { pause } from './until.ts';

/** How its worker ends. */
export interface PodEnd {
  readonly exitCode: number;
  readonly message: string;
}

/** What becomes of a pod; undefined: it runs on, and is ready. */
export type PodFate = PodEnd | Course | undefined;

/** What is no matter of how its worker ends. */
export interface Manners {
  /** Whether a pod that runs passes its probes. */
  readonly isReady?: (pod: Pod) => boolean;
  /** Whether a worker that runs may end already. */
  readonly mayEnd?: (pod: Pod) => boolean;
}

export type PodScript = (attempt: number, rank: number, pod: Pod) => PodFate;

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
  { isReady = () => true, mayEnd = () => true }: Manners = {},
): ScriptedKubelet {
  const stopping = new AbortController();
  const seen = new Map<string, string>();
  void watchPods({ cluster, namespace, hand, script, isReady, mayEnd, seen }, stopping.signal);
  return { seen, stop: () => stopping.abort() };
}

interface Parts extends Required<Manners> {
  readonly cluster: Cluster;
  readonly namespace: string;
  readonly hand: HandKubelet;
  readonly script: PodScript;
  readonly seen: Map<string, string>;
}

async function watchPods(parts: Parts, signal: AbortSignal): Promise<void> {
  // When the stream breaks it is opened again, until the run is over.
  while (!signal.aborted) await watchOnce(parts, signal).catch(() => undefined);
}

async function watchOnce(parts: Parts, signal: AbortSignal): Promise<void> {
  const options = { ...pods.selection, namespace: parts.namespace, resourceVersion: '0', timeoutSeconds: 600 };
  for await (const event of parts.cluster.watch(pods, options, signal)) {
    if (event.kind === 'put' && event.object.metadata.deletionTimestamp === undefined)
      void play(parts, event.object, signal);
  }
}

async function play({ hand, script, isReady, mayEnd, seen }: Parts, pod: Pod, signal: AbortSignal): Promise<void> {
  const uid = pod.metadata.uid ?? '';
  if (seen.has(uid)) return;
  seen.set(uid, pod.metadata.labels?.[labels.root] ?? '');
  const number = (label: string): number => Number(pod.metadata.labels?.[label] ?? 0);
  const fate = script(number(labels.attempt), number(labels.completionIndex), pod);
  const isCourse = fate !== undefined && 'told' in fate;
  if (!isCourse || fate.begins) {
    const lives = await told(() => hand.run(pod, isReady(pod)), signal);
    if (!lives || fate === undefined) return;
    while (!mayEnd(pod) && !signal.aborted) await pause(lookEveryMs);
  }
  if (isCourse) await follow(fate.told(pod, new Date()), (status) => told(() => hand.tell(pod, status), signal));
  else await told(() => hand.end(pod, fate.exitCode, fate.message), signal);
}

/** Until the API server does not take it any more. */
async function follow<T>(all: readonly T[], tell: (one: T) => Promise<boolean>): Promise<void> {
  for (const one of all) if (!(await tell(one))) return;
}

const lookEveryMs = 100;
const againMs = 500;
const unheard: ReadonlySet<ApiErrorCode> = new Set(['throttled', 'unavailable', 'silent']);

/** As a kubelet does: again until the API server has an answer. False: it does not take it, since the pod is gone. */
async function told(tell: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    try {
      await tell();
      return true;
    } catch (error) {
      if (error instanceof ApiError && !unheard.has(error.code)) return false;
      await pause(againMs);
    }
  }
  return false;
}
