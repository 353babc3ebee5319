/** One attempt → Indexed Job, and where there are several workers, a headless Service. Pure. */
import { annotations, attemptName, labels, managedBy, workersServiceName } from '../api/names.ts';
import { batchJobs, services } from '../api/resources.ts';
import type { TrainerConfig } from '../api/trainer-contract.ts';
import type { Child } from '../kernel/reconcile.ts';
import {
  containerSecurity,
  podSecurity,
  resourcesOf,
  schedulingOf,
  scratch,
  sharedMemory,
  storeEnvFrom,
  type ComputeResources,
} from './pod-parts.ts';
import { dataMountPath } from './run-config.ts';
import { membershipOf, podGroupOf, podGroupsOf } from './pod-group.ts';
import type { RunConfig, RunRoot } from './run.ts';
import type { GpuProfile, Settings } from './settings.ts';
import { workerContainer } from '../api/worker.ts';

/** Where rank 0 tells its progress. */
export const progressPort = 8080;
/** Where rank 0 gathers the others; the default of torchrun. */
const rendezvousPort = 29500;
/** A checkpoint at the end is written within 22 seconds. */
const graceSeconds = 45;

const trainer = ['python3', '-m', 'limbeck_trainer', '--config', '/etc/limbeck/config.json'];

/** Annotations of a pod come to 256 KiB at most; some of it is left to others. */
const longestConfigBytes = 240 << 10;

/** Everything about one attempt that is not the same for all attempts of all jobs. */
export interface AttemptPlan {
  readonly root: RunRoot;
  /** Label of the root's kind. */
  readonly label: string;
  readonly number: number;
  readonly config: RunConfig;
  readonly profileName: string;
  readonly profile: GpuProfile;
  readonly settings: Settings;
}

/**
 * An attempt, wherever it is placed. `subdomain`: where its pods look for each other, which former releases called otherwise;
 * undefined for an attempt that is still to be made.
 */
export type Needing = Omit<AttemptPlan, 'profile' | 'profileName'> & { readonly subdomain?: string | undefined };

/** In the order in which they are applied: the Job last, since its pods need the others. One worker needs the Job alone. */
export const attemptChildren = (plan: AttemptPlan): readonly Child[] => [
  ...attemptNeeds(plan),
  ...podGroups(plan),
  { resource: batchJobs, object: jobOf(plan), manner: 'once' },
];

/** One worker waits for nobody, and looks for nobody. */
const isGroup = ({ root }: Needing): boolean => root.spec.distribution.workers > 1;

function podGroups(plan: Needing): readonly Child[] {
  const { gang } = plan.settings;
  const { distribution, placement } = plan.root.spec;
  if (gang === undefined || !isGroup(plan)) return [];
  const { priorityClassName } = placement;
  const object = podGroupOf(gang, meta(plan, nameOf(plan)), { workers: distribution.workers, priorityClassName });
  return [{ resource: podGroupsOf(gang), object, manner: 'once' }];
}

/** Without it the pods of a group do not find each other. */
export const attemptNeeds = (plan: Needing): readonly Child[] =>
  isGroup(plan) ? [{ resource: services, object: serviceOf(plan), manner: 'created' }] : [];

/** Labels of a root's children, by which they are found again. */
const childLabels = ({ root: { metadata }, label }: Needing) => ({
  ...managedBy,
  [label]: metadata.name,
  [labels.root]: metadata.uid ?? '',
});
const attemptLabels = (plan: Needing) => ({ ...childLabels(plan), [labels.attempt]: String(plan.number) });

const nameOf = ({ root: { metadata }, number }: Needing): string =>
  attemptName(metadata.name, metadata.uid ?? '', number);
const subdomainOf = ({ root }: Needing): string => workersServiceName(root.kind, root.metadata.name);
const meta = (plan: Needing, name: string) => ({
  name,
  namespace: plan.root.metadata.namespace ?? '',
  labels: attemptLabels(plan),
});

/** What the trainer of this attempt is told. */
export function trainerConfigOf({ root, number, config, settings }: Needing): TrainerConfig {
  const { namespace = '', name, uid = '' } = root.metadata;
  const bucket = settings.store.uri.replace(/\/$/, '');
  return {
    contractVersion: 'v1',
    run: { namespace, name, uid, attempt: number },
    store: { runUri: `${bucket}/runs/${namespace}/${name}-${uid}`, modelsUri: `${bucket}/models` },
    ...config,
    progressPort,
  };
}

/**
 * The config travels in the template, and the kubelet writes it into a file (downward API): a pod cannot be there without
 * it, and it can neither be changed nor lost apart from its Job. An object of its own would be a third of all writes.
 */
const configText = (plan: Needing): string => JSON.stringify(trainerConfigOf(plan));

/** Why the pods of this attempt could not be made: what they are told is too long. */
export function tooLong(plan: Needing): string | undefined {
  const bytes = Buffer.byteLength(configText(plan));
  if (bytes <= longestConfigBytes) return undefined;
  const [are, most] = [Math.ceil(bytes / 1024), longestConfigBytes / 1024].map(String);
  return `The spec tells the trainer ${are} KiB, and a pod takes at most ${most}; shorten its features, labels or arguments.`;
}

const configVolume = {
  name: 'config',
  downwardAPI: {
    items: [{ path: 'config.json', fieldRef: { fieldPath: `metadata.annotations['${annotations.config}']` } }],
  },
};

/** Gives every worker a name before it is ready: rank 0 is looked for by name. One Service for all attempts. */
const serviceOf = (plan: Needing) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...meta(plan, plan.subdomain ?? subdomainOf(plan)), labels: childLabels(plan) },
  spec: { clusterIP: 'None', publishNotReadyAddresses: true, selector: childLabels(plan) },
});

/**
 * The group is the unit: no pod is ever replaced alone, the operator starts the next attempt. A Job for a queue is made
 * suspended; from then on whether it is suspended is Kueue's to say, never ours.
 */
function jobOf(plan: AttemptPlan) {
  const { workers } = plan.root.spec.distribution;
  const { queueName } = plan.root.spec.placement;
  const queue = queueName === undefined ? {} : { [labels.queueName]: queueName };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...meta(plan, nameOf(plan)),
      labels: { ...attemptLabels(plan), ...queue },
      annotations: { [annotations.profile]: plan.profileName },
    },
    spec: {
      ...(queueName === undefined ? {} : { suspend: true }),
      completionMode: 'Indexed',
      completions: workers,
      parallelism: workers,
      backoffLimit: 0,
      podReplacementPolicy: 'Failed',
      template: { metadata: templateMeta(plan), spec: podSpecOf(plan) },
    },
  };
}

function templateMeta(plan: AttemptPlan) {
  const { gang } = plan.settings;
  const member = gang !== undefined && isGroup(plan) ? membershipOf(gang, nameOf(plan)) : {};
  return {
    labels: { ...attemptLabels(plan), ...member.labels },
    annotations: { ...member.annotations, [annotations.config]: configText(plan) },
  };
}

/** Who places the pod, and before whom. */
const placementOf = ({ root, settings }: AttemptPlan) => ({
  ...(settings.schedulerName === undefined ? {} : { schedulerName: settings.schedulerName }),
  ...(root.spec.placement.priorityClassName === undefined
    ? {}
    : { priorityClassName: root.spec.placement.priorityClassName }),
});

const podSpecOf = (plan: AttemptPlan) => ({
  ...placementOf(plan),
  ...(isGroup(plan) ? { subdomain: subdomainOf(plan) } : {}),
  restartPolicy: 'Never',
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  terminationGracePeriodSeconds: graceSeconds,
  securityContext: podSecurity,
  ...schedulingOf(plan.profile),
  containers: [containerOf(plan)],
  volumes: [
    configVolume,
    scratch().volume,
    sharedMemory(plan.root.spec.placement.resources).volume,
    ...dataOf(plan.config).map(({ volume }) => volume),
  ],
});

function containerOf(plan: AttemptPlan) {
  const { settings, profile, root } = plan;
  const { resources } = root.spec.placement;
  return {
    name: workerContainer,
    ...programOf(plan),
    imagePullPolicy: settings.imagePullPolicy,
    env: environmentOf(plan),
    envFrom: storeEnvFrom(settings),
    ports: [{ name: 'progress', containerPort: progressPort }],
    resources: resourcesOf(profile, resources),
    securityContext: containerSecurity,
    // A crash before the result is written still leaves its last words.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: 'config', mountPath: '/etc/limbeck', readOnly: true },
      scratch().mount,
      sharedMemory(resources).mount,
      ...dataOf(plan.config).map(({ mount }) => mount),
    ],
  };
}

/**
 * The trainer, or the program of a user, which keeps the same contract. The kubelet sends SIGTERM once, and to process 1
 * that has no handler yet it is as if it had not: it is held back until the trainer lets it through.
 */
const programOf = ({ settings, profile, config: { model } }: AttemptPlan) =>
  model.kind === 'custom'
    ? { image: model.image, command: model.command }
    : {
        image: profile.images?.trainer ?? settings.images.trainer,
        command: ['env', '--block-signal=TERM', ...trainer],
      };

/** The volume that the data lies on, where it lies on one; nobody writes to it. */
function dataOf({ data: { source } }: RunConfig) {
  if (source.kind !== 'pvc') return [];
  const name = 'data';
  return [
    {
      volume: { name, persistentVolumeClaim: { claimName: source.claim, readOnly: true } },
      mount: { name, mountPath: dataMountPath, readOnly: true },
    },
  ];
}

/** The words of torchrun. A pod of several processes is told its own number, and counts the ranks itself. */
function environmentOf(plan: AttemptPlan): readonly object[] {
  const { root } = plan;
  const { workers, processesPerWorker: processes } = root.spec.distribution;
  const rankZero = `${nameOf(plan)}-0.${subdomainOf(plan)}`;
  const fieldPath = `metadata.annotations['${labels.completionIndex}']`;
  const fixed = {
    WORLD_SIZE: String(workers * processes),
    LOCAL_WORLD_SIZE: String(processes),
    MASTER_ADDR: isGroup(plan) ? rankZero : '127.0.0.1',
    MASTER_PORT: String(rendezvousPort),
    // Debian's torch is built without libuv.
    USE_LIBUV: '0',
    OMP_NUM_THREADS: String(threadsOf(root.spec.placement.resources, processes)),
    HOME: '/tmp',
    PYTHONDONTWRITEBYTECODE: '1',
  };
  return [
    { name: processes === 1 ? 'RANK' : 'GROUP_RANK', valueFrom: { fieldRef: { fieldPath } } },
    { name: 'LIMBECK_MEMORY_BYTES', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1' } } },
    ...Object.entries(fixed).map(([name, value]) => ({ name, value })),
  ];
}

/** Of each process: more threads than the CPU limit has cores only fight each other. */
export function threadsOf({ limits }: ComputeResources, processes: number): number {
  const cpu = String(limits?.cpu ?? '1');
  const cores = cpu.endsWith('m') ? Number(cpu.slice(0, -1)) / 1000 : Number(cpu);
  return Number.isFinite(cores) ? Math.max(1, Math.floor(cores / processes)) : 1;
}
