/** Jobs of ours, their pods, and what surrounds them, for tests. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { BatchJob, Node, Pod } from '../../operator/api/kubernetes.ts';
import { attemptName, labels } from '../../operator/api/names.ts';
import type { DistillationJob, TrainingJob } from '../../operator/api/resources.ts';
import { ownerReferenceTo } from '../../operator/kernel/objects.ts';
import type { Attempt, RunFeeds, RunObserved } from '../../operator/workloads/run.ts';
import type { Settings } from '../../operator/workloads/settings.ts';

export const now = new Date('2026-11-24T12:00:00Z');
/** Seconds before `now`, as Kubernetes writes times. */
export const ago = (seconds: number): string =>
  new Date(now.getTime() - seconds * 1000).toISOString().replace('.000Z', 'Z');

export const settings: Settings = {
  images: { trainer: 'trainer:1', server: 'server:1' },
  imagePullPolicy: 'IfNotPresent',
  store: { uri: 's3://limbeck', secretName: 'limbeck-store' },
  gateway: { service: 'limbeck-gateway', namespace: 'limbeck', port: 80, adminPort: 8081, graceSeconds: 45 },
  clusterDomain: 'cluster.local',
  serverEnvironment: {},
  gpuProfiles: { cpu: {}, gpu: { resourceName: 'nvidia.com/gpu', count: 1 } },
};

const example = (file: string): unknown => parse(readFileSync(`examples/digits/${file}`, 'utf8'));

const distribution = { workers: 1, processesPerWorker: 1, strategy: 'auto' } as const;

/** The example as the API server stores it: with an identity, and the defaults that the example leaves out. */
export function teacherJob(spec: Partial<TrainingJob['spec']> = {}, status?: TrainingJob['status']): TrainingJob {
  const job = example('teacher.yaml') as TrainingJob;
  const metadata = { ...job.metadata, namespace: 'default', uid: 'tj-1', generation: 1 };
  const filled = { ...job.spec, distribution: { ...distribution, ...job.spec.distribution }, suspend: false, ...spec };
  return { ...job, metadata, spec: filled, ...(status === undefined ? {} : { status }) };
}

export function studentJob(
  spec: Partial<DistillationJob['spec']> = {},
  status?: DistillationJob['status'],
): DistillationJob {
  const job = example('student.yaml') as DistillationJob;
  const metadata = { ...job.metadata, namespace: 'default', uid: 'dj-1', generation: 1 };
  const defaults = { distribution, checkpoint: { everySeconds: 30, keep: 2 }, suspend: false };
  return { ...job, metadata, spec: { ...defaults, ...job.spec, ...spec }, ...(status === undefined ? {} : { status }) };
}

export const node = (allocatable: Record<string, string> = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'one' },
  status: { allocatable, conditions: [{ type: 'Ready', status: 'True' }] },
});

/** The name of the Job of an attempt. */
export const teacherAttempt = (number = 1, uid = 'tj-1'): string => attemptName('digits-teacher', uid, number);

/** The Job of an attempt of the teacher; `conditions` that are true. */
export const attemptJob = (number: number, ...conditions: readonly string[]): BatchJob => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    ...{ name: teacherAttempt(number), namespace: 'default', uid: `job-${String(number)}` },
    creationTimestamp: ago(60),
    labels: { [labels.attempt]: String(number) },
    annotations: { 'limbeck.dev/profile': 'cpu' },
  },
  status: { conditions: conditions.map((type) => ({ type, status: 'True' })) },
});

/** One worker. */
export const worker = (index: number, status: Pod['status'], attempt = 1): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    ...{ name: `${teacherAttempt(attempt)}-${String(index)}`, namespace: 'default' },
    ...{ uid: `pod-${String(attempt)}-${String(index)}`, creationTimestamp: ago(60) },
    ownerReferences: [ownerReferenceTo(attemptJob(attempt))],
    labels: {
      [labels.trainingJob]: 'digits-teacher',
      [labels.root]: 'tj-1',
      [labels.attempt]: String(attempt),
      [labels.completionIndex]: String(index),
    },
  },
  ...(status === undefined ? {} : { status }),
});

/** The same with a GPU of its own. */
export const onGpu = (pod: Pod): Pod => ({
  ...pod,
  spec: { ...pod.spec, containers: [{ name: 'trainer', resources: { limits: { cpu: '1', 'nvidia.com/gpu': '1' } } }] },
});

export const runningStatus: Pod['status'] = { phase: 'Running', podIP: '10.0.0.1' };

interface End {
  readonly exitCode: number;
  readonly message?: string;
  readonly reason?: string;
  readonly finishedAt?: string;
}

/** The status of a pod whose container ended. */
export const ended = ({ exitCode, ...end }: End): Pod['status'] => ({
  phase: exitCode === 0 ? 'Succeeded' : 'Failed',
  containerStatuses: [{ name: 'trainer', state: { terminated: { exitCode, finishedAt: ago(1), ...end } } }],
});

/** The same of a pod whose phase does not say it yet. */
export const justEnded = (status: Pod['status']): Pod['status'] => ({ ...status, phase: 'Running' });

/** The same of a pod in which somebody else's container runs on. */
export const besideProxy = (status: Pod['status']): Pod['status'] => ({
  ...justEnded(status),
  containerStatuses: [{ name: 'proxy', state: { running: {} } }, ...(status?.containerStatuses ?? [])],
});

/** The end of a worker beside a container that has run on for so long that nobody believes in its end any more. */
export const heldOpen = (end: End): Pod['status'] => besideProxy(ended({ ...end, finishedAt: ago(30) }));

/** The status of a pod whose container waits. */
export const waitingFor = (reason: string, message = 'why'): Pod['status'] => ({
  phase: 'Pending',
  containerStatuses: [{ name: 'trainer', state: { waiting: { reason, message } } }],
});

export const failureText = (reason: string, message = 'what happened'): string =>
  JSON.stringify({ contractVersion: 'v1', outcome: 'failed', reason, message });

/** The status of a worker that reports this failure itself. */
export const reported = (reason: string, exitCode: number, finishedAt = ago(1)): Pod['status'] =>
  ended({ exitCode, message: failureText(reason), finishedAt });

export const metrics = {
  n: 359,
  accuracy: { value: 0.98, low: 0.96, high: 0.99 },
  macroRecall: { value: 0.979, low: 0.96, high: 0.99 },
  logLoss: { value: 0.07, low: 0.05, high: 0.1 },
};

/** A result that keeps the contract. */
export const success = {
  contractVersion: 'v1',
  outcome: 'succeeded',
  artefact: {
    ...{ uri: 's3://limbeck/models/abc', sha256: 'a'.repeat(64), sizeBytes: 1000 },
    report: 's3://limbeck/models/abc/report.html',
    inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1, 8, 8] }],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
  },
  metrics,
  lineage: { dataSha256: 'd'.repeat(64), splitSeed: 7, seed: 1, worldSize: 2, torch: '2.6.0' },
  steps: 800,
  seconds: 6.2,
} as const;

export const succeeded = (more: object = {}): Pod['status'] =>
  ended({ exitCode: 0, message: JSON.stringify({ ...success, ...more }) });

/** An attempt that is over, `endedSecondsAgo`. */
export const pastAttempt = (number: number, outcome: Attempt['outcome'], endedSecondsAgo: number): Attempt => ({
  ...{ number, startedAt: ago(endedSecondsAgo + 30), endedAt: ago(endedSecondsAgo), reason: 'Crashed' },
  ...(outcome === undefined ? {} : { outcome }),
  message: 'what happened',
});

/** Nothing is heard of a run, there are no queues, and gangs wherever they are wanted. */
export const feeds: RunFeeds = { news: () => undefined, stall: () => undefined, kueue: () => false, gangs: () => true };

/** A look at the teacher's run. */
export const seen = (more: Partial<RunObserved> = {}): RunObserved => ({
  root: teacherJob(),
  jobs: [],
  pods: [],
  podsSilentMs: 0,
  nodes: [node()],
  ...{ settings, label: labels.trainingJob, progress: undefined, news: undefined, stall: undefined, kueue: false },
  ...more,
});
