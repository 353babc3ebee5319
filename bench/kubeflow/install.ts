/**
 * Kubeflow Trainer with JobSet on the bench's API server: two processes instead of two Deployments, with the settings of
 * their manifests. Only where they listen, the namespace of their leases and who makes their webhooks' certificates differ.
 */
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { KubeObject, Resource } from '../../operator/kernel/objects.ts';
import { clusterScoped, define, folder, namespaces, never, until, type ApiServer } from '../operator/api-server.ts';
import { buildFolder } from '../cache.ts';
import type { Manager, WebhookConfiguration } from '../go-modules.ts';
import { assertRuns, started } from '../operator/processes.ts';
import { makeMany } from '../operator/work.ts';
import { released, type Release } from './release.ts';
import type { Contestant } from './round.ts';

const namespace = 'kubeflow-system';
const runtimes = clusterScoped('trainer.kubeflow.org/v1alpha1', 'ClusterTrainingRuntime', 'clustertrainingruntimes');
const trainJobs: Resource = {
  ...{ apiVersion: 'trainer.kubeflow.org/v1alpha1', kind: 'TrainJob', plural: 'trainjobs', namespaced: true },
};

/** Where controller-runtime looks for the certificate of its webhooks is beside the temporary files. */
const temporary = join(buildFolder, 'kubeflow');
const certificates = join(temporary, 'k8s-webhook-server', 'serving-certs');

/** In a cluster each manager makes its own for its Service; here both have the API server's, which is for loopback, too. */
function layCertificates(): void {
  mkdirSync(certificates, { recursive: true });
  for (const ending of ['crt', 'key'])
    copyFileSync(join(folder, 'pki', `apiserver.${ending}`), join(certificates, `tls.${ending}`));
}

interface Ports {
  readonly health: number;
  readonly metrics: number;
  readonly webhook: number;
}

const portsFrom = (port: number): Ports => ({ health: port, metrics: port + 1, webhook: port + 2 });

/** Its settings as released, but for what a Pod would have given it. */
function settings({ config }: Manager, ports: Ports): object {
  const own = config['certManagement'] === undefined ? 'internalCertManagement' : 'certManagement';
  // Trainer makes a certificate for its metrics by itself and knows no folder for one.
  const served = own === 'certManagement' ? {} : { certDir: certificates };
  return {
    ...config,
    health: { ...config['health'], healthProbeBindAddress: `127.0.0.1:${ports.health}` },
    metrics: { ...config['metrics'], bindAddress: `127.0.0.1:${ports.metrics}`, ...served },
    webhook: { ...config['webhook'], host: '127.0.0.1', port: ports.webhook },
    leaderElection: { ...config['leaderElection'], resourceNamespace: namespace },
    [own]: { ...config[own], enable: false },
  };
}

function start(manager: Manager, ports: Ports): ChildProcess {
  const file = join(temporary, `${manager.name}.yaml`);
  writeFileSync(file, stringify(settings(manager, ports)));
  return started(manager.program, [`--config=${file}`, '--zap-log-level=2'], { ...process.env, TMPDIR: temporary });
}

async function ready({ name }: Manager, { health }: Ports, child: ChildProcess): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    assertRuns(name, child);
    return fetch(`http://127.0.0.1:${health}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await until(`${name} to be ready`, 60_000, isReady);
}

/** A Service's address would lead nowhere: nothing routes here. */
async function registerWebhooks(
  { cluster }: ApiServer,
  { name, webhooks }: Manager,
  { webhook }: Ports,
): Promise<void> {
  const caBundle = readFileSync(join(folder, 'pki', 'ca.crt')).toString('base64');
  for (const configuration of webhooks) {
    const { apiVersion, kind } = configuration;
    const kinds = clusterScoped(apiVersion, kind, `${kind.toLowerCase()}s`);
    const found = ({ clientConfig, ...rest }: WebhookConfiguration['webhooks'][number]) => ({
      ...rest,
      clientConfig: { url: `https://127.0.0.1:${webhook}${clientConfig.service.path}`, caBundle },
    });
    const object = { apiVersion, kind, metadata: { name }, webhooks: configuration.webhooks.map(found) };
    await cluster.apply(kinds, object, never);
  }
}

async function install(api: ApiServer, { trainer, jobSet, torch }: Release, port: number): Promise<ChildProcess[]> {
  const { cluster } = api;
  for (const definition of [...jobSet.definitions, ...trainer.definitions]) await define(cluster, definition);
  await cluster.apply(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, never);
  layCertificates();
  const managers = [jobSet, trainer].map((manager, index) => {
    const ports = portsFrom(port + 3 * index);
    return { manager, ports, child: start(manager, ports) };
  });
  for (const { manager, ports, child } of managers) {
    await ready(manager, ports, child);
    await registerWebhooks(api, manager, ports);
  }
  const isApplied = (): Promise<boolean> =>
    cluster.apply(runtimes, torch, never).then(
      () => true,
      () => false,
    );
  await until('the runtime to be admitted', 30_000, isApplied);
  return managers.map(({ child }) => child);
}

const trainJob = (of: string, name: string): KubeObject & { readonly spec: object } => ({
  ...{ apiVersion: trainJobs.apiVersion, kind: trainJobs.kind, metadata: { namespace: of, name } },
  spec: {
    suspend: true,
    runtimeRef: { name: 'torch-distributed' },
    trainer: {
      ...{ numNodes: 1, image: 'bench.invalid/trainer:1', command: ['train'] },
      resourcesPerNode: { requests: { cpu: '1', memory: '1Gi' } },
    },
  },
});

/** `qps` is a limit for Trainer's client in the place of the released one, which is 50 with bursts of 100. */
export async function kubeflow(qps?: number): Promise<Contestant> {
  const { trainer, ...rest } = await released();
  const config = { ...trainer.config, ...(qps === undefined ? {} : { clientConnection: { qps, burst: 2 * qps } }) };
  const release = { ...rest, trainer: { ...trainer, config } };
  return {
    name: 'kubeflow',
    start: (api, port) => install(api, release, port),
    make: (api, of) => makeMany(api, { ...of, resource: trainJobs }, (name) => trainJob(of.namespace, name)),
    services: 1,
  };
}
