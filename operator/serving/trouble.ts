/** Pods of a revision → what keeps them from answering, as a reason of the vocabulary and a sentence. Pure. */
import type { ContainerStateTerminated, ContainerStatus, Pod } from '../api/kubernetes.ts';
import type { Reason } from '../api/vocabulary.ts';

/** Why a replica does not answer. */
export interface Trouble {
  readonly reason: Reason;
  /** Names the pod, and the exit code and last words where there are any. */
  readonly message: string;
}

/** What the server of a pod that is up says of its model; undefined while it loads. */
export interface LoadFailure {
  readonly reason: string;
  readonly message: string;
}

/** A replica that counts: not on its way out, and not evicted. */
export const isPresent = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined && status?.phase !== 'Failed' && status?.phase !== 'Succeeded';

/** Whether the endpoints hold it. */
export const isReady = (pod: Pod): boolean =>
  isPresent(pod) && pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

/** Whether the scheduler has looked and found no room. */
export const isUnschedulable = (pod: Pod): boolean => unschedulable(pod) !== undefined;

const unschedulable = ({ status }: Pod): string | undefined => {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  return scheduled?.status === 'False' && scheduled.reason === 'Unschedulable' ? (scheduled.message ?? '') : undefined;
};

const waitingReasons: Readonly<Record<string, Reason>> = {
  ErrImagePull: 'ImagePull',
  ImagePullBackOff: 'ImagePull',
  ErrImageNeverPull: 'ImagePull',
  InvalidImageName: 'ImagePull',
  ImageInspectError: 'ImagePull',
  CreateContainerConfigError: 'ConfigMissing',
  CreateContainerError: 'CannotStart',
  RunContainerError: 'CannotStart',
};

/** The worst first: what a person reads when the replicas disagree. */
const order: readonly Reason[] = [
  'ArtefactMissing',
  'LoadFailed',
  'OutOfMemory',
  'CrashLooping',
  'ConfigMissing',
  'ImagePull',
  'CannotStart',
  'Unschedulable',
];

/** The worst trouble among pods that are not ready; of equals that of the first name, so that the sentence stays. */
export function troubleOf(
  pods: readonly Pod[],
  loadFailure: (pod: Pod) => LoadFailure | undefined,
): Trouble | undefined {
  const names = [...pods].sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
  const troubles = names.flatMap((pod) => troubleOfPod(pod, loadFailure(pod)) ?? []);
  return order.flatMap((reason) => troubles.find((trouble) => trouble.reason === reason) ?? [])[0];
}

function troubleOfPod(pod: Pod, failure: LoadFailure | undefined): Trouble | undefined {
  if (!isPresent(pod) || isReady(pod)) return undefined;
  const said = (reason: Reason, words: string): Trouble => ({ reason, message: `pod ${pod.metadata.name}: ${words}` });
  const room = unschedulable(pod);
  if (room !== undefined) return said('Unschedulable', room);
  const found = (pod.status?.containerStatuses ?? []).flatMap((container) => containerTrouble(container) ?? [])[0];
  if (found !== undefined) return said(found.reason, found.message);
  if (failure?.reason === 'ArtefactMissing') return said('ArtefactMissing', failure.message);
  return failure && said('LoadFailed', `${failure.reason}: ${failure.message}`);
}

/** Looks at the last end also while the container runs again: the sentence stays the same from one crash to the next. */
function containerTrouble({ state, lastState }: ContainerStatus): Trouble | undefined {
  const { reason: waiting = '', message = '' } = state?.waiting ?? {};
  const reason = waitingReasons[waiting];
  if (reason !== undefined) return { reason, message: `${waiting}: ${message}` };
  const ended = state?.terminated ?? lastState?.terminated;
  return ended && endTrouble(ended);
}

function endTrouble({ exitCode, reason, message = '' }: ContainerStateTerminated): Trouble {
  const lastLine = message.trim().split('\n').at(-1) ?? '';
  const words = lastLine === '' ? '' : `: ${lastLine.slice(0, 500)}`;
  const text = `the server ended with exit code ${String(exitCode)}${words}`;
  if (reason === 'OOMKilled') return { reason: 'OutOfMemory', message: `${text} (its memory limit was reached)` };
  return { reason: 'CrashLooping', message: text };
}
