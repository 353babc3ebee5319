/** Promises of the chart that hold for every value set. */
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { gatewayAccess, operatorAccess, type Access } from '../../operator/api/resources.ts';
import { parseConfig } from '../../operator/config.ts';
import { objects, render, renderAs, rightsIn, type Manifest } from './helm.ts';

const run = promisify(execFile);
const sets = ['default', 'node-port', 'external-store', 'everything', 'namespaced'];
let all: readonly Manifest[] = [];

beforeAll(async () => {
  const texts = await Promise.all(sets.map((name) => render(`test/charts/values-${name}.yaml`)));
  all = texts.flatMap(objects);
});

const ofKind = (...kinds: readonly string[]): readonly Manifest[] => all.filter(({ kind }) => kinds.includes(kind));

describe('pods', () => {
  test('pass the Pod Security standard "restricted", with a read-only root', () => {
    const workloads = ofKind('Deployment', 'StatefulSet', 'Job', 'DaemonSet');
    expect(workloads.length).toBeGreaterThan(8);
    for (const { spec } of workloads) {
      const pod = spec.template.spec;
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect(pod.securityContext.runAsUser).toBeGreaterThan(0);
      expect([pod.hostNetwork, pod.hostPID, pod.hostIPC]).toEqual([undefined, undefined, undefined]);
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources).toMatchObject({
          requests: { cpu: expect.anything(), memory: expect.anything() },
          limits: { memory: expect.anything() },
        });
      }
      const volumes = (pod.volumes ?? []).map((volume) => Object.keys(volume).filter((key) => key !== 'name'));
      const allowed = ['configMap', 'downwardAPI', 'emptyDir', 'projected', 'secret', 'persistentVolumeClaim'];
      for (const [kind] of volumes) expect(allowed).toContain(kind);
    }
  });

  test('are on nodes for which the images are made, whatever else they ask of a node', () => {
    const asked = ofKind('Deployment', 'StatefulSet').map(({ spec }) => spec.template.spec.nodeSelector);
    for (const selector of asked) expect(selector).toMatchObject({ 'kubernetes.io/arch': 'amd64' });
    expect(asked).toContainEqual({ 'kubernetes.io/arch': 'amd64', 'kubernetes.io/os': 'linux' });
  });

  test('get an API token only where they ask the API server, by an explicit mount', () => {
    for (const { metadata, spec } of ofKind('Deployment', 'StatefulSet')) {
      const pod = spec.template.spec;
      expect(pod.automountServiceAccountToken).toBe(false);
      const mounted = (pod.volumes ?? []).some(({ name }) => name === 'api-token');
      expect(mounted).toBe(/operator|gateway/.test(metadata.name));
    }
  });

  test('of the store can be made whatever its keys are, also where their checksum looks like a number', async () => {
    const keys = ['accessKeyId=limbeck', 'secretAccessKey=secret-34'].map((key) => `store.embedded.${key}`);
    const rendered = objects(await render('test/charts/values-default.yaml', ...keys));
    const { annotations } = rendered.find(({ kind }) => kind === 'StatefulSet')!.spec.template.metadata;
    expect(annotations).toEqual({ 'checksum/credentials': '21278349' });
  });

  test('of the store are others when its keys are, and only then', async () => {
    const template = async (...settings: readonly string[]) => {
      const rendered = objects(await render('test/charts/values-default.yaml', ...settings));
      return rendered.find(({ kind }) => kind === 'StatefulSet')?.spec.template;
    };
    const before = await template();
    expect(await template('gateway.drainSeconds=31')).toEqual(before);
    expect(await template('store.embedded.secretAccessKey=another')).not.toEqual(before);
    expect(await template('store.embedded.accessKeyId=another')).not.toEqual(before);
    const madeUp = ['store.embedded.secretAccessKey=', 'store.embedded.accessKeyId='];
    expect(await template(...madeUp)).toEqual(await template(...madeUp));
  });

  test('are selected by labels that they have', () => {
    for (const { spec } of ofKind('Deployment', 'StatefulSet'))
      expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
    for (const { spec } of ofKind('Service')) {
      const matches = ofKind('Deployment', 'StatefulSet').filter(({ spec: workload }) =>
        Object.entries(spec.selector).every(([key, value]) => workload.template.metadata.labels[key] === value),
      );
      expect(matches.length).toBeGreaterThan(0);
    }
  });
});

const needed = (access: readonly Access[], scope: Access['scope']): readonly string[] =>
  rightsIn(
    access
      .filter((rule) => rule.scope === scope)
      .map(({ apiGroup, resource, verbs }) => ({ apiGroups: [apiGroup], resources: [resource], verbs })),
  );

test("every pod, the chart's and those made later, is selected by a network policy", async () => {
  interface Policy {
    readonly podSelector: {
      readonly matchLabels?: object;
      readonly matchExpressions?: readonly { readonly key: string }[];
    };
  }
  const made = objects(await render('test/charts/values-default.yaml', 'networkPolicy.enabled=true'));
  const policies = made.filter(({ kind }) => kind === 'NetworkPolicy').map(({ spec }) => spec as unknown as Policy);
  const isSelected = (labels: Readonly<Record<string, string>>): boolean =>
    policies.some(({ podSelector: { matchLabels = {}, matchExpressions = [] } }) => {
      const equal = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
      return equal && matchExpressions.every(({ key }) => labels[key] !== undefined);
    });
  const own = made.filter(({ kind }) => ['Deployment', 'StatefulSet'].includes(kind));
  expect(own.map(({ spec }) => isSelected(spec.template.metadata.labels))).toEqual([true, true, true]);
  for (const name of ['teacher', 'student', 'service']) {
    const generated = objects(await readFile(`test/golden/examples/digits-${name}.yaml`, 'utf8'));
    const workloads = generated.filter(({ kind }) => ['Job', 'Deployment'].includes(kind));
    expect(workloads.map(({ spec }) => isSelected(spec.template.metadata.labels))).toEqual([true]);
  }
  expect(isSelected({ app: 'stranger' })).toBe(false);
});

describe('rights', () => {
  const rulesOf = (kind: string, component: string): readonly string[] =>
    rightsIn(ofKind(kind).find(({ metadata }) => metadata.name === `limbeck-${component}`)?.rules);

  test('are exactly what operator and gateway use', () => {
    expect(rulesOf('ClusterRole', 'operator')).toEqual(needed(operatorAccess, 'cluster'));
    expect(rulesOf('Role', 'operator-leases')).toEqual(needed(operatorAccess, 'own namespace'));
    expect(rulesOf('ClusterRole', 'gateway')).toEqual(needed(gatewayAccess, 'cluster'));
    expect(ofKind('Role').every(({ metadata }) => metadata.namespace === 'limbeck-system')).toBe(true);
  });

  test('of a namespaced release are the same without nodes, and none of them is for the cluster', async () => {
    const own = objects(await render('test/charts/values-namespaced.yaml'));
    const kinds = new Set(own.map(({ kind }) => kind));
    expect([kinds.has('ClusterRole'), kinds.has('ClusterRoleBinding'), kinds.has('RoleBinding')]).toEqual([
      ...[false, false, true],
    ]);
    expect(own.every(({ metadata }) => metadata.namespace === 'limbeck-system')).toBe(true);
    const roleOf = (name: string): readonly string[] =>
      rightsIn(own.find(({ kind, metadata }) => kind === 'Role' && metadata.name === name)?.rules);
    const withoutNodes = operatorAccess.filter(({ resource }) => resource !== 'nodes');
    expect(roleOf('limbeck-operator')).toEqual(needed(withoutNodes, 'cluster'));
    expect(roleOf('limbeck-gateway')).toEqual(needed(gatewayAccess, 'cluster'));
  });

  test('have no wildcard, no secrets, no exec and nothing that lends rights', () => {
    const given = ofKind('ClusterRole', 'Role').flatMap(({ rules }) => rightsIn(rules));
    expect(given.filter((line) => /\*|secrets|pods\/|escalate|bind|impersonate|rolebindings/.test(line))).toEqual([]);
  });
});

describe('values', () => {
  test.each([
    'nonsense=1',
    'gateway.nonsense=1',
    'gateway.service.type=Ingress',
    'operator.replicas=0',
    'imagePullPolicy=Sometimes',
    'gpuProfiles.l4.count=1',
    'store.bucket=Not_A_Bucket',
    'images.server=my image',
    'gpuProfiles.gpu.resourceName=nvidia gpu',
    'operator.resources.limits.memory=lots',
    'operator.resources.requests.cpu=-1',
    'store.embedded.persistence.size=ten',
    'operator.tolerations[0].effect=NoScheduling',
    'operator.tolerations[0].tolerationSeconds=60',
    'operator.podLabels.app\\.kubernetes\\.io/component=mine',
    'gpuProfiles.gpu.memoryGiB=47.5',
    'gpuProfiles.gpu.count=2000',
    'gpuProfiles.gpu.autoscaled=maybe',
    'server.environment.OTEL_SERVICE_NAME= ',
    'gateway.drainSeconds=9999',
    'gateway.maxBodyBytes=2e12',
    'clusterDomain=a: b',
    'store.external.endpoint=http://a b',
    'store.external.existingSecret=Bad_Name',
    'images.server=null',
    'clusterDomain=null',
    'server=null',
    'gateway.maxBodyBytes=null',
    'store.bucket=null',
    'store.embedded.persistence.size=null',
    'networkPolicy.apiServerPorts=null',
    'networkPolicy.dnsPorts={}',
    'networkPolicy.dnsPorts={70000}',
  ])('%s is refused', async (setting) => {
    await expect(render(undefined, setting)).rejects.toThrow("values don't meet the specifications");
  });

  test('whatever they may be, the operator can read what comes of them', async () => {
    const made = objects(await render('test/charts/values-odd.yaml'));
    const config = made.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'limbeck-operator');
    expect(parseConfig({}, config?.data?.['operator.yaml'] ?? '')).toMatchObject({
      ok: true,
      value: { settings: { schedulerName: '5e3', store: { secretName: '123' }, clusterDomain: '0x1f' } },
    });
  });

  test('that its user clears leave a configuration that the operator can read', async () => {
    for (const name of ['gpuProfiles', 'server.environment', 'schedulerName']) {
      const made = objects(await render(undefined, `${name}=null`));
      const config = made.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'limbeck-operator');
      expect(parseConfig({}, config?.data?.['operator.yaml'] ?? '')).toMatchObject({ ok: true });
    }
  });

  test('of how long a gateway drains: the operator is told all the time that its pod has', async () => {
    const made = objects(await render(undefined, 'gateway.drainSeconds=3600'));
    const text = made.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'limbeck-operator')?.data;
    const gateway = made.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'limbeck-gateway');
    const graceSeconds = gateway?.spec.template.spec.terminationGracePeriodSeconds;
    expect(graceSeconds).toBe(3615);
    expect(parseConfig({}, text?.['operator.yaml'] ?? '')).toMatchObject({
      ok: true,
      value: { settings: { gateway: { graceSeconds } } },
    });
  });

  test('every value is explained', async () => {
    const lines = (await readFile('charts/limbeck/values.yaml', 'utf8')).split('\n');
    const tops = lines.map((line, at) => [line, lines[at - 1] ?? ''] as const).filter(([line]) => /^\w+:/.test(line));
    const selfEvident = /^(operator|gateway|crds|rbac|podDisruptionBudget|networkPolicy|podMonitors):/;
    expect(tops.filter(([line, before]) => !selfEvident.test(line) && !before.startsWith('#'))).toEqual([]);
  });
});

describe('a release', () => {
  /** Every name of a namespace, and every label, of objects, their pods and their selectors. */
  const named = /^(namespace|kubernetes\.io\/metadata\.name|app\.kubernetes\.io\/instance|subPath)$/;
  function texts(value: unknown): readonly unknown[] {
    if (typeof value !== 'object' || value === null) return [];
    return Object.entries(value).flatMap(([key, member]: [string, unknown]) => [
      ...(named.test(key) && typeof member !== 'object' ? [member] : []),
      ...(key === 'matchNames' ? (member as readonly unknown[]) : []),
      ...texts(member),
    ]);
  }

  test('may be in a namespace, and serve others, and have a bucket, that look like numbers', async () => {
    const settings = ['networkPolicy.enabled=true', 'podMonitors.enabled=true', 'store.namespaces={1e5}'];
    const release = { name: 'null', namespace: '2024' };
    const set = [...settings, 'store.bucket=0x1f'];
    for (const more of [[], ['namespaced=true']]) {
      const found = objects(await renderAs(release, undefined, ...set, ...more)).flatMap(texts);
      expect(found.length).toBeGreaterThan(50);
      expect(found.filter((text) => typeof text !== 'string')).toEqual([]);
      expect(found).toEqual(expect.arrayContaining(['2024', 'null', '0x1f']));
    }
  });

  test.each(['1limbeck', 'my.limbeck'])(
    'named %s is refused, not begun: Services cannot have such names',
    async (name) => {
      await expect(renderAs({ name, namespace: 'limbeck-system' })).rejects.toThrow(
        `must begin with a letter and have no dots, but is "${name}"`,
      );
    },
  );

  test('has its namespace alone where its user clears the list of others', async () => {
    const made = objects(await render(undefined, 'store.namespaces=null')).filter(({ kind }) => kind === 'Secret');
    expect(made.map(({ metadata }) => metadata.namespace)).toEqual(['limbeck-system']);
  });
});

describe('CRDs', () => {
  test('are those of crds/, and stay when the release goes', async () => {
    await run('bash', ['charts/sync-crds.sh', '--check']);
    const rendered = objects(await render()).filter(({ kind }) => kind === 'CustomResourceDefinition');
    for (const file of (await readdir('crds')).filter((name) => name.endsWith('.yaml'))) {
      const source = parse(await readFile(`crds/${file}`, 'utf8')) as Manifest;
      const found = rendered.find(({ metadata }) => metadata.name === source.metadata.name);
      expect(found?.spec).toEqual(source.spec);
      expect(found?.metadata).toMatchObject({ annotations: { 'helm.sh/resource-policy': 'keep' } });
    }
    const going = objects(await render(undefined, 'crds.keep=false'));
    const kept = going.filter(({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] !== undefined);
    expect(kept.map(({ kind }) => kind)).toEqual(['Secret']);
  });
});
