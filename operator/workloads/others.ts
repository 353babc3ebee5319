/**
 * What others do to the pods of a job or a service before its own container can begin. All init containers are of others, such
 * as the injector of a mesh or of secrets: the operator makes none. Whoever did it will cure it, and is told how. Pure.
 */
import type { ContainerStateTerminated, ContainerStatus, Pod } from '../api/kubernetes.ts';
import { labels } from '../api/names.ts';
import type { Reason } from '../api/vocabulary.ts';
import { isOver } from '../api/worker.ts';
import { lastLine, waitingReasons } from './kubelet-words.ts';

/** Why a pod's own container has not begun. */
export interface OthersTrouble {
  readonly reason: Reason;
  readonly message: string;
  /** What somebody has to do; the end of the message. */
  readonly remedy: string;
  /** Does it take more than a repetition? */
  readonly isLasting: boolean;
}

/** No repetition turns a bad name into a good one, nor fetches what may not be fetched. */
const lastingWords: ReadonlySet<string> = new Set(['InvalidImageName', 'ErrImageNeverPull']);
/** So many starts have to fail before it is no accident: the third is half a minute after the first. */
export const enoughRestarts = 3;

const cures: Partial<Readonly<Record<Reason, string>>> = {
  ImagePull: 'see that its image can be had',
  ConfigMissing: 'make what it asks for',
};

/** The first init container that cannot start, or ends again and again: those after it, and our own, wait for it. */
export const initTrouble = (pod: Pod): OthersTrouble | undefined =>
  pod.status?.initContainerStatuses?.flatMap((status) => waits(status) ?? fails(pod, status) ?? [])[0];

function waits({ name, state }: ContainerStatus): OthersTrouble | undefined {
  const { reason: word = '', message = '' } = state?.waiting ?? {};
  const reason = waitingReasons.get(word);
  if (reason === undefined) return undefined;
  const cure = cures[reason] ?? 'mend what it lacks';
  return told(name, { reason, fact: `waits: ${word}: ${message}`, cure, isLasting: lastingWords.has(word) });
}

function fails(pod: Pod, status: ContainerStatus): OthersTrouble | undefined {
  // Of a pod that goes, all that runs is told to end.
  const isLeaving = pod.metadata.deletionTimestamp !== undefined || isOver(pod);
  const end = isLeaving && status.state?.terminated !== undefined ? undefined : failedEnd(status);
  return end && toldEnd(pod, status, end);
}

type End = Partial<ContainerStateTerminated>;

/** Without its words where nobody knows how it ended. */
function failedEnd(status: ContainerStatus): End | undefined {
  const { state, lastState } = status;
  if (state?.waiting?.reason === 'CrashLoopBackOff') return lastState?.terminated ?? {};
  const end = state?.terminated ?? (isTriedOnceMore(status) ? lastState?.terminated : undefined);
  return end?.exitCode === 0 ? undefined : end;
}

/** One that has failed again and again speaks also while it runs, so that the sentence stays. Any other that runs is well. */
const isTriedOnceMore = ({ state, ready, restartCount = 0 }: ContainerStatus): boolean =>
  state?.running !== undefined && ready !== true && restartCount >= enoughRestarts;

/**
 * Of a pod that is over: the init container behind which its own never ran. They run one after the other, so it is the last
 * that has begun; native sidecars before it were merely told to end.
 */
export function initEnd(pod: Pod): { readonly message: string; readonly finishedAt: string | undefined } | undefined {
  const failed = pod.status?.initContainerStatuses?.findLast(({ state }) => (state?.terminated?.exitCode ?? 0) !== 0);
  const end = failed?.state?.terminated;
  return failed && end && { message: toldEnd(pod, failed, end).message, finishedAt: end.finishedAt };
}

interface Told {
  readonly reason: Reason;
  readonly fact: string;
  readonly cure: string;
  readonly isLasting: boolean;
}

function told(container: string, { reason, fact, cure, isLasting }: Told): OthersTrouble {
  const remedy = `${cure}, or exempt pods with the label ${labels.root} from what puts it there`;
  return {
    reason,
    message: `its init container ${container}, which is not ours, ${fact}; ${remedy}`,
    remedy,
    isLasting,
  };
}

function toldEnd(
  { metadata }: Pod,
  { name, restartCount = 0 }: ContainerStatus,
  { exitCode, ...end }: End,
): OthersTrouble {
  const code = exitCode === undefined ? 'again and again' : `with exit code ${String(exitCode)}`;
  const memory = end.reason === 'OOMKilled' ? ' (its memory limit was reached)' : '';
  const words = lastLine(end.message ?? '');
  const fact = `ended ${code}${memory}${words === '' ? '' : `: ${words}`}`;
  const log = `kubectl logs ${metadata.name} -n ${metadata.namespace ?? ''} -c ${name}`;
  const cure = `mend what it lacks (${log})`;
  return told(name, { reason: 'CannotStart', fact, cure, isLasting: restartCount >= enoughRestarts });
}

/** What keeps a pod from the scheduler; undefined: nothing. */
export function gateText({ metadata: { name, namespace = '' }, status }: Pod): string | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'SchedulingGated') return undefined;
  const which = `kubectl get pod ${name} -n ${namespace} -o jsonpath={.spec.schedulingGates}`;
  return `${scheduled.message ?? 'it has scheduling gates'}; whoever has set its gates has to lift them (${which})`;
}
