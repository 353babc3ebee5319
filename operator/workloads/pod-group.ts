/**
 * Gang scheduling where a scheduler of the cluster offers it: the workers of an attempt are placed all together or not
 * at all, so that two groups do not hold half the devices each. Without it the attempt's Job is all there is. Pure.
 */
import { annotations, labels } from '../api/names.ts';
import { coschedulingGroups, volcanoGroups } from '../api/resources.ts';
import type { KubeObject, Resource } from '../kernel/objects.ts';

/** Whose PodGroups the cluster serves: the coscheduling plugin of kube-scheduler, or Volcano. */
export type Gang = 'coscheduling' | 'volcano';

interface GangApi {
  readonly resource: Resource;
  /** How a pod says that it belongs to the group of this name. */
  membership(name: string): { readonly labels?: object; readonly annotations?: object };
}

const apis: Readonly<Record<Gang, GangApi>> = {
  coscheduling: { resource: coschedulingGroups, membership: (name) => ({ labels: { [labels.podGroup]: name } }) },
  volcano: { resource: volcanoGroups, membership: (name) => ({ annotations: { [annotations.volcanoGroup]: name } }) },
};

/** The kind that has to be cached where this gang is served. */
export const podGroupsOf = (gang: Gang): Resource => apis[gang].resource;

/** The first whose API is among these, such as `scheduling.x-k8s.io/v1alpha1`. */
export const gangAmong = (served: ReadonlySet<string>): Gang | undefined =>
  (['coscheduling', 'volcano'] as const).find((gang) => served.has(apis[gang].resource.apiVersion));

/** A group whose pods start together. `metadata`: name, namespace and labels. */
export const podGroupOf = (
  gang: Gang,
  metadata: KubeObject['metadata'],
  { workers, priorityClassName }: { readonly workers: number; readonly priorityClassName: string | undefined },
) => ({
  apiVersion: apis[gang].resource.apiVersion,
  kind: 'PodGroup',
  metadata,
  spec: {
    minMember: workers,
    // Volcano orders groups by it; the plugin takes it from the pods.
    ...(gang === 'volcano' && priorityClassName !== undefined ? { priorityClassName } : {}),
  },
});

/** What the pods of the group carry. */
export const membershipOf = (gang: Gang, name: string): ReturnType<GangApi['membership']> =>
  apis[gang].membership(name);
