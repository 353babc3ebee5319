/** A release in its life: what is there when one comes back, and what Helm refuses before it has done anything. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { testKubeconfig } from '../support/kubeconfig.ts';
import { apply, kubectl } from '../support/kubectl.ts';

const run = promisify(execFile);
const id = randomUUID().slice(0, 8);
const release = `limbeck-${id}`;
const [namespace, other] = [`release-${id}`, `other-${id}`];
const chart = ['charts/limbeck', '--set', `crds.enabled=false,store.namespaces={${other}}`];

async function helm(...words: readonly string[]): Promise<string> {
  const where = ['--kubeconfig', testKubeconfig(), '--namespace', namespace];
  return (await run(process.env['LIMBECK_HELM'] ?? 'helm', [...words, ...where])).stdout;
}

const upgrade = (...settings: readonly string[]): Promise<string> =>
  helm('upgrade', release, ...chart, ...settings.flatMap((setting) => ['--set', setting]));

const jsonPath = (path: string, ...what: readonly string[]): Promise<string> =>
  kubectl('get', '--ignore-not-found', '--output', `jsonpath=${path}`, ...what);

const replicas = (): Promise<string> =>
  jsonPath('{.spec.replicas}', '--namespace', namespace, 'deployment', `${release}-gateway`);
const volume = (): Promise<string> =>
  jsonPath('{.spec.volumeClaimTemplates[0].spec}', '--namespace', namespace, 'statefulset', `${release}-store`);
const keys = (where: string): Promise<string> => jsonPath('{.data}', '--namespace', where, 'secret', 'limbeck-store');

beforeAll(async () => {
  for (const name of [namespace, other])
    await apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }));
  await helm('install', release, ...chart);
});

afterAll(async () => {
  await helm('uninstall', release, '--ignore-not-found');
  await kubectl('delete', 'namespace', namespace, other, '--wait=false');
});

test('a release that comes back has the keys of the store that it had, in every namespace', async () => {
  const before = await keys(namespace);
  expect(before).toContain('AWS_SECRET_ACCESS_KEY');
  expect(await keys(other)).toBe(before);
  await upgrade('logLevel=debug');
  expect(await keys(namespace)).toBe(before);
  await helm('uninstall', release);
  expect([await keys(namespace), await keys(other), await replicas()]).toEqual([before, '', '']);
  await helm('install', release, ...chart);
  expect([await keys(namespace), await keys(other)]).toEqual([before, before]);
});

describe('an upgrade', () => {
  test.each([
    ['size=20Gi', 'persistence.size cannot be changed by an upgrade: set it back to 10Gi'],
    ['storageClassName=fast', "persistence.storageClassName cannot be changed by an upgrade: set it back to ''"],
    ['enabled=false', 'persistence.enabled cannot be changed by an upgrade: set it back to true'],
  ])(
    'that would change the volume of the store by %s is refused before anything is done',
    async (setting, sentence) => {
      const others = ['gateway.replicas=5', 'operator.replicas=5'];
      await expect(upgrade(`store.embedded.persistence.${setting}`, ...others)).rejects.toThrow(sentence);
      expect(await replicas()).toBe('2');
    },
  );

  test('that writes the same size in other words is none of the volume', async () => {
    await upgrade('store.embedded.persistence.size=10240Mi', 'gateway.replicas=3');
    expect(await replicas()).toBe('3');
  });

  test('changes the volume where the StatefulSet was deleted first', async () => {
    await kubectl('--namespace', namespace, 'delete', 'statefulset', `${release}-store`);
    await upgrade('store.embedded.persistence.enabled=false');
    expect(await volume()).toBe('');
    await expect(upgrade('store.embedded.persistence.enabled=true')).rejects.toThrow('set it back to false');
    await kubectl('--namespace', namespace, 'delete', 'statefulset', `${release}-store`);
    await upgrade('store.embedded.persistence.storageClassName=fast');
    expect(await volume()).toContain('"storageClassName":"fast"');
    await expect(upgrade()).rejects.toThrow('set it back to fast');
  });
});
