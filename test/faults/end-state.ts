/** What a namespace holds in the end, without all that differs from run to run. */
import {
  batchJobs,
  coschedulingGroups,
  deployments,
  distillationJobs,
  modelServices,
  pods,
  services,
  trainingJobs,
} from '../../operator/api/resources.ts';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import type { Cache } from '../../operator/kernel/reconcile.ts';

const never = new AbortController().signal;
const ours: readonly Resource[] = [
  ...[trainingJobs, distillationJobs, modelServices],
  ...[batchJobs, deployments, pods, services, coschedulingGroups],
];
/** What a state is made of: all objects of these kinds. */
export const kinds: readonly Resource[] = ours.map(({ apiVersion, kind, plural, namespaced }) => ({
  ...{ apiVersion, kind, plural, namespaced },
}));
/** Identity and bookkeeping of the API server; counters of the controllers above us. */
const varying = new Set(
  ['uid', 'resourceVersion', 'generation', 'managedFields', 'creationTimestamp', 'selfLink', 'generateName'].concat([
    'clusterIP',
    'clusterIPs',
    'deployment.kubernetes.io/revision',
    'limbeck.dev/desired-hash',
    'limbeck.dev/root-version',
    'limbeck.dev/template',
    'finalizers',
  ]),
);
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** As the API server has it now; one text per object, sorted. */
export async function endState(cluster: Cluster, namespace: string): Promise<readonly string[]> {
  const objects: KubeObject[] = [];
  for (const kind of kinds) objects.push(...(await cluster.list(kind, { namespace }, never)).items);
  return stateOf(objects, namespace);
}

/** Everything of a namespace that has been heard of: may be late, and costs the API server nothing. */
export const heardIn = (heard: Cache, namespace: string): readonly KubeObject[] =>
  kinds.flatMap((kind) => heard.list(kind, namespace));

/** What changes whenever one of these objects does. */
export const versionsOf = (objects: readonly KubeObject[]): string =>
  objects.map(({ kind, metadata }) => `${kind}/${metadata.name}@${String(metadata.resourceVersion)}`).join(' ');

/**
 * What an operator at rest may still have to answer: how objects of our kinds are declared, pods, and what controllers say
 * of our children. A child's version is none of it, as our own writes change that, too.
 */
export const newsIn = (objects: readonly KubeObject[]): string =>
  objects.map((object) => (isOurs(object) ? declarationOf(object) : saidOf(object))).join(' ');

function saidOf(object: KubeObject & { readonly status?: object }): string {
  const { kind, metadata, status = {} } = object;
  if (kind === 'Pod') return versionsOf([object]);
  // Which version they have looked at follows our writes.
  const said = Object.entries(status).filter(([name]) => name !== 'observedGeneration');
  return `${kind}/${metadata.name}=${JSON.stringify(said)}`;
}

const isOurs = ({ apiVersion }: KubeObject): boolean => apiVersion.startsWith('limbeck.dev/');
const declarationOf = ({ kind, metadata: { name, generation } }: KubeObject): string =>
  `${kind}/${name}#${String(generation)}`;

export function stateOf(objects: readonly KubeObject[], namespace: string): readonly string[] {
  const podNames = objects.filter(({ kind }) => kind === 'Pod').map(({ metadata }) => metadata.name);
  // Pods carry five letters of chance behind the name of their owner.
  const named = (text: string): string =>
    podNames.reduce((before, name) => before.replaceAll(name, name.replace(/-\w{5}$/, '')), text);
  // A template that collides with that of a predecessor gets another hash.
  const hashes = new Set(objects.flatMap(({ metadata }) => metadata.labels?.['pod-template-hash'] ?? []));
  const hashed = (text: string): string =>
    [...hashes].reduce((before, hash) => before.replaceAll(hash, '<hash>'), text);
  // The name of an attempt tells the UIDs of two roots apart.
  const attempted = (text: string): string =>
    // And of a worker that is gone a record or a sentence alone has the name.
    text.replaceAll(/-[0-9a-f]{5}-a(?=\d)/g, '-a').replaceAll(/(-a\d+-\d+)-\w{5}\b/g, '$1');
  return objects
    .map((object) => attempted(hashed(named(normalised(object, namespace)))))
    .sort((a, b) => a.localeCompare(b));
}

export const normalised = (object: KubeObject, namespace: string): string =>
  JSON.stringify(masked(ownWords(object), object.metadata.generation), undefined, 1)
    .replaceAll(namespace, '<namespace>')
    // Which release made a pod is a matter of time, and so is how it starts a worker, or how long a replica may take to end; that it
    // lives on is counted elsewhere.
    .replaceAll(/"(trainer|server):\d+"/g, '"$1"')
    .replaceAll(/"env",\s+"--block-signal=TERM",\s+/g, '')
    .replaceAll(/("terminationGracePeriodSeconds": )(?:35|305)\b/g, '$1"<until it ends>"')
    .replaceAll(/("LIMBECK_DRAIN_SECONDS",\s+"value": )"(?:30|300)"/g, '$1"<until it ends>"')
    .replaceAll(uuid, '<uid>')
    .replaceAll(time, '<time>');

/** What others say in a status comes when it comes; of a pod it matters how it ended. */
function ownWords(object: KubeObject & { readonly status?: { readonly phase?: string } }): object {
  if (isOurs(object)) return object;
  const { status, ...rest } = object;
  return object.kind === 'Pod' ? { ...rest, phase: status?.phase } : rest;
}

/** No status at rest speaks of another generation than that of its object. */
export const former = 'not the present one';

/** Which generation it is depends on how often it was declared; whether a status speaks of it does not. */
function masked(value: unknown, generation: number | undefined): unknown {
  if (Array.isArray(value)) return value.map((member) => masked(member, generation));
  if (typeof value !== 'object' || value === null) return value;
  const maskedAs = ([name, member]: [string, unknown]): [string, unknown] =>
    name === 'observedGeneration'
      ? [name, member === generation ? 'the present one' : former]
      : [name, masked(member, generation)];
  const entries = Object.entries(value).filter(([name]) => !varying.has(name));
  return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b)).map(maskedAs));
}

/** The lines in which two states differ, for a person to read. */
export function difference(expected: readonly string[], found: readonly string[]): readonly string[] {
  const count = (lines: readonly string[]): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const line of lines.flatMap((text) => text.split('\n'))) counts.set(line, (counts.get(line) ?? 0) + 1);
    return counts;
  };
  // Equal lines are not equal states: two conditions may have changed places.
  if (JSON.stringify(expected) === JSON.stringify(found)) return [];
  const [before, after] = [count(expected), count(found)];
  const less = [...before].filter(([line, times]) => times > (after.get(line) ?? 0)).map(([line]) => `- ${line}`);
  const more = [...after].filter(([line, times]) => times > (before.get(line) ?? 0)).map(([line]) => `+ ${line}`);
  const apart = [...less, ...more].slice(0, 40);
  return apart.length > 0 ? apart : ['the same lines, in another order'];
}
