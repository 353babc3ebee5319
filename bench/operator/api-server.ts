/** An API server, etcd and controllers for this bench alone, beside whatever else runs; each time from nothing. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { systemClock } from '../../process/clock.ts';
import { createRegistry } from '../../process/metrics.ts';
import { nodes } from '../../operator/api/resources.ts';
import { connect, type Connection } from '../../operator/kernel/connect.ts';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import { usualDeadlines } from '../../operator/kernel/deadlines.ts';
import { Transport } from '../../operator/kernel/transport.ts';
import { callMetrics } from '../../operator/kernel/call-metrics.ts';
import { defaultCredentials } from '../../operator/kernel/credentials.ts';
import { cache } from '../cache.ts';
import { Scrape } from './scrape.ts';

const run = promisify(execFile);
/** Of this bench. */
export const folder = join(cache, 'api-bench');
export const kubeconfig = join(folder, 'admin.conf');

export const never = new AbortController().signal;
export const clusterScoped = (apiVersion: string, kind: string, plural: string): Resource => ({
  ...{ apiVersion, kind, plural, namespaced: false },
});
const definitions = clusterScoped('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions');
export const namespaces = clusterScoped('v1', 'Namespace', 'namespaces');
const accounts: Resource = { apiVersion: 'v1', kind: 'ServiceAccount', plural: 'serviceaccounts', namespaced: true };

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks until the answer is true. */
export async function until(what: string, limitMs: number, ask: () => Promise<boolean>, everyMs = 200): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${limitMs / 1000} s`);
    await sleep(everyMs);
  }
}

export interface ApiServer {
  readonly cluster: Connection['cluster'];
  /** Objects of a kind in a namespace; cheap for the server, however many there are. */
  count(resource: Resource, namespace: string): Promise<number>;
  metrics(): Promise<Scrape>;
  /** From now on nobody but us and the operators makes anything. */
  stopControllers(): void;
  close(): Promise<void>;
}

function environment(port: number): NodeJS.ProcessEnv {
  return { ...process.env, LIMBECK_API_STATE: folder, LIMBECK_API_PORT: String(port) };
}

/** Ends everything that this folder runs; synchronous, for the way out. */
export function removeApiServer(port: number): void {
  spawnSync('cluster/cluster', ['api-down'], { env: environment(port), stdio: 'ignore' });
}

interface Definition extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Makes a kind and waits until it is served. */
export async function define(cluster: Connection['cluster'], definition: KubeObject): Promise<void> {
  await cluster.apply(definitions, definition, never);
  const key = { namespace: '', name: definition.metadata.name };
  const isServed = async (): Promise<boolean> => {
    const { status } = await cluster.get<Definition>(definitions, key, never);
    return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True') === true;
  };
  await until(`${key.name} to be served`, 30_000, isServed);
}

async function furnish(cluster: Connection['cluster'], namespace: string): Promise<void> {
  for (const kind of ['trainingjobs', 'distillationjobs', 'modelservices'])
    await define(cluster, parse(readFileSync(`crds/${kind}.yaml`, 'utf8')) as KubeObject);
  await cluster.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, never);
  const isThere = (): Promise<boolean> =>
    cluster.get(accounts, { namespace, name: 'default' }, never).then(
      () => true,
      () => false,
    );
  await until('the service account', 60_000, isThere);
  await keepNode(cluster);
  // Whoever stops the controllers too early keeps the taint of a new node for ever.
  const hasRoom = async (): Promise<boolean> =>
    ((await cluster.get(nodes, { namespace: '', name: 'bench' }, never)).spec?.taints ?? []).length === 0;
  await until('the node to be untainted', 60_000, hasRoom);
}

/** One node that is ready, since TrainingJobs wait for one; nothing ever runs on it. */
async function keepNode(cluster: Connection['cluster']): Promise<void> {
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'bench' } };
  await cluster.apply(nodes, node, never);
  const time = new Date().toISOString();
  const ready = { type: 'Ready', status: 'True', reason: 'Bench', message: '', lastTransitionTime: time };
  const allocatable = { cpu: '64', memory: '64Gi', pods: '20000' };
  const conditions = [{ ...ready, lastHeartbeatTime: time }];
  await cluster.applyStatus(nodes, { ...node, status: { allocatable, capacity: allocatable, conditions } }, never);
}

/** Starts one from nothing, with our kinds, a namespace, and a node. */
export async function openApiServer(port: number, namespace: string): Promise<ApiServer> {
  await run('cluster/cluster', ['api-down'], { env: environment(port) });
  await run('cluster/cluster', ['api-up'], { env: environment(port) });
  process.env.KUBECONFIG = kubeconfig;
  const registry = createRegistry('bench');
  const connection = await connect({ component: 'bench', version: '0', registry, clock: systemClock });
  const plain = new Transport({
    ...{ credentials: defaultCredentials(systemClock), userAgent: 'bench', clock: systemClock },
    ...{ counts: callMetrics(createRegistry('bench-plain')), deadlines: usualDeadlines },
  });
  const { cluster } = connection;
  await furnish(cluster, namespace);
  // The node's lease is not kept, so its controller would call it lost in the middle of a round.
  const beat = setInterval(() => void keepNode(cluster).catch(() => undefined), 10_000);
  const count = async (resource: Resource, of: string): Promise<number> => {
    const group = resource.apiVersion === 'v1' ? '/api/v1' : `/apis/${resource.apiVersion}`;
    const path = `${group}/namespaces/${of}/${resource.plural}`;
    const call = { method: 'GET', verb: 'list', resource: resource.plural, path, query: { limit: '1' } } as const;
    const list = (await plain.json('crud', call, never)) as CountedList;
    return list.items.length + (list.metadata.remainingItemCount ?? 0);
  };
  const metrics = async (): Promise<Scrape> => {
    let text = '';
    const call = { method: 'GET', verb: 'metrics', resource: 'metrics', path: '/metrics' } as const;
    const decoder = new TextDecoder();
    for await (const chunk of plain.stream(call, never)) text += decoder.decode(chunk, { stream: true });
    return new Scrape(text);
  };
  return {
    ...{ cluster, count, metrics },
    stopControllers: () => {
      clearInterval(beat);
      const [pid] = readFileSync(join(folder, 'processes', 'kube-controller-manager'), 'utf8').split(' ');
      process.kill(Number(pid), 'SIGKILL');
    },
    close: async () => {
      clearInterval(beat);
      await connection.close();
      await plain.close();
      await run('cluster/cluster', ['api-down'], { env: environment(port) });
    },
  };
}

interface CountedList {
  readonly items: readonly unknown[];
  readonly metadata: { readonly remainingItemCount?: number };
}
