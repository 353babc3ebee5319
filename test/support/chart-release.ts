/** An installation by the chart on the API server of the tests: its rights and settings, and its processes as in their pods. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { childEnvironment } from './child-environment.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { testKubeconfig } from './kubeconfig.ts';
import { apply, kubectl, warnings } from './kubectl.ts';
import { startRecordingProxy, type RecordingProxy, type Seen } from './recording-proxy.ts';
import type { Manifest } from '../charts/helm.ts';

const run = promisify(execFile);

/** What is to be done after the test, the last first. */
export type Cleanups = (() => Promise<unknown> | undefined)[];
export type Component = 'operator' | 'gateway';

type Kubeconfig = { readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }] };

/** A process as in its pod: its own token, the chart's configuration; what it says is kept. */
export interface Started {
  readonly child: ChildProcess;
  /** What it asked, and how its view of a kind is made to lag. */
  readonly seen: readonly Seen[];
  readonly hold: RecordingProxy['hold'];
  readonly said: () => string;
  readonly admin: string;
}

/** What the chart writes into the pod's environment, but for what only a pod knows. */
function environmentOf(component: Component, { id, manifests }: Release): Readonly<Record<string, string>> {
  const name = `limbeck-${id}-${component}`;
  const workload = manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
  const containers = (workload?.spec.template.spec.containers ?? []) as readonly {
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
  }[];
  const variables = containers.flatMap(({ env = [] }) => env);
  return Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

/** `streams`: whether the API server lists by streams, as it does today, or refuses to. */
export async function start(
  component: Component,
  { streams }: { readonly streams: boolean },
  release: Release,
  cleanups: Cleanups,
): Promise<Started> {
  const { cluster } = (parse(await readFile(testKubeconfig(), 'utf8')) as Kubeconfig).clusters[0];
  const ca = Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64').toString();
  const proxy = await startRecordingProxy({ server: cluster['server'] ?? '', ca, streams });
  const account = `limbeck-${release.id}-${component}`;
  const token = (await kubectl('-n', release.namespace, 'create', 'token', account)).trim();
  const own = {
    ...{
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
    },
    ...{
      clusters: [{ name: 'c', cluster: { server: proxy.url, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'c', user: { token } }],
    },
  };
  await writeFile(join(release.folder, `${component}.conf`), JSON.stringify(own));
  const adminPort = String(await freePort());
  const env = {
    ...{
      ...environmentOf(component, release),
      ...childEnvironment,
      KUBECONFIG: join(release.folder, `${component}.conf`),
      LIMBECK_LOG_LEVEL: 'debug',
    },
    ...{ LIMBECK_CONFIG: join(release.folder, 'operator.yaml'), LIMBECK_ADMIN_PORT: adminPort, LIMBECK_PORT: '0' },
    ...{
      POD_NAME: component,
      POD_NAMESPACE: release.namespace,
      LIMBECK_LAME_DUCK_SECONDS: '0',
      LIMBECK_DRAIN_SECONDS: '0',
    },
  };
  const main = component === 'operator' ? 'operator/main.ts' : 'operator/gateway/main.ts';
  const child = spawn(process.execPath, [main], { env, stdio: 'pipe' });
  const words: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => words.push(String(part)));
  cleanups.push(async () => {
    await stop(child);
    proxy.close();
  });
  return {
    ...{ child, seen: proxy.seen, hold: (plural) => proxy.hold(plural) },
    said: () => words.join(''),
    admin: `http://127.0.0.1:${adminPort}`,
  };
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

export interface Release {
  readonly id: string;
  readonly namespace: string;
  readonly folder: string;
  readonly manifests: readonly Manifest[];
}

/**
 * Whoever sets an owner that is not to go before its child is refused (403) until admission control has heard of the owner's kind: it
 * learns the kinds of the API server every ten seconds (OwnerReferencesPermissionEnforcement and its RESTMapper).
 */
async function ownersAreKnown(namespace: string): Promise<void> {
  const ownerReferences = ['TrainingJob', 'DistillationJob', 'ModelService'].map((kind) => ({
    ...{ apiVersion: 'limbeck.dev/v1alpha1', kind, name: 'nobody', uid: randomUUID(), blockOwnerDeletion: true },
  }));
  const owned = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned', namespace, ownerReferences } };
  await eventually('admission control knows our kinds', () => warnings(JSON.stringify(owned)).then(() => true));
}

/** Renders, admits all of it under `restricted`, and installs what is not a workload. */
export async function install(namespaced: boolean, canary: string, cleanups: Cleanups): Promise<Release> {
  const id = randomUUID().slice(0, 8);
  const namespace = `rights-${id}`;
  const label = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' };
  await apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: label } }));
  cleanups.push(() => kubectl('delete', 'namespace', namespace, '--wait=false'));
  for (const kind of ['trainingjobs', 'distillationjobs', 'modelservices'])
    await kubectl('apply', '--server-side', '--force-conflicts', '-f', `crds/${kind}.yaml`);
  await ownersAreKnown(namespace);
  const set = `namespaced=${String(namespaced)},crds.enabled=false,networkPolicy.enabled=true`;
  const credentials = `store.embedded.secretAccessKey=${canary}`;
  const helm = process.env['LIMBECK_HELM'] ?? 'helm';
  const { stdout } = await run(helm, [
    'template',
    '--kube-version=1.34.0',
    `limbeck-${id}`,
    'charts/limbeck',
    '-n',
    namespace,
    '--set',
    set,
    '--set',
    credentials,
  ]);
  // Pod Security warns about workloads and refuses pods.
  const dry = await warnings(stdout);
  expect(dry).not.toContain('would violate');
  const manifests = parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((one) => one !== null);
  const installed = manifests.filter(({ kind }) => /Role|ServiceAccount|Secret|ConfigMap/.test(kind));
  await apply(installed.map((one) => JSON.stringify(one)).join('\n---\n'));
  // The store's Secret is in other namespaces too, where the next release would find somebody else's.
  const elsewhere = installed.filter(
    ({ kind, metadata }) => kind.startsWith('ClusterRole') || (metadata.namespace ?? namespace) !== namespace,
  );
  for (const { kind, metadata } of elsewhere)
    cleanups.push(() => kubectl('delete', kind, metadata.name, '-n', metadata.namespace ?? namespace));
  const folder = await mkdtemp(join(tmpdir(), 'rights-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const config = manifests.find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> };
  await writeFile(join(folder, 'operator.yaml'), config.data['operator.yaml'] ?? '');
  return { id, namespace, folder, manifests };
}
