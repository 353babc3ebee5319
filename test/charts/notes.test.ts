/** What a release says once it is installed. Helm renders NOTES.txt in an installation alone, so a copy of the chart has it as an object. */
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { objects, renderValues, type Where } from './helm.ts';

const namespace = 'limbeck-system';
let chart = '';

beforeAll(async () => {
  chart = join(await mkdtemp(join(tmpdir(), 'notes-')), 'limbeck');
  await cp('charts/limbeck', chart, { recursive: true });
  const [notes, named] = ['NOTES.txt', '_notes.tpl'].map((name) => join(chart, 'templates', name)) as [string, string];
  await rename(notes, named);
  await writeFile(named, `{{ define "notes" }}${await readFile(named, 'utf8')}{{ end }}`);
  const object =
    'apiVersion: v1\nkind: Notes\nmetadata: { name: notes }\ndata: { text: {{ include "notes" . | toJson }} }\n';
  await writeFile(join(chart, 'templates', 'notes.yaml'), object);
});

afterAll(() => rm(join(chart, '..'), { recursive: true }));

async function said(values: object = {}, where: Where = {}): Promise<string> {
  const made = objects(await renderValues({ crds: { enabled: false }, ...values }, { chart, ...where }));
  return made.find(({ kind }) => kind === 'Notes')?.data?.['text'] ?? '';
}

const train = (where: string): string => `kubectl apply --namespace ${where} -f examples/digits/teacher.yaml`;

describe('a release says where models can be trained', () => {
  test('in the namespaces that have the store, the example in one of them', async () => {
    const notes = await said({ store: { namespaces: ['default', 'research'] } });
    expect(notes).toContain(`served in: ${namespace}, default, research (values: store.namespaces).`);
    expect(notes).toContain(train('default'));
    expect(notes).toContain('kubectl get tj,dj,msvc --all-namespaces');
  });

  test('in its own where no other has the store', async () => {
    const notes = await said({ store: { namespaces: [] } });
    expect(notes).toContain(`served in: ${namespace} (values: store.namespaces).`);
    expect(notes).toContain(train(namespace));
  });

  test('in its own alone, and nowhere else, where it looks at no other', async () => {
    const notes = await said({ namespaced: true });
    expect(notes).toContain(`served in: ${namespace}.`);
    expect(notes).toContain(train(namespace));
    expect(notes).toContain(`kubectl get tj,dj,msvc --namespace ${namespace}`);
    expect(notes).not.toMatch(/default|--all-namespaces/);
  });

  test('wherever somebody keeps the Secret himself', async () => {
    const notes = await said({ store: { external: { existingSecret: 'mine' }, namespaces: [] } });
    expect(notes).toContain('served in every namespace where you keep the Secret mine.');
  });
});

describe('a release says by which address a service is reached', () => {
  const path = '/namespaces/<namespace>/services/<name>/v2/models/<name>/infer';
  test.each([
    [{}, 'service/limbeck-gateway 8080:80\n', 'http://<name>.<namespace>.svc/v2'],
    [{ port: 8000 }, 'service/limbeck-gateway 8080:8000\n', 'http://<name>.<namespace>.svc:8000/v2'],
    [{ type: 'LoadBalancer' }, `http://<load balancer>${path}\n`, 'http://<name>.<namespace>.svc/v2'],
    [{ type: 'LoadBalancer', port: 8000 }, `http://<load balancer>:8000${path}\n`, '.svc:8000/v2'],
    [{ type: 'NodePort', nodePort: 30080 }, `http://<any node>:30080${path}\n`, '.svc/v2'],
  ])('%j', async (service, outside, inside) => {
    const notes = await said({ gateway: { service } });
    expect(notes).toContain(outside);
    expect(notes).toContain(inside);
  });
});

describe('a release warns', () => {
  const images = Object.fromEntries(
    ['operator', 'server', 'trainer', 'store'].map((name) => [name, `registry.example/limbeck-${name}:1`]),
  );
  const monitoring = ['monitoring.coreos.com/v1'];
  const warnings = async (...given: Parameters<typeof said>): Promise<readonly string[]> =>
    (await said(...given)).split('\n').flatMap((line) => /^WARNING: (.*)/.exec(line)?.[1] ?? []);

  test('of nothing where all is well', async () => {
    const watched = { alerts: { enabled: true }, podMonitors: { enabled: true } };
    expect(await warnings({ images, ...watched }, { apis: monitoring })).toEqual([]);
    expect(await warnings({ images }, { apis: [] })).toEqual([]);
  });

  test('of images that no registry has, of whatever tag, each by its name', async () => {
    const trainer = 'localhost/limbeck-trainer:4c15e76c3e55';
    const [found, ...others] = await warnings({ images: { operator: images['operator'], trainer } });
    const names = ['server (localhost/limbeck-server:0.1.0)', 'store (localhost/limbeck-store:0.1.0)'];
    const all = [...names, `trainer (${trainer})`].map((name) => `images.${name}`);
    expect(found).toContain(`no registry has ${all.join(', ')}: `);
    expect(others).toEqual([]);
  });

  test.each(['LoadBalancer', 'NodePort'])('of a gateway that is open to others as %s', async (type) => {
    const [found, ...others] = await warnings({ images, gateway: { service: { type } } });
    expect(found).toMatch(new RegExp(`^gateway.service.type is ${type}: .*without TLS and without a key.*gateway.md`));
    expect(others).toEqual([]);
  });

  test('of alerts and PodMonitors that were asked for and not made', async () => {
    const apis: readonly string[] = [];
    const of = async (values: object) =>
      (await warnings({ images, ...values }, { apis })).map(
        (line) => /^(\S+) has made nothing: .*v1\./.exec(line)?.[1],
      );
    expect(await of({ alerts: { enabled: true } })).toEqual(['alerts.enabled']);
    expect(await of({ podMonitors: { enabled: true } })).toEqual(['podMonitors.enabled']);
  });

  test('of what cannot be lost without a trace, or is', async () => {
    const store = { embedded: { persistence: { enabled: false } } };
    expect(await warnings({ images, gateway: { replicas: 1 }, store })).toEqual([
      expect.stringContaining('one gateway alone'),
      expect.stringContaining('the store keeps nothing'),
    ]);
  });
});
