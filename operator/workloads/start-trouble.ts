/** Pods that do not start → what they lack, and whether there is hope. Pure. */
import type { Pod } from '../api/kubernetes.ts';
import type { Reason } from '../api/vocabulary.ts';
import type { Failure } from './failure.ts';

export type StartTrouble =
  | { readonly kind: 'hopeful'; readonly reason: Reason; readonly message: string }
  | { readonly kind: 'hopeless'; readonly failure: Failure };

/** The kubelet's words for an image or a container that cannot be had. */
const waitingReasons: Readonly<Record<string, Reason>> = {
  ErrImagePull: 'ImagePull',
  ImagePullBackOff: 'ImagePull',
  ErrImageNeverPull: 'ImagePull',
  RegistryUnavailable: 'ImagePull',
  InvalidImageName: 'ImagePull',
  CreateContainerConfigError: 'ConfigMissing',
  CreateContainerError: 'CannotStart',
  RunContainerError: 'CannotStart',
};
/** No repetition turns a bad name into a good one. */
const neverCured = new Set(['InvalidImageName', 'ErrImageNeverPull']);
/** A registry that hiccups, a Secret that is applied a moment later: both are back within this time, or someone must help. */
export const startPatienceMs = 120_000;

/** The first pod that has trouble starting. */
export function startTrouble(pods: readonly Pod[], now: Date): StartTrouble | undefined {
  for (const pod of pods) {
    const trouble = troubleOf(pod, now);
    if (trouble !== undefined) return trouble;
  }
  return undefined;
}

const troubleOf = (pod: Pod, now: Date): StartTrouble | undefined =>
  containerTrouble(pod, now) ?? schedulingTrouble(pod);

function containerTrouble(pod: Pod, now: Date): StartTrouble | undefined {
  const { reason: word = '', message: detail } = pod.status?.containerStatuses?.[0]?.state?.waiting ?? {};
  const reason = waitingReasons[word];
  if (reason === undefined) return undefined;
  const { name, creationTimestamp = '' } = pod.metadata;
  const message = `${name}: ${word}${detail === undefined ? '' : `: ${detail}`}`;
  const isLate = now.getTime() - Date.parse(creationTimestamp) > startPatienceMs;
  if (!isLate && !neverCured.has(word)) return { kind: 'hopeful', reason, message };
  return { kind: 'hopeless', failure: { reason: 'CannotStart', message, weight: 'permanent', pod: name } };
}

function schedulingTrouble({ metadata, status }: Pod): StartTrouble | undefined {
  const unscheduled = status?.conditions?.find(
    (condition) =>
      condition.type === 'PodScheduled' && condition.status === 'False' && condition.reason === 'Unschedulable',
  );
  if (unscheduled === undefined) return undefined;
  const message = `${metadata.name}: ${unscheduled.message ?? 'no node has room'}`;
  return { kind: 'hopeful', reason: 'Unschedulable', message };
}
