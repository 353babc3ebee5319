/** Parts of every pod that we make: who it runs as, what it may write, which GPU profile it gets. Pure. */
import type { Node, Toleration } from '../api/kubernetes.ts';
import { canonicalQuantity, wholeUnits } from './quantity.ts';
import type { GpuProfile, Settings } from './settings.ts';

const uid = 65532;

/** Pod level of the restricted Pod Security Standard; fsGroup lets the uid write into volumes. */
export const podSecurity = {
  runAsNonRoot: true,
  runAsUser: uid,
  runAsGroup: uid,
  fsGroup: uid,
  seccompProfile: { type: 'RuntimeDefault' },
} as const;

/** Container level of the restricted Pod Security Standard, and a root that nobody can write. */
export const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
} as const;

const mebibytes = (amount: number): string => canonicalQuantity(`${String(amount)}Mi`);

/** A private /tmp; without a size the pod's own limit of ephemeral storage holds. */
export const scratch = (sizeMi?: number) => ({
  volume: { name: 'tmp', emptyDir: sizeMi === undefined ? {} : { sizeLimit: mebibytes(sizeMi) } },
  mount: { name: 'tmp', mountPath: '/tmp' },
});

/**
 * /dev/shm, through which NCCL and data loaders share memory: the 64 MiB that a container has by default are too few.
 * It counts as memory of the container, so half of the limit is the most that makes sense.
 */
export const sharedMemory = ({ limits }: ComputeResources) => ({
  volume: {
    name: 'shm',
    emptyDir: {
      medium: 'Memory',
      sizeLimit: mebibytes(Math.max(1, Math.floor(wholeUnits(limits?.memory ?? '1Gi') / 2 ** 21))),
    },
  },
  mount: { name: 'shm', mountPath: '/dev/shm' },
});

/** The store's AWS_* variables, from the Secret of the pod's own namespace. */
export const storeEnvFrom = (settings: Settings) => [{ secretRef: { name: settings.store.secretName } }] as const;

/** Which profile a pod gets; a failure is a reason of the vocabulary and a sentence. */
export type ProfileChoice =
  | { readonly ok: true; readonly name: string; readonly profile: GpuProfile }
  | { readonly ok: false; readonly reason: 'ProfileUnknown' | 'NoNodeFits'; readonly message: string };

/**
 * The first profile that some ready, schedulable node could satisfy were it empty, or whose nodes come when pods ask for
 * them. Free room is the scheduler's business: looking at it here would make the choice flap. A name that the installation
 * does not have is a mistake even where another name would fit.
 */
export function chooseProfile(names: readonly string[], settings: Settings, nodes: readonly Node[]): ProfileChoice {
  const unknown = names.filter((name) => profileOf(name, settings) === undefined);
  if (unknown.length > 0) return { ok: false, reason: 'ProfileUnknown', message: unknownSentence(unknown, settings) };
  const usable = nodes.filter(isUsable);
  for (const name of names) {
    const profile = profileOf(name, settings);
    if (profile !== undefined && (profile.autoscaled === true || usable.some((node) => fits(node, profile))))
      return { ok: true, name, profile };
  }
  const looked = `no ready node satisfies ${names.join(' or ')} (${countOf(usable)} looked at)`;
  const hints = names.flatMap((name) => hintOf(name, profileOf(name, settings) ?? {}, usable) ?? []);
  return { ok: false, reason: 'NoNodeFits', message: [looked, ...hints].join('; ') };
}

const countOf = ({ length }: readonly Node[]): string => `${String(length)} ${length === 1 ? 'node' : 'nodes'}`;

/** What keeps nodes from a profile, and what helps. Of several reasons the most frequent, so that the sentence stays. */
function hintOf(name: string, profile: GpuProfile, nodes: readonly Node[]): string | undefined {
  const tainted = nodes.filter((node) => isSelected(node, profile) && hasDevices(node, profile));
  const groups = [...Map.groupBy(tainted, (node) => untolerated(node, profile).map(taintText).join(' and '))];
  const [most] = groups.toSorted(([one, some], [other, more]) => more.length - some.length || (one < other ? -1 : 1));
  if (most === undefined) return withoutDevices(name, profile);
  const [text, kept] = most;
  const taints = kept.slice(0, 1).flatMap((node) => untolerated(node, profile));
  const { resourceName: what = `what ${name} asks for` } = profile;
  const [noun, pronoun] = taints.length === 1 ? ['taint', 'it'] : ['taints', 'them'];
  const told = `${countOf(kept)} ${kept.length === 1 ? 'has' : 'have'} ${what} but the ${noun} ${text}`;
  return taints.some(isOfState) ? told : `${told}: tolerate ${pronoun} in gpuProfiles.${name}.tolerations`;
}

const withoutDevices = (name: string, { resourceName }: GpuProfile): string | undefined =>
  resourceName && `where nodes with ${resourceName} are added on demand, set gpuProfiles.${name}.autoscaled`;

const taintText = ({ key, value = '', effect }: Taint): string => `${key}${value === '' ? '' : `=${value}`}:${effect}`;

/** Kubernetes' own: how the node is doing, which is not to be tolerated. */
const isOfState = ({ key }: Taint): boolean => /^node\.(?:cloudprovider\.)?kubernetes\.io\//.test(key);

export const profileOf = (name: string, { gpuProfiles }: Pick<Settings, 'gpuProfiles'>): GpuProfile | undefined =>
  Object.hasOwn(gpuProfiles, name) ? gpuProfiles[name] : undefined;

const unknownSentence = (unknown: readonly string[], { gpuProfiles }: Settings): string =>
  `this installation has no GPU profile ${unknown.join(', ')}; it has ${Object.keys(gpuProfiles).join(', ')}`;

const isUsable = (node: Node): boolean =>
  node.spec?.unschedulable !== true &&
  node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;

const fits = (node: Node, profile: GpuProfile): boolean =>
  isSelected(node, profile) && hasDevices(node, profile) && untolerated(node, profile).length === 0;

const isSelected = ({ metadata: { labels = {} } }: Node, { nodeSelector = {} }: GpuProfile): boolean =>
  Object.entries(nodeSelector).every(([name, value]) => labels[name] === value);

const hasDevices = (node: Node, { resourceName, count = 1 }: GpuProfile): boolean =>
  resourceName === undefined || wholeUnits(node.status?.allocatable?.[resourceName] ?? '0') >= count;

const untolerated = (node: Node, { tolerations = [] }: GpuProfile): readonly Taint[] =>
  (node.spec?.taints ?? [])
    .filter(({ effect }) => effect !== 'PreferNoSchedule')
    .filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint)));

interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

/** The scheduler's rule: no effect means any effect; no key, with Exists, any taint. */
function tolerates({ key, operator = 'Equal', value = '', effect }: Toleration, taint: Taint): boolean {
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key === undefined || key === '') return operator === 'Exists';
  return key === taint.key && (operator === 'Exists' || value === (taint.value ?? ''));
}

/** CPU and memory as `spec.placement.resources` states them; numbers are allowed where Kubernetes allows them. */
export interface ComputeResources {
  readonly requests?: Readonly<Record<string, string | number>>;
  readonly limits?: Readonly<Record<string, string | number>>;
}

/** The container's resources, as they will be stored; the profile's devices are a limit, which Kubernetes takes for the request too. */
export function resourcesOf({ resourceName, count = 1 }: GpuProfile, resources: ComputeResources): ComputeResources {
  const devices = resourceName === undefined ? {} : { [resourceName]: String(count) };
  return {
    requests: quantities({ ...resources.requests }),
    limits: quantities({ ...resources.limits, ...devices }),
  };
}

const quantities = (values: Readonly<Record<string, string | number>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, canonicalQuantity(value)]));

/** Where the pod may run; a member that the profile does not state is absent. */
export const schedulingOf = ({ nodeSelector, tolerations }: GpuProfile) => ({
  ...(nodeSelector === undefined ? {} : { nodeSelector }),
  ...(tolerations === undefined ? {} : { tolerations }),
});
