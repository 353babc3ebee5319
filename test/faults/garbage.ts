/**
 * Waits until the garbage collector knows our kinds, which it learns half a minute after their definitions are there. Before
 * that children outlive their root, and a run without faults would end in a state that no other run comes to.
 */
import { randomUUID } from 'node:crypto';
import { services } from '../../operator/api/resources.ts';
import { ApiError, type Cluster } from '../../operator/kernel/cluster.ts';
import { keyOf, ownerReferenceTo, type KubeObject } from '../../operator/kernel/objects.ts';
import { createNamespace, removeNamespace } from '../support/cluster-scoped.ts';
import type { Scenario } from './scenario.ts';
import { had, until } from './until.ts';

const never = new AbortController().signal;

/** One root of each kind of these lives is deleted, and its child must go. No operator may be there that acts upon it. */
export async function untilGarbageIsCollected(cluster: Cluster, lives: readonly Scenario[]): Promise<void> {
  const namespace = `faults-${randomUUID().slice(0, 8)}`;
  await had('a namespace', () => createNamespace(cluster, namespace));
  const ofEachKind = new Map(lives.map((life) => [life.resource.kind, life])).values();
  await Promise.all([...ofEachKind].map((life) => untilChildGoes(cluster, life, namespace)));
  await removeNamespace(cluster, namespace);
}

async function untilChildGoes(cluster: Cluster, { resource, object }: Scenario, namespace: string): Promise<void> {
  const name = resource.kind.toLowerCase();
  const root = await cluster.create(resource, { ...object, metadata: { name, namespace } }, never);
  const child: KubeObject & { readonly spec: unknown } = {
    ...{ apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80 }] } },
    metadata: { name, namespace, ownerReferences: [ownerReferenceTo(root)] },
  };
  await cluster.create(services, child, never);
  await cluster.remove({ resource, key: keyOf(root) }, never);
  await until(`the child of a ${resource.kind} goes with it`, () => isGone(cluster, child), { everyMs: 500 });
}

const isGone = (cluster: Cluster, child: KubeObject): Promise<boolean> =>
  cluster.get(services, keyOf(child), never).then(
    () => false,
    (error: unknown) => {
      if (error instanceof ApiError && error.code === 'notFound') return true;
      throw error;
    },
  );
