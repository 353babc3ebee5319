/** Operator and gateway with exactly the chart's rights on a real API server: none is missing, none unused, and no secret gets out. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import type { Pod } from '../../operator/api/kubernetes.ts';
import { pods } from '../../operator/api/resources.ts';
import { connect } from '../../operator/kernel/connect.ts';
import { systemClock } from '../../process/clock.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { serveGroups } from '../support/gangs.ts';
import { startHandKubelet } from '../support/hand-kubelet.ts';
import { testKubeconfig } from '../support/kubeconfig.ts';
import { apply, kubectl, warnings } from '../support/kubectl.ts';
import { startRecordingProxy, type Seen } from '../support/recording-proxy.ts';
import { distilled, trainerResult } from '../support/trained.ts';
import { freshRegistry } from '../support/toy.ts';
import { reasonUnused } from '../support/unused-rights.ts';
import type { Manifest } from '../charts/helm.ts';

const run = promisify(execFile);
const never = new AbortController().signal;
const canary = `canary-${randomUUID()}`;
type Component = 'operator' | 'gateway';

const cleanups: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}, 60_000);

type Kubeconfig = { readonly clusters: readonly [{ readonly cluster: Readonly<Record<string, string>> }] };

/** A process as in its pod: its own token, the chart's configuration; what it says is kept. */
interface Started {
  readonly child: ChildProcess;
  readonly seen: readonly Seen[];
  readonly said: () => string;
  readonly admin: string;
}

async function start(component: Component, release: Release): Promise<Started> {
  const { cluster } = (parse(await readFile(testKubeconfig(), 'utf8')) as Kubeconfig).clusters[0];
  const ca = Buffer.from(cluster['certificate-authority-data'] ?? '', 'base64').toString();
  const proxy = await startRecordingProxy(cluster['server'] ?? '', ca);
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
    ...{ PATH: process.env['PATH'], KUBECONFIG: join(release.folder, `${component}.conf`), LIMBECK_LOG_LEVEL: 'debug' },
    ...{ LIMBECK_CONFIG: join(release.folder, 'operator.yaml'), LIMBECK_ADMIN_PORT: adminPort, LIMBECK_PORT: '0' },
    ...{
      POD_NAME: component,
      POD_NAMESPACE: release.namespace,
      LIMBECK_LAME_DUCK_SECONDS: '0',
      LIMBECK_DRAIN_SECONDS: '0',
    },
    ...(release.namespaced ? { LIMBECK_WATCH_NAMESPACE: release.namespace } : {}),
  };
  const main = component === 'operator' ? 'operator/main.ts' : 'operator/gateway/main.ts';
  const child = spawn(process.execPath, [main], { env, stdio: 'pipe' });
  const words: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => words.push(String(part)));
  cleanups.push(async () => {
    await stop(child);
    proxy.close();
  });
  return { child, seen: proxy.seen, said: () => words.join(''), admin: `http://127.0.0.1:${adminPort}` };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

interface Release {
  readonly id: string;
  readonly namespace: string;
  readonly namespaced: boolean;
  readonly folder: string;
  readonly manifests: readonly Manifest[];
}

/** Renders, admits all of it under `restricted`, and installs what is not a workload. */
async function install(namespaced: boolean): Promise<Release> {
  const id = randomUUID().slice(0, 8);
  const namespace = `rights-${id}`;
  const label = { 'pod-security.kubernetes.io/enforce': 'restricted', 'pod-security.kubernetes.io/warn': 'restricted' };
  await apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels: label } }));
  cleanups.push(() => kubectl('delete', 'namespace', namespace, '--wait=false'));
  for (const kind of ['trainingjobs', 'distillationjobs', 'modelservices'])
    await kubectl('apply', '--server-side', '--force-conflicts', '-f', `crds/${kind}.yaml`);
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
  for (const { kind, metadata } of installed.filter(({ kind }) => kind.startsWith('ClusterRole')))
    cleanups.push(() => kubectl('delete', kind, metadata.name));
  const folder = await mkdtemp(join(tmpdir(), 'rights-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const config = manifests.find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> };
  await writeFile(join(folder, 'operator.yaml'), config.data['operator.yaml'] ?? '');
  return { id, namespace, namespaced, folder, manifests };
}

/** All three kinds from apply to their end; one job of each kind is stopped and taken away by its time to live. */
async function live({ namespace }: Release): Promise<readonly Pod[]> {
  process.env['KUBECONFIG'] = testKubeconfig();
  const connection = await connect({ component: 'test', version: '0', registry: freshRegistry(), clock: systemClock });
  cleanups.push(() => connection.close());
  const { cluster } = connection;
  const kubelet = await startHandKubelet(cluster, namespace, {
    cpu: '8',
    memory: '16Gi',
    pods: '100',
    'nvidia.com/gpu': '4',
  });
  cleanups.push(() => kubelet.stop());
  const podsWith = (labelSelector: string, count: number): Promise<readonly Pod[]> =>
    eventually(`pods with ${labelSelector}`, async () => {
      const { items } = await cluster.list(pods, { namespace, labelSelector }, never);
      return items.length === count && items;
    });
  /** A child that vanished is made again, once its root was asked for by name. */
  const missed = async (kind: string, label: string): Promise<void> => {
    await kubectl('delete', kind, '-n', namespace, '-l', label);
    await eventually(`${kind} again`, async () => (await kubectl('get', kind, '-n', namespace, '-l', label)) !== '');
  };
  const train = async (label: string, workers: number): Promise<readonly Pod[]> => {
    const members = await podsWith(label, workers);
    await missed('configmap', label);
    for (const member of members) await kubelet.run(member);
    for (const member of members) {
      const rank = member.metadata.labels?.['batch.kubernetes.io/job-completion-index'];
      await kubelet.end(member, 0, rank === '0' ? trainerResult('a', distilled) : '');
    }
    return members;
  };
  /** Until what the first attempt has left is removed. */
  const stopAgainAndAgain = async (): Promise<void> => {
    const suspend = (value: boolean): Promise<string> =>
      kubectl(
        'patch',
        '-n',
        namespace,
        'tj',
        'stopped',
        '--type=merge',
        '-p',
        JSON.stringify({ spec: { suspend: value } }),
      );
    for (const number of [1, 2, 3, 4]) {
      const members = await podsWith(`limbeck.dev/training-job=stopped,limbeck.dev/attempt=${String(number)}`, 2);
      if (number === 4) return;
      await suspend(true);
      await eventually(
        'the Job is gone',
        async () => !(await kubectl('get', 'jobs', '-n', namespace)).includes('stopped'),
      );
      // Pods of a node are over when its kubelet says so.
      for (const member of members) await kubelet.end(member, 143, '').catch(() => undefined);
      await suspend(false);
    }
  };
  for (const name of ['teacher', 'student', 'service'])
    await kubectl('apply', '-n', namespace, '-f', `examples/digits/${name}.yaml`);
  const seen = [
    ...(await train('limbeck.dev/training-job=digits-teacher', 2)),
    ...(await train('limbeck.dev/distillation-job=digits-student', 1)),
  ];
  const [replica] = await podsWith('limbeck.dev/model-service=digits', 1);
  await kubelet.run(replica!);
  await kubectl('wait', '-n', namespace, 'modelservice/digits', '--for=condition=Ready', '--timeout=30s');
  await missed('service', 'limbeck.dev/model-service=digits');
  for (const name of ['teacher', 'student']) {
    const kind = name === 'teacher' ? 'trainingjob' : 'distillationjob';
    const suspend = parse(await readFile(`examples/digits/${name}.yaml`, 'utf8')) as {
      metadata: { name: string };
      spec: object;
    };
    if (kind === 'trainingjob') {
      await apply(JSON.stringify({ ...suspend, metadata: { name: 'stopped', namespace } }));
      await stopAgainAndAgain();
    }
    await kubectl(
      'patch',
      '-n',
      namespace,
      kind,
      suspend.metadata.name,
      '--type=merge',
      '-p',
      '{"spec":{"ttlSecondsAfterFinished":1}}',
    );
    await eventually(
      `${name} is gone`,
      async () => !(await kubectl('get', kind, '-n', namespace)).includes(suspend.metadata.name),
    );
  }
  return [...seen, replica!];
}

const given = ({ manifests }: Release, component: string): readonly string[] =>
  manifests
    .filter(({ kind, metadata }) => kind.endsWith('Role') && metadata.name.includes(`-${component}`))
    .flatMap(({ rules = [] }) => rules)
    .flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((name) => verbs.map((verb) => `${group}/${name} ${verb}`))),
    );

test.each([
  [false, 'scheduling.x-k8s.io', 'v1alpha1'],
  [true, 'scheduling.volcano.sh', 'v1beta1'],
] as const)(
  'every right is used and none is missing, namespaced: %s, gangs by %s',
  async (namespaced, gangGroup, version) => {
    cleanups.push(await serveGroups(gangGroup, version));
    const release = await install(namespaced);
    const [operator, gateway] = [await start('operator', release), await start('gateway', release)];
    const refused = (): readonly string[] =>
      [...operator.seen, ...gateway.seen].filter(({ status }) => status === 403).map(({ path }) => path);
    // A right that is missing keeps the run from going on: it is named before whatever came of it.
    const made = await live(release).catch((cause: unknown) => {
      throw new Error(`refused: ${refused().join(', ')}\n${operator.said().slice(-2000)}`, { cause });
    });
    expect({ refused: refused(), pods: made.length }).toEqual({ refused: [], pods: 4 });
    const measured = await Promise.all(
      [operator, gateway].map(async ({ admin }) => (await fetch(`${admin}/metrics`)).text()),
    );
    await stop(operator.child);
    await stop(gateway.child);
    for (const [component, { seen }] of [
      ['operator', operator],
      ['gateway', gateway],
    ] as const) {
      const used = new Set(seen.flatMap(({ rights }) => rights));
      expect(
        given(release, component).filter((right) => !used.has(right) && reasonUnused(right, gangGroup) === undefined),
      ).toEqual([]);
      expect([...used].filter((right) => !given(release, component).includes(right))).toEqual([]);
    }
    const kinds = 'events,trainingjobs,distillationjobs,modelservices,jobs,deployments,pods,configmaps,services';
    const stored = await kubectl('get', kinds, '-n', release.namespace, '-o', 'yaml');
    expect(
      await kubectl('get', 'secret', 'limbeck-store', '-n', release.namespace, '-o', 'jsonpath={.data}'),
    ).toContain(Buffer.from(canary).toString('base64').slice(0, 40));
    const places = {
      logs: operator.said() + gateway.said(),
      metrics: measured.join(''),
      stored,
      pods: JSON.stringify(made),
    };
    for (const [place, text] of Object.entries(places)) {
      expect({
        place,
        isThere: text.length > 100,
        leaks: text.includes(canary) || text.includes(Buffer.from(canary).toString('base64')),
      }).toEqual({ place, isThere: true, leaks: false });
    }
  },
  150_000,
);
