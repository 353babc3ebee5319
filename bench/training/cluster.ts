/** What the bench of groups sees of the cluster: when each pod and job first was in which state, by this process's own clock. */
import { setTimeout as pause } from 'node:timers/promises';
import { readConfig } from '../../demo/config.ts';
import { install, restrictedNamespace } from '../../demo/install.ts';
import { Kubectl } from '../../demo/kubectl.ts';
import { processesOf, programOf } from '../../demo/processes.ts';
import { watchChanges } from '../../demo/watch.ts';

export const kubectl = new Kubectl('limbeck-bench');
const patienceMs = 240_000;

export interface PodSeen {
  readonly name: string;
  readonly uid: string;
  readonly job: string;
  readonly trainingJob: string;
  readonly attempt: number;
  readonly ip: string;
  /** When it first ran, in milliseconds. */
  readonly runningAtMs: number | undefined;
  /** When the kubelet first said that its trainer had ended, and when that the pod had failed. */
  readonly exitedAtMs: number | undefined;
  readonly failedAtMs: number | undefined;
}

/** Jobs of either kind: when they were first seen at all, and in which phase when. */
export interface JobSeen {
  readonly addedAtMs: number;
  readonly phaseAtMs: ReadonlyMap<string, number>;
}

/** Follows pods, TrainingJobs and Jobs of the bench's namespace. */
export class Seen {
  readonly pods = new Map<string, PodSeen>();
  readonly jobs = new Map<string, JobSeen>();
  readonly #stops: readonly (() => void)[];

  constructor() {
    const namespace = kubectl.namespace;
    const label = (name: string): string => `.metadata.labels['${name.replaceAll('.', '\\.')}']`;
    const ofPods = ['.metadata.name', '.metadata.uid', '.status.phase', '.status.podIP'];
    const exit = '.status.containerStatuses[0].state.terminated.exitCode';
    const labels = ['batch.kubernetes.io/job-name', 'limbeck.dev/training-job', 'limbeck.dev/attempt'].map(label);
    this.#stops = [
      watchChanges({ namespace, kind: 'pods', columns: [...ofPods, exit, ...labels] }, (type, values) =>
        this.#pod(type, values),
      ),
      ...['trainingjobs', 'jobs'].map((kind) =>
        watchChanges({ namespace, kind, columns: ['.metadata.name', '.status.phase'] }, (type, values) =>
          this.#job(type, `${kind}/${values[0] ?? ''}`, values[1] ?? ''),
        ),
      ),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #pod(
    type: string,
    [name = '', uid = '', phase = '', ip = '', exit = '', job = '', trainingJob = '', attempt = '']: readonly string[],
  ): void {
    if (type === 'DELETED') {
      this.pods.delete(uid);
      return;
    }
    const known = this.pods.get(uid);
    const first = (before: number | undefined, isSo: boolean): number | undefined =>
      before ?? (isSo ? performance.now() : undefined);
    const times = {
      runningAtMs: first(known?.runningAtMs, phase === 'Running'),
      exitedAtMs: first(known?.exitedAtMs, exit !== ''),
      failedAtMs: first(known?.failedAtMs, phase === 'Failed'),
    };
    this.pods.set(uid, { name, uid, job, trainingJob, attempt: Number(attempt), ip, ...times });
  }

  #job(type: string, key: string, phase: string): void {
    if (type === 'DELETED') {
      this.jobs.delete(key);
      return;
    }
    const nowMs = performance.now();
    const known = this.jobs.get(key) ?? { addedAtMs: nowMs, phaseAtMs: new Map() };
    const phaseAtMs = known.phaseAtMs.has(phase) ? known.phaseAtMs : new Map([...known.phaseAtMs, [phase, nowMs]]);
    this.jobs.set(key, { ...known, phaseAtMs });
  }
}

/** Looks every few milliseconds until there is a value. */
export async function until<T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  everyMs = 5,
): Promise<T> {
  const endMs = performance.now() + patienceMs;
  while (performance.now() < endMs) {
    const value = await look();
    if (value !== undefined) return value;
    await pause(everyMs);
  }
  throw new Error(`${what} did not happen within ${patienceMs / 1000} s`);
}

/** The trainer's process in a pod of this node; undefined while there is none. */
export const trainerIn = ({ uid }: PodSeen): number | undefined =>
  processesOf(uid).find((pid) => programOf(pid).startsWith('python3'));

const placement = {
  gpuProfiles: ['cpu'],
  resources: { requests: { cpu: '50m', memory: '256Mi' }, limits: { cpu: '1', memory: '1Gi' } },
};

/** A TrainingJob on digits. */
export const trainingJob = (name: string, spec: object): object => ({
  apiVersion: 'limbeck.dev/v1alpha1',
  kind: 'TrainingJob',
  metadata: { name },
  spec: {
    ...{ task: 'classification', model: { mlp: { hidden: [32] } }, data: { source: { builtin: 'digits' } } },
    ...{ placement, ...spec },
  },
});

/** The chart of this tree on the cluster of KUBECONFIG, and an empty namespace for the bench. */
export async function prepare(): Promise<void> {
  const parsed = readConfig();
  if (!parsed.ok) throw new Error(parsed.mistakes.join('; '));
  const { namespace } = kubectl;
  await kubectl.run(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s']);
  await kubectl.applyObject(restrictedNamespace(namespace));
  const system = new Kubectl(parsed.config.system);
  await install(system, parsed.config, [`store.namespaces={default,${namespace}}`]);
}
