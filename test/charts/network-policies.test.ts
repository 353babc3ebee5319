/** Every pod of ours against every other one: what its policies admit is what our processes dial, and nothing else. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { parseConfig as gatewayConfig } from '../../operator/gateway/config.ts';
import { parseConfig as operatorConfig } from '../../operator/config.ts';
import { serverPort } from '../../operator/serving/desired.ts';
import { progressPort } from '../../operator/workloads/trainer-job.ts';
import { objects, render, type Manifest } from './helm.ts';
import { enters, leaves, type NetworkPolicy, type Place } from './traffic.ts';

const release = 'limbeck-system';

interface Container {
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
}

const containersOf = ({ spec }: Manifest): readonly Container[] =>
  spec.template.spec.containers as readonly Container[];

function placeOf(workload: Manifest): Place {
  const ports = containersOf(workload).flatMap(({ ports = [] }) => ports);
  return {
    namespace: workload.metadata.namespace ?? '',
    labels: workload.spec.template.metadata.labels,
    ports: Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort])),
  };
}

const environmentOf = (workload: Manifest): Readonly<Record<string, string>> =>
  Object.fromEntries(
    containersOf(workload).flatMap(({ env = [] }) => env.map(({ name, value = '' }) => [name, value] as const)),
  );

const named = (all: readonly Manifest[], name: string): Manifest => {
  const found = all.find(({ kind, metadata }) => /^(Deployment|StatefulSet|Job)$/.test(kind) && metadata.name === name);
  if (found === undefined) throw new Error(`there is no workload ${name}`);
  return found;
};

const generated = async (example: string): Promise<readonly Manifest[]> =>
  objects(await readFile(`test/golden/examples/digits-${example}.yaml`, 'utf8'));

const stranger = (namespace: string): Place => ({ namespace, labels: { app: 'stranger' }, ports: {} });

async function scene(...settings: readonly string[]) {
  const chart = objects(await render('test/charts/values-default.yaml', 'networkPolicy.enabled=true', ...settings));
  const [teacher, student, service] = await Promise.all(['teacher', 'student', 'service'].map(generated));
  const workloads = {
    operator: named(chart, 'limbeck-operator'),
    gateway: named(chart, 'limbeck-gateway'),
    trainer: (teacher ?? []).find(({ kind }) => kind === 'Job')!,
    student: (student ?? []).find(({ kind }) => kind === 'Job')!,
    server: named(service ?? [], 'digits'),
  };
  const places = Object.fromEntries(Object.entries(workloads).map(([name, one]) => [name, placeOf(one)] as const));
  return {
    chart,
    workloads,
    policies: chart.filter(({ kind }) => kind === 'NetworkPolicy') as unknown as readonly NetworkPolicy[],
    places: { ...places, neighbour: stranger('default'), foreigner: stranger('elsewhere') } as Record<string, Place>,
  };
}

type Scene = Awaited<ReturnType<typeof scene>>;

/** Every port that anything of ours listens on or dials, and one that nothing does. */
const ports = [53, 443, 6443, 7070, 8080, 8081, 29_500, 40_000];

/** Names and the API server, wherever they are: a chart does not know their labels. */
const outside = [53, 443, 6443];

/** `from to port` of every connection to a pod of ours that one end lets through, whatever the other one does. */
const admitted = ({ policies, places }: Scene, end: typeof enters, these: readonly number[]): readonly string[] =>
  Object.entries(places).flatMap(([from, source]) =>
    Object.entries(places).flatMap(([to, target]) =>
      these
        .filter((port) => end(policies, { from: source, to: target, port }))
        .map((port) => `${from} ${to} ${String(port)}`),
    ),
  );

const isStranger = (name: string): boolean => /neighbour|foreigner/.test(name);

/** Of a job the workers talk with each other on whatever port they agree on. */
const amongWorkers = ['trainer', 'student'].flatMap((kind) => ports.map((port) => `${kind} ${kind} ${port}`));

describe('network policies', () => {
  let made: Scene;
  beforeAll(async () => {
    made = await scene();
    made.places['store'] = placeOf(named(made.chart, 'limbeck-store'));
  });

  /** What our processes dial, by their own configuration. */
  function dialled(): readonly string[] {
    const { chart, workloads } = made;
    const config = chart.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'limbeck-operator');
    const text = (config as unknown as { readonly data: Record<string, string> }).data['operator.yaml'] ?? '';
    const operator = operatorConfig(environmentOf(workloads.operator), text);
    if (!operator.ok) throw new Error(operator.violations.join());
    const { adminPort } = operator.value.settings.gateway;
    const secret = chart.find(({ kind }) => kind === 'Secret');
    const storePort = new URL(secret?.stringData?.AWS_ENDPOINT_URL ?? '').port;
    return [
      ...amongWorkers,
      `operator gateway ${String(adminPort)}`,
      ...['trainer', 'student'].map((run) => `operator ${run} ${String(progressPort)}`),
      ...['operator', 'gateway'].map((asker) => `${asker} server ${String(serverPort)}`),
      ...['trainer', 'student', 'server'].map((pod) => `${pod} store ${storePort}`),
    ];
  }

  test('let in exactly what is dialled, and everybody at the front door', () => {
    const gateway = gatewayConfig(environmentOf(made.workloads.gateway));
    if (!gateway.ok) throw new Error(gateway.violations.join());
    const { port } = gateway.value;
    const callers = Object.keys(made.places).map((caller) => `${caller} gateway ${String(port)}`);
    const letIn = admitted(made, enters, ports).filter((line) => !isStranger(line.split(' ')[1] ?? ''));
    expect(new Set(letIn)).toEqual(new Set([...dialled(), ...callers]));
    expect(environmentOf(made.workloads.trainer)['MASTER_PORT']).toBe('29500');
  });

  test('let out exactly what is dialled', () => {
    const inside = ports.filter((port) => !outside.includes(port));
    const letOut = admitted(made, leaves, inside).filter((line) => !isStranger(line.split(' ')[0] ?? ''));
    const wanted = dialled().filter((line) => inside.includes(Number(line.split(' ')[2])));
    expect(new Set(letOut)).toEqual(new Set(wanted));
  });

  test('name ports on which the pods listen', () => {
    const { workloads, places } = made;
    expect(places['operator']?.ports).toEqual({
      admin: Number(environmentOf(workloads.operator)['LIMBECK_ADMIN_PORT']),
    });
    const { LIMBECK_PORT: http, LIMBECK_ADMIN_PORT: admin } = environmentOf(workloads.gateway);
    expect(places['gateway']?.ports).toEqual({ http: Number(http), admin: Number(admin) });
    expect(places['server']?.ports).toEqual({ http: Number(environmentOf(workloads.server)['LIMBECK_PORT']) });
    expect(places['trainer']?.ports).toEqual({ progress: progressPort });
    const { VGW_PORT: s3, LIMBECK_ADMIN_PORT: own } = environmentOf(named(made.chart, 'limbeck-store'));
    expect(places['store']?.ports).toEqual({ s3: Number(s3?.slice(1)), admin: Number(own) });
  });

  test('let out to names and the API server those alone who need them', () => {
    const { policies, places } = made;
    const reaches = (name: string): readonly number[] =>
      ports.filter((port) => leaves(policies, { from: places[name]!, to: stranger('kube-system'), port }));
    expect(Object.fromEntries(Object.keys(places).map((name) => [name, reaches(name)]))).toEqual({
      ...{ operator: outside, gateway: outside },
      ...{ trainer: [53], student: [53], server: [53], store: [] },
      ...{ neighbour: ports, foreigner: ports },
    });
  });

  test.each([
    ['http://minio.storage:9000', [443, 9000]],
    ['http://minio.storage/', [80, 443]],
    ['https://s3.example.com:8443/tenant', [443, 8443]],
    ['https://s3.example.com', [443]],
    ['http://[fd00::1]:9000', [443, 9000]],
  ])('let out to the port of a store at %s, beside those that are named', async (endpoint, reached) => {
    const keys = ['accessKeyId=mine', 'secretAccessKey=secret', `endpoint=${endpoint}`];
    const { policies, places } = await scene(...keys.map((key) => `store.external.${key}`));
    const to = stranger('elsewhere');
    for (const name of ['trainer', 'student', 'server'])
      expect([80, 443, 8443, 9000].filter((port) => leaves(policies, { from: places[name]!, to, port }))).toEqual(
        reached,
      );
  });

  test.each([
    [['networkPolicy.dnsPorts={53,5353}'], [53, 5353]],
    [['networkPolicy.dnsPorts={5353}'], [5353]],
    // As after an upgrade with the values of a release that did not have them.
    [['networkPolicy.dnsPorts=null'], [53]],
  ])('let out to the ports of DNS that %j names, by UDP and TCP', async (settings, reached) => {
    const { policies, places } = await scene(...settings);
    const to = stranger('openshift-dns');
    for (const name of ['operator', 'gateway', 'trainer', 'student', 'server'])
      for (const protocol of ['UDP', 'TCP'] as const)
        expect([53, 5353].filter((port) => leaves(policies, { from: places[name]!, to, port, protocol }))).toEqual(
          reached,
        );
  });

  test('open metrics of the embedded store, and not its objects, to the peers that are named', async () => {
    const { chart, policies } = await scene('networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus');
    const to = placeOf(named(chart, 'limbeck-store'));
    const opened = (from: Place) => ports.filter((port) => enters(policies, { from, to, port }));
    expect(opened({ namespace: release, labels: { app: 'prometheus' }, ports: {} })).toEqual([8081]);
    expect(opened(stranger(release))).toEqual([]);
  });

  test('open metrics to the peers that are named; a store outside, data and traces by their ports alone', async () => {
    const metrics = 'networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus';
    const store = ['store.external.existingSecret=mine', 'networkPolicy.storePorts={9000}'];
    const other = await scene(metrics, ...store, 'networkPolicy.dataPorts={443}', 'networkPolicy.serverPorts={4318}');
    const prometheus: Place = { namespace: release, labels: { app: 'prometheus' }, ports: {} };
    const { policies, places } = other;
    const opened = (from: Place) =>
      ['operator', 'gateway', 'server', 'trainer', 'student'].flatMap((name) =>
        [7070, 8080, 8081, 40_000]
          .filter((port) => enters(policies, { from, to: places[name]!, port }))
          .map((port) => `${name} ${String(port)}`),
      );
    // The gateway's front door is open to everybody.
    expect(opened(prometheus)).toEqual([
      ...['operator 8081', 'gateway 8080', 'gateway 8081'],
      ...['server 8080', 'trainer 8080', 'student 8080'],
    ]);
    // Whoever writes no namespace means the release's, also in the policies of other namespaces.
    expect(opened({ ...prometheus, namespace: 'default' })).toEqual(['gateway 8080']);
    const to = stranger('elsewhere');
    const reached = (name: string): readonly number[] =>
      [53, 443, 4318, 9000, 40_000].filter((port) => leaves(policies, { from: places[name]!, to, port }));
    expect(['trainer', 'student', 'server'].map(reached)).toEqual([
      [53, 443, 9000],
      [53, 443, 9000],
      [53, 4318, 9000],
    ]);
  });
});
