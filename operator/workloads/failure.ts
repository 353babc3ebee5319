/** A failed worker → why, and whether it counts. Pure. */
import type { ContainerStateTerminated, Pod } from '../api/kubernetes.ts';
import { labels } from '../api/names.ts';
import { parseResult, type FailureReason } from '../api/trainer-contract.ts';
import type { Reason } from '../api/vocabulary.ts';
import { devicesOf, endOfWorker, hasEndedWhole } from '../api/worker.ts';
import { lastLine } from './kubelet-words.ts';
import { initEnd } from './others.ts';

/**
 * permanent: repeating will not help. counted: tried again, against retry.limit. free: tried again, no fault of the
 * job. waiting: something is missing that may appear; looked for again.
 */
export type Weight = 'permanent' | 'counted' | 'free' | 'waiting';

export interface Failure {
  readonly reason: Reason;
  readonly message: string;
  readonly weight: Weight;
  readonly pod?: string;
  readonly rank?: number;
  readonly exitCode?: number;
  /** Of a container that ended without a result. */
  readonly lastLogLine?: string;
  /** It may be NCCL's doing, and so an echo. */
  readonly isAbort?: true;
}

const weights: Readonly<Record<FailureReason, Weight>> = {
  ConfigInvalid: 'permanent',
  OutOfMemory: 'permanent',
  DataMissing: 'waiting',
  DataInvalid: 'permanent',
  TeacherMissing: 'waiting',
  TeacherMismatch: 'permanent',
  NonFiniteLoss: 'permanent',
  ParityBroken: 'permanent',
  StoreUnavailable: 'counted',
  PeerLost: 'counted',
  Interrupted: 'counted',
  Crashed: 'counted',
};

/** What the others of a group say when one of them has gone. */
export const isEcho = (failure: Failure): boolean => faintness(failure) > 0;

/**
 * How little an end says of the cause; 0 is one. Being told to stop explains an abort, and either a lost peer, never the
 * other way round.
 */
function faintness({ reason, isAbort }: Failure): number {
  if (reason === 'Interrupted') return 1;
  if (isAbort === true) return 2;
  return reason === 'PeerLost' ? 3 : 0;
}

/** Why this failed pod failed. What the kubelet knows comes before what the trainer says, and that before its exit code. */
export function failureOf(pod: Pod): Failure {
  const who = { pod: pod.metadata.name, rank: rankOf(pod) };
  if (pod.status?.reason === 'Evicted') return { ...eviction(pod.status.message), ...who };
  const preempted = disruptionOf(pod);
  if (preempted !== undefined) return { ...preemption(preempted.message ?? preempted.reason ?? ''), ...who };
  const terminated = endOfWorker(pod);
  if (terminated === undefined) return { ...withoutContainer(pod), ...who };
  const failure = { ...endOfContainer(terminated), ...who, ...lastWords(terminated), exitCode: terminated.exitCode };
  return isAbort(pod, terminated) ? { ...failure, isAbort: true } : failure;
}

/**
 * NCCL's watchdog ends whoever has lost its peer in an exchange by SIGABRT, and a program that does not heed it leaves no
 * result. Without a device nobody speaks by NCCL, and the abort is the program's own.
 */
const isAbort = (pod: Pod, { exitCode, message = '' }: ContainerStateTerminated): boolean =>
  exitCode === sigabrt && parseResult(message).outcome === 'invalid' && Object.keys(devicesOf(pod)).length > 0;

/**
 * A permanent failure in the worker's own words, once nothing runs in its pod any more. No phase, which the kubelet tells
 * after it has taken the pod apart, adds to it. What may be somebody else's doing has to wait for that: an eviction is told
 * with the phase alone, whatever the exit code, and even where the kernel has killed the container for want of memory.
 */
export function permanentEndOf(pod: Pod): Failure | undefined {
  const end = endOfWorker(pod);
  if (end === undefined || end.exitCode === 0 || !hasEndedWhole(pod)) return undefined;
  const failure = failureOf(pod);
  const isItsOwn = parseResult(end.message ?? '').outcome === 'failed';
  return isItsOwn && failure.weight === 'permanent' ? failure : undefined;
}

/** Rank of a worker: the Job controller's label. */
export const rankOf = (pod: Pod): number => Number(pod.metadata.labels?.[labels.completionIndex] ?? '0');

const endOf = (pod: Pod): string => (endOfWorker(pod) ?? initEnd(pod))?.finishedAt ?? '~';

/** The first end first. The kubelet tells whole seconds: within one the likelier cause comes first, and then the lower rank. */
export function byEnd(one: Pod, other: Pod): number {
  if (endOf(one) !== endOf(other)) return endOf(one) < endOf(other) ? -1 : 1;
  return faintness(failureOf(one)) - faintness(failureOf(other)) || rankOf(one) - rankOf(other);
}

/** Where there is no result, the kubelet takes the end of the log for the message. */
function lastWords({ message = '' }: ContainerStateTerminated): Pick<Failure, 'lastLogLine'> {
  const line = lastLine(message);
  return line === '' || parseResult(message).outcome !== 'invalid' ? {} : { lastLogLine: line };
}

const disruptionOf = ({ status }: Pod) =>
  status?.conditions?.find((condition) => condition.type === 'DisruptionTarget' && condition.status === 'True');

/** Evicted, or about to be: such a pod does not come back, and may vanish before its end is seen. */
export const isPreempted = (pod: Pod): boolean => disruptionOf(pod) !== undefined;

const preemption = (why: string): Failure => ({
  reason: 'Preempted',
  message: why === '' ? 'The pod was evicted.' : why,
  weight: 'free',
});

/**
 * By the kubelet itself, which takes first what uses more than it has asked for (Kubernetes, "Node-pressure Eviction"), and whoever
 * uses more disk than its limit. Uncounted, a job that fills a disk would fill one node's after the other, without end.
 */
const eviction = (why = 'The node had too little disk or memory left.'): Failure => ({
  reason: 'Evicted',
  message: `${why.trimEnd()} Set aside what it needs (placement.resources.requests) or raise its limits, in a new job.`,
  weight: 'counted',
});

/** The kubelet ends pods without running them: node shutdown, admission refused. */
function withoutContainer(pod: Pod): Failure {
  const { status } = pod;
  const why = status?.message ?? status?.reason ?? 'The pod failed before its container ran.';
  if (status?.reason === 'NodeShutdown' || status?.reason === 'Terminated') return preemption(why);
  if (isRefusal(status?.reason)) return { reason: 'NotAdmitted', message: why, weight: 'waiting' };
  return behindInit(pod) ?? { reason: 'WorkerLost', message: why, weight: 'counted' };
}

/**
 * Nothing of the job has run, so it is tried again more and more seldom, as whatever the kubelet cannot start. Who deletes the
 * pod ends its init containers, too: as with a worker that is told to stop, the cause may be another one's.
 */
function behindInit(pod: Pod): Failure | undefined {
  const end = pod.status?.reason === undefined ? initEnd(pod) : undefined;
  if (end === undefined) return undefined;
  return pod.metadata.deletionTimestamp === undefined
    ? { reason: 'CannotStart', message: end.message, weight: 'waiting' }
    : { reason: 'Interrupted', message: 'The pod was deleted before its container ran.', weight: 'counted' };
}

/**
 * What the kubelet's admission says (pkg/kubelet/lifecycle, cm/admission, cm/topologymanager): nothing of the job has run. It may
 * go on for as long as the node's devices are away, so it is tried again more and more seldom.
 */
const isRefusal = (reason = ''): boolean =>
  /^(UnexpectedAdmissionError|TopologyAffinityError|OutOf[a-z]\S*|NodeAffinity|NodePorts)$/.test(reason);

function endOfContainer(terminated: ContainerStateTerminated): Failure {
  const { exitCode, reason, message = '' } = terminated;
  if (reason === 'OOMKilled') return outOfMemory;
  if (reason === 'StartError' || reason === 'ContainerCannotRun')
    return {
      reason: 'CannotStart',
      message: lastLine(message) || reason,
      weight: isOfNode(message) ? 'waiting' : 'permanent',
    };
  const result = parseResult(message);
  if (result.outcome === 'failed')
    return { reason: result.reason, message: result.message, weight: weights[result.reason] };
  return byExitCode(exitCode, lastLine(message));
}

/** A hook is the node's own, as one for its GPUs: whoever looks again may find another node, or a mended one. */
export const isOfNode = (message: string): boolean => /\bhooks?\b/.test(message);

const outOfMemory: Failure = {
  reason: 'OutOfMemory',
  message: 'The container used more memory than its limit; raise placement.resources.limits.memory in a new job.',
  weight: 'permanent',
};

const [sigabrt, sigterm] = [134, 143];

/** For images that do not write a result: sysexits.h numbers, as the trainer itself uses them. */
function byExitCode(exitCode: number, line: string): Failure {
  const message = line === '' ? `The trainer ended with exit code ${String(exitCode)} and said nothing.` : line;
  if (exitCode === 66) return { reason: 'InputMissing', message, weight: 'waiting' };
  if (exitCode === 75) return { reason: 'PeerLost', message, weight: 'counted' };
  if (exitCode === sigterm) return { reason: 'Interrupted', message, weight: 'counted' };
  if (exitCode >= 64 && exitCode <= 78) return { reason: 'PermanentExit', message, weight: 'permanent' };
  return { reason: 'Crashed', message, weight: 'counted' };
}
