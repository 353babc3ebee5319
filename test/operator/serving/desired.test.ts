import { readFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { Deployment } from '../../../operator/api/kubernetes.ts';
import { deployments, modelServices, nodes, type ModelService } from '../../../operator/api/resources.ts';
import type { GpuProfile, Settings } from '../../../operator/workloads/settings.ts';
import { observedTarget, renderedTarget, revisionOf, urlOf } from '../../../operator/serving/desired.ts';
import { servingReconciler } from '../../../operator/serving/reconciler.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeCluster } from '../../support/fake-cluster.ts';
import { expectGolden } from '../../support/golden.ts';
import { startRig } from '../../support/rig.ts';
import { applied, artefact, deployed, distillation, node, seen, service, settings, succeeded } from './support.ts';

test('the example is planned into these objects', async () => {
  const example = parse(await readFile('examples/digits/service.yaml', 'utf8')) as ModelService;
  const { scaling, runtime } = example.spec;
  const defaults = { maxInFlightPerReplica: 100 };
  const spec = { ...example.spec, runtime, scaling: { ...scaling, ...defaults } };
  const metadata = { ...service().metadata, name: example.metadata.name };
  const job = distillation(succeeded);
  const objects = applied(seen({ service: { ...example, metadata, spec }, job }));
  await expectGolden('test/golden/examples/digits-service.yaml', objects);
});

test('a revision is artefact, runtime and placement, and nothing else', () => {
  const of = (spec: Partial<ModelService['spec']>, digest = artefact.sha256) =>
    revisionOf(service(spec), { ...artefact, sha256: digest });
  const { scaling, runtime, placement } = service().spec;
  expect(of({ scaling: { ...scaling, maxReplicas: 9 }, replicas: 3 })).toBe(of({}));
  const others = [
    of({}, 'b'.repeat(64)),
    of({ runtime: { onnx: { ...runtime.onnx, threads: 2 } } }),
    of({ placement: { ...placement, gpuProfiles: ['cpu'] } }),
  ];
  expect(new Set([of({}), ...others]).size).toBe(4);
});

interface Server {
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

const serverOf = (more: Partial<Settings>, profile: GpuProfile = settings.gpuProfiles['gpu']!): Server => {
  const rendering = { service: service(), artefact, profileName: 'gpu', profile, settings: { ...settings, ...more } };
  const template = renderedTarget(rendering).template as { spec: { containers: readonly [Server] } };
  return template.spec.containers[0];
};

test('servers run the image of their profile where it has one', () => {
  expect(serverOf({}, { images: { server: 'server-cuda:1' } }).image).toBe('server-cuda:1');
  expect(serverOf({}, { images: { trainer: 'trainer-cuda:1' } }).image).toBe(settings.images.server);
});

test('servers have what the installation adds, and are told apart in traces', () => {
  const environmentOf = (serverEnvironment: Record<string, string>): readonly string[] =>
    serverOf({ serverEnvironment }).env.map(({ name, value }) => `${name}=${value ?? ''}`);
  const plain = environmentOf({});
  const beyond = (variables: Record<string, string>) => environmentOf(variables).filter((one) => !plain.includes(one));
  expect(beyond({ LIMBECK_SLOTS: '8' })).toEqual(['LIMBECK_SLOTS=8']);
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
  expect(beyond({ ...collector, OTEL_SERVICE_NAME: 'ours' })).toEqual([
    'OTEL_SERVICE_NAME=ours',
    'OTEL_RESOURCE_ATTRIBUTES=service.namespace=default',
    'OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318',
  ]);
  expect(beyond(collector)).toContain('OTEL_SERVICE_NAME=digits');
});

test('an address is told as it is: no variable of the container is put into it', () => {
  const told = (uri: string): string | undefined => {
    const profile = settings.gpuProfiles['gpu']!;
    const rendering = { service: service(), artefact: { ...artefact, uri }, profileName: 'gpu', profile, settings };
    const { spec } = renderedTarget(rendering).template as { spec: { containers: readonly [Server] } };
    return spec.containers[0].env.find(({ name }) => name === 'LIMBECK_MODEL_URI')?.value;
  };
  // By the rule of the kubelet's expansion: `$$` is a dollar, and only a single one begins a variable.
  expect(told('s3://limbeck/$(AWS_SECRET_ACCESS_KEY)')).toBe('s3://limbeck/$$(AWS_SECRET_ACCESS_KEY)');
  expect(told('s3://limbeck/a$$b$(')).toBe('s3://limbeck/a$$$$b$$(');
  expect(told('s3://limbeck/models/abc')).toBe('s3://limbeck/models/abc');
});

test('what a Deployment runs is read back as it was planned', () => {
  const profile = settings.gpuProfiles['gpu']!;
  const rendered = renderedTarget({ service: service(), artefact, profileName: 'gpu', profile, settings });
  const deployment = deployed(seen());
  expect(observedTarget(deployment)).toEqual(rendered);
  expect(observedTarget({ ...deployment, metadata: { name: 'digits' } })).toBeUndefined();
});

/** Where in a value false and 0 are stated. */
function nothings(value: unknown, path = ''): readonly string[] {
  if (value === false || value === 0) return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => nothings(member, `${path}/${name}`));
}

/**
 * Of each of these Kubernetes knows whether it is stated, and keeps it: they are pointers in its types. One that is none, as
 * hostNetwork, would be left out, missed by us, and written without end.
 */
test('every false and every 0 that is stated is one that the API server keeps', () => {
  const asleep = service({ replicas: 0 });
  const tolerations = [{ key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 0 } as const];
  const over = { ...settings, gpuProfiles: { ...settings.gpuProfiles, gpu: { tolerations } } };
  const stated = applied(seen({ service: asleep }), over).flatMap((object) => nothings(object, object.kind));
  expect(stated).toEqual([
    'Deployment/spec/replicas',
    'Deployment/spec/strategy/rollingUpdate/maxUnavailable',
    'Deployment/spec/template/spec/automountServiceAccountToken',
    'Deployment/spec/template/spec/enableServiceLinks',
    'Deployment/spec/template/spec/tolerations/0/tolerationSeconds',
    'Deployment/spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation',
  ]);
});

test('a template that others change at each write is not written by an upgrade, and once for each other wish', async () => {
  const [cluster, clock] = [new FakeCluster(), new FakeClock()];
  cluster.put(nodes, node());
  cluster.put(modelServices, service({ replicas: 1 }));
  let applies = 0;
  const apply = cluster.apply.bind(cluster);
  cluster.apply = (resource, object) => {
    if (resource !== deployments) return apply(resource, object);
    applies += 1;
    if (applies > 50) throw new Error('without end');
    return apply(resource, stamped(object, applies));
  };
  const key = { namespace: 'default', name: 'digits' };
  const none = { recommendation: () => undefined, loadFailure: () => undefined };
  /** How often it was applied while an operator with these settings was at work. */
  const during = async (over: Settings, replicas: number): Promise<number> => {
    const before = applies;
    const found = await cluster.get(modelServices, key);
    const scaled: ModelService = { ...found, spec: { ...found.spec, replicas } };
    cluster.put(modelServices, scaled);
    const rig = startRig(cluster, clock, { reconcilers: [servingReconciler(over, none)] });
    await clock.advance(120_000);
    await rig.stop();
    return applies - before;
  };
  const upgraded = { ...settings, images: { ...settings.images, server: 'server:2' } };
  expect([await during(settings, 1), await during(settings, 1)]).toEqual([1, 0]);
  expect([await during(upgraded, 1), await during(upgraded, 1)]).toEqual([0, 0]);
  expect([await during(upgraded, 2), await during(upgraded, 2)]).toEqual([1, 0]);
  expect([await during(settings, 2), await during(settings, 3)]).toEqual([0, 1]);
});

/** As a webhook leaves it that notes the time of each write. */
function stamped(deployment: Deployment, number: number): Deployment {
  const { spec } = deployment;
  const template = spec?.template as { metadata: { annotations?: object } };
  const annotations = { ...template.metadata.annotations, stamp: String(number) };
  const metadata = { ...template.metadata, annotations };
  return { ...deployment, spec: { ...spec, template: { ...template, metadata } } };
}

test('the address names the port where it is not the usual one', () => {
  expect(urlOf(service(), settings)).toBe('http://digits.default.svc.cluster.local/v2/models/digits');
  const other = { ...settings, gateway: { ...settings.gateway, port: 8000 } };
  expect(urlOf(service(), other)).toBe('http://digits.default.svc.cluster.local:8000/v2/models/digits');
});
