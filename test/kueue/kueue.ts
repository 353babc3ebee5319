/**
 * Kueue as it is released, in a pod of the local cluster on the network of its node, so that the API server, a process
 * there, asks its webhooks over loopback. It manages Jobs alone here.
 */
import { dirname } from 'node:path';
import { stringify } from 'yaml';
import { managerOf, sources, type Manager, type Module, type WebhookConfiguration } from '../../bench/go-modules.ts';
import type { Kubectl } from '../../demo/kubectl.ts';
import { newIdentity, type Identity } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';

const kueue: Module = {
  path: 'sigs.k8s.io/kueue',
  version: 'v0.17.0',
  name: 'kueue',
  main: 'cmd/kueue',
  definitions: 'config/components/crd/bases',
  webhooks: 'config/components/webhook/manifests.yaml',
  config: 'config/components/manager/controller_manager_config.yaml',
};

const group = 'kueue.x-k8s.io';
export const kueueNamespace = 'kueue-system';
/** Of whatever it has of the cluster's scope. */
const name = 'limbeck-test-kueue';

/** Builds it where it is not there yet, which takes minutes. */
export const released = async (): Promise<Manager> => managerOf(kueue, await sources(kueue));

/** Its webhooks for its own kinds and for Jobs; those for kinds that this cluster has nothing of are left out. */
const concerns = ({ rules }: WebhookConfiguration['webhooks'][number]): boolean =>
  rules.every(({ apiGroups, resources }) => apiGroups.includes(group) || resources.includes('jobs'));

async function registerWebhooks(kubectl: Kubectl, { webhooks }: Manager, port: number, ca: string): Promise<void> {
  const caBundle = Buffer.from(ca).toString('base64');
  for (const { apiVersion, kind, webhooks: all } of webhooks) {
    const pointed = all.filter(concerns).map(({ clientConfig, ...rest }) => ({
      ...rest,
      clientConfig: { url: `https://127.0.0.1:${port}${clientConfig.service.path}`, caBundle },
    }));
    await kubectl.applyObject({ apiVersion, kind, metadata: { name }, webhooks: pointed });
  }
}

interface Ports {
  readonly health: number;
  readonly webhook: number;
}

const settings = ({ config }: Manager, { health, webhook }: Ports): object => ({
  ...config,
  health: { healthProbeBindAddress: `127.0.0.1:${health}` },
  metrics: { bindAddress: '0' },
  webhook: { host: '127.0.0.1', port: webhook },
  leaderElection: { leaderElect: false },
  internalCertManagement: { enable: false },
  integrations: { frameworks: ['batch/job'] },
});

/** Where it looks for certificates, those of its webhooks and those of its metrics. */
const certificates = ['/tmp/k8s-webhook-server/serving-certs', '/etc/kueue/metrics/certs'];

/** Its program is statically linked, and runs in any image. */
function podOf({ program }: Manager, image: string, { health }: Ports): object {
  const readyz = { httpGet: { host: '127.0.0.1', port: health, path: '/readyz' }, periodSeconds: 1 };
  const container = {
    ...{ name: 'kueue', image, readinessProbe: readyz, securityContext: { runAsUser: 0 } },
    // Its visibility server would want an APIService.
    command: ['/program/kueue', '--config=/config/config.yaml', '--feature-gates=VisibilityOnDemand=false'],
    volumeMounts: [
      { name: 'program', mountPath: '/program', readOnly: true },
      { name: 'config', mountPath: '/config' },
      ...certificates.map((mountPath) => ({ name: 'certificates', mountPath })),
    ],
  };
  const volumes = [
    { name: 'program', hostPath: { path: dirname(program), type: 'Directory' } },
    { name: 'config', configMap: { name: 'kueue' } },
    { name: 'certificates', secret: { secretName: 'kueue' } },
  ];
  const spec = { hostNetwork: true, serviceAccountName: 'kueue', containers: [container], volumes };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'kueue' }, spec };
}

/** Whatever its pod needs to be there. */
function parts(manager: Manager, ports: Ports, { certificate, key }: Identity): readonly object[] {
  const metadata = { name: 'kueue' };
  const role = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
  const subject = { kind: 'ServiceAccount', name: 'kueue', namespace: kueueNamespace };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: kueueNamespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: { name } },
      ...{ roleRef: role, subjects: [subject] },
    },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'config.yaml': stringify(settings(manager, ports)) } },
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { 'tls.crt': certificate, 'tls.key': key } },
  ];
}

/** Its kinds, itself, and its webhooks. `kubectl`: in the namespace that is its own. */
export async function install(kubectl: Kubectl, image: string): Promise<void> {
  const manager = await released();
  const all = manager.definitions.map((definition) => JSON.stringify(definition)).join('\n---\n');
  await kubectl.run(['apply', '--server-side', '--filename', '-'], all);
  await kubectl.run(['wait', '--for=condition=Established', '--timeout=60s', ...manager.definitions.map(nameOf)]);
  const [ports, identity] = [{ health: await freePort(), webhook: await freePort() }, await newIdentity('kueue')];
  for (const part of [...parts(manager, ports, identity), podOf(manager, image, ports)])
    await kubectl.applyObject(part);
  await kubectl.run(['wait', '--for=condition=Ready', '--timeout=120s', 'pod/kueue']);
  await registerWebhooks(kubectl, manager, ports.webhook, identity.authority);
}

const nameOf = ({ metadata }: { readonly metadata: { readonly name: string } }): string =>
  `customresourcedefinition/${metadata.name}`;

/** Removes all that `install` has put into the cluster, also where Kueue itself is gone and no finalizer is served. */
export async function forget(kubectl: Kubectl): Promise<void> {
  const hooks = ['mutatingwebhookconfiguration', 'validatingwebhookconfiguration'].map((kind) => `${kind}/${name}`);
  await kubectl.run(['delete', '--ignore-not-found', ...hooks]);
  await kubectl.run(['delete', '--ignore-not-found', `clusterrolebinding/${name}`, `namespace/${kueueNamespace}`]);
  const found = await kubectl.run(['get', 'customresourcedefinitions', '--output=name']);
  const definitions = found.split('\n').filter((name) => name.endsWith(`.${group}`));
  if (definitions.length === 0) return;
  await kubectl.run(['delete', '--wait=false', ...definitions]);
  const kinds = definitions.map((name) => name.replace(/^.*\//, '')).join();
  const objects = await kubectl.run(['get', kinds, '--all-namespaces', '--output=json', '--ignore-not-found']);
  for (const { kind, metadata } of itemsIn(objects)) {
    const where = metadata.namespace === undefined ? [] : ['--namespace', metadata.namespace];
    const none = ['--type=merge', '--patch={"metadata":{"finalizers":null}}'];
    await kubectl.run(['patch', `${kind}.${group}`, metadata.name, ...where, ...none]).catch(() => undefined);
  }
  await kubectl.run(['wait', '--for=delete', '--timeout=60s', ...definitions]);
}

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const itemsIn = (text: string): readonly Named[] =>
  text === '' ? [] : (JSON.parse(text) as { readonly items: readonly Named[] }).items;
