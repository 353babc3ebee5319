/** Pods of a revision → what keeps them from answering, as a reason of the vocabulary and a sentence. Pure. */
import type { ContainerStateTerminated, ContainerStatus, Deployment, Pod } from '../api/kubernetes.ts';
import type { Reason } from '../api/vocabulary.ts';
import { waitingReasons } from '../workloads/kubelet-words.ts';
import { enoughRestarts, gateText, initTrouble } from '../workloads/others.ts';

/** Why a replica does not answer. */
export interface Trouble {
  readonly reason: Reason;
  /** Names the pod, and the exit code and last words where there are any. */
  readonly message: string;
  /** What somebody has to do, where nothing mends itself; undefined while the replica may get ready yet. */
  readonly remedy?: string;
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

/** What the server says of a model that no repetition makes a good one; it looks again every minute all the same. */
const artefactRemedies: ReadonlyMap<string, string> = new Map<string, string>([
  ['DigestMismatch', 'put the file of that digest into the store, or name the artefact by the digest that it has'],
  ['MemoryTooSmall', 'give the replicas more memory, or serve a smaller model'],
  ['ManifestInvalid', 'put a manifest that fits the model into the store, or serve another artefact'],
  ['LoadFailed', 'put a model that can be loaded into the store, or serve another artefact'],
]);

/** No repetition turns a bad name into a good one. */
const imageRemedies: ReadonlyMap<string, string> = new Map<string, string>([
  ['InvalidImageName', "mend the image's name in the values of the chart"],
  ['ErrImageNeverPull', 'put the image on the node, or allow it to be pulled, in the values of the chart'],
]);

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
  const found = names.map((pod) => troubleOfPod(pod, loadFailure(pod)));
  const troubles = found.filter((trouble) => trouble !== undefined);
  const worst = order.flatMap((reason) => troubles.find((trouble) => trouble.reason === reason) ?? [])[0];
  // Whoever is on its way without trouble may succeed where the others failed: what they lack may be there by now.
  return worst === undefined || troubles.length === found.length ? worst : hopeful(worst);
}

/** Why replicas that are wanted are not even made: a quota or an admission policy has refused their pods. */
export function troubleOfMaking(deployment: Deployment | undefined): Trouble | undefined {
  const failure = deployment?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  if (failure?.status !== 'True') return undefined;
  // The pod has another name at each try, and was never there.
  const words = (failure.message ?? '').replace(/^pods "[^"]*" (?:is )?/, '');
  return { reason: 'NoPods', message: `no pod is made: ${words}` };
}

const hopeful = ({ reason, message }: Trouble): Trouble => ({ reason, message });

function troubleOfPod(pod: Pod, failure: LoadFailure | undefined): Trouble | undefined {
  if (!isPresent(pod) || isReady(pod)) return undefined;
  const said = (reason: Reason, words: string, remedy?: string): Trouble => ({
    ...{ reason, message: `pod ${pod.metadata.name}: ${words}` },
    ...(remedy === undefined ? {} : { remedy }),
  });
  const room = unschedulable(pod) ?? gateText(pod);
  if (room !== undefined) return said('Unschedulable', room);
  const found = beforeTrouble(pod) ?? pod.status?.containerStatuses?.flatMap((one) => containerTrouble(one) ?? [])[0];
  if (found !== undefined) return said(found.reason, found.message, found.remedy);
  if (failure?.reason === 'ArtefactMissing') return said('ArtefactMissing', failure.message);
  return failure && said('LoadFailed', `${failure.reason}: ${failure.message}`, artefactRemedies.get(failure.reason));
}

/** Behind an init container of somebody else the server waits; what it said when it ended before is history. */
function beforeTrouble(pod: Pod): Trouble | undefined {
  const before = initTrouble(pod);
  if (before === undefined) return undefined;
  const { reason, message, remedy, isLasting } = before;
  return isLasting ? { reason, message, remedy } : { reason, message };
}

/** Looks at the last end also while the container runs again: the sentence stays the same from one crash to the next. */
function containerTrouble({ state, lastState, restartCount = 0 }: ContainerStatus): Trouble | undefined {
  const waits = state?.waiting && waitingTrouble(state.waiting);
  if (waits !== undefined) return waits;
  const ended = state?.terminated ?? lastState?.terminated;
  if (ended === undefined) return undefined;
  const trouble = endTrouble(ended);
  return restartCount < enoughRestarts ? trouble : { ...trouble, remedy: endRemedy(trouble) };
}

function waitingTrouble({ reason: word = '', message = '' }: { reason?: string; message?: string }) {
  const reason = waitingReasons.get(word);
  if (reason === undefined) return undefined;
  const remedy = imageRemedies.get(word);
  return { reason, message: `${word}: ${message}`, ...(remedy === undefined ? {} : { remedy }) };
}

const endRemedy = ({ reason }: Trouble): string =>
  reason === 'OutOfMemory'
    ? 'raise spec.placement.resources.limits.memory'
    : 'its log has more (kubectl logs --previous); serve another artefact, or mend what it lacks';

function endTrouble({ exitCode, reason, message = '' }: ContainerStateTerminated): Trouble {
  const lastLine = message.trim().split('\n').at(-1) ?? '';
  const words = lastLine === '' ? '' : `: ${lastLine.slice(0, 500)}`;
  const text = `the server ended with exit code ${String(exitCode)}${words}`;
  if (reason === 'OOMKilled') return { reason: 'OutOfMemory', message: `${text} (its memory limit was reached)` };
  return { reason: 'CrashLooping', message: text };
}
