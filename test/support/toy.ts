/** A toy kind and its reconciler: a Crew wants one ConfigMap per member; its status counts them. */
import { Registry } from 'prom-client';
import type { Log } from '../../process/logger.ts';
import {
  keyOf,
  ownerReferenceTo,
  stampConditions,
  type Condition,
  type KubeObject,
  type Resource,
} from '../../operator/kernel/objects.ts';
import { watchOwned, type Child, type Manner, type Next, type Reconciler } from '../../operator/kernel/reconcile.ts';

export interface CrewStatus {
  readonly conditions: readonly Condition[];
  readonly members: number;
}

export interface Crew extends KubeObject {
  readonly spec: { readonly members: readonly string[]; readonly manner?: Manner; readonly next?: Next };
  readonly status?: CrewStatus;
}

export interface Member extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const crews: Resource<Crew> = { apiVersion: 'test.dev/v1', kind: 'Crew', plural: 'crews', namespaced: true };
export const members: Resource<Member> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};

export const crew = (name: string, names: readonly string[], more: Partial<Crew['spec']> = {}): Crew => ({
  apiVersion: crews.apiVersion,
  kind: crews.kind,
  metadata: { name, namespace: 'default' },
  spec: { members: names, ...more },
});

interface Observed {
  readonly crew: Crew;
  readonly members: readonly Member[];
}

const memberOf = (owner: Crew, name: string): Child => ({
  resource: members,
  ...(owner.spec.manner === undefined ? {} : { manner: owner.spec.manner }),
  object: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `${owner.metadata.name}-${name}`,
      namespace: keyOf(owner).namespace,
      ownerReferences: [ownerReferenceTo(owner)],
    },
    data: { name },
  } as Member,
});

export const crewReconciler: Reconciler<Crew, Observed, CrewStatus> = {
  name: 'crew',
  resource: crews,
  watches: [watchOwned(members, crews)],
  conditionTypes: ['Ready', 'Progressing'],
  observe: (cache, key) => {
    const found = cache.get(crews, key);
    return found && { crew: found, members: cache.ownedBy(members, found) };
  },
  plan: ({ crew: owner, members: present }, now) => {
    const wanted = owner.spec.members.map((name) => memberOf(owner, name));
    const names = new Set(wanted.map(({ object }) => object.metadata.name));
    const extra = present.filter((member) => !names.has(member.metadata.name));
    const here = present.length - extra.length;
    const complete = here === wanted.length;
    // As of real ones, what is news is told from the status before.
    const isNews = complete && owner.status?.conditions.find(({ type }) => type === 'Ready')?.status !== 'True';
    const draft = {
      type: 'Ready',
      status: complete ? 'True' : 'False',
      reason: complete ? 'AllHere' : 'Gathering',
      message: `${String(here)} of ${String(wanted.length)}`,
    } as const;
    return {
      apply: wanted,
      remove: extra.map((member) => ({ resource: members, key: keyOf(member), uid: member.metadata.uid! })),
      status: { conditions: stampConditions([draft], owner.status?.conditions, now), members: here },
      events: isNews ? [{ kind: 'Normal', reason: 'AllHere', message: 'everybody is here' }] : [],
      next: owner.spec.next ?? { kind: 'settled' },
    };
  },
};

/** Keeps what is said, with the fields of the children that say it, for assertions. */
export function rememberingLog(lines: string[] = [], own: object = {}): Log & { readonly lines: readonly string[] } {
  const say = (sentence: string, fields?: object): void => {
    lines.push(`${sentence} ${JSON.stringify({ ...own, ...fields })}`);
  };
  const child = (fields: object): Log => rememberingLog(lines, { ...own, ...fields });
  return { lines, debug: say, info: say, warn: say, error: say, child };
}

/**
 * Without Node's own metrics: what observes the garbage collector for them is never let go, nor is what else the registry
 * knows, which is a whole operator. A process of the harness has thousands of them.
 */
export function freshRegistry(): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ component: 'test' });
  return registry;
}
