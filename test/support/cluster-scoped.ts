/** What a test on a real API server needs before it begins: our kinds, and a namespace of its own. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { Cluster } from '../../operator/kernel/cluster.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';

export const definitions: Resource = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
export const namespaces: Resource = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
const never = new AbortController().signal;

/** Applies the three kinds of ours; done already is well done. */
export async function applyOurDefinitions(cluster: Cluster): Promise<void> {
  for (const kind of ['trainingjobs', 'distillationjobs', 'modelservices']) {
    const definition = parse(await readFile(`crds/${kind}.yaml`, 'utf8')) as KubeObject;
    await cluster.apply(definitions, definition, never);
  }
}

/** A pod that is not as restricted as it can be is refused there. */
const restricted = { 'pod-security.kubernetes.io/enforce': 'restricted' };

/** There already is well done, so that it may be asked for again. */
export async function createNamespace(cluster: Cluster, name: string): Promise<void> {
  const metadata = { name, labels: restricted };
  await cluster.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata }, never);
}

/** Returns before it is empty: the namespace controller takes its time. */
export async function removeNamespace(cluster: Cluster, name: string): Promise<void> {
  await cluster.remove({ resource: namespaces, key: { namespace: '', name } }, never);
}
