/** People by the roles that every cluster has: who they are to the three kinds, and who may install a release. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { testKubeconfig } from '../support/kubeconfig.ts';
import { apply, kubectl } from '../support/kubectl.ts';

const run = promisify(execFile);
const namespace = `users-${randomUUID().slice(0, 8)}`;
const helm = process.env['LIMBECK_HELM'] ?? 'helm';

/** Runs a command line as a person would, against the API server of the tests. */
const shell = async (line: string): Promise<string> => {
  const env = { ...process.env, KUBECONFIG: testKubeconfig() };
  return (await run('bash', ['-euo', 'pipefail', '-c', line.replace(/^helm/, helm)], { env })).stdout;
};

/** The only line of docs/security.md that begins so. */
async function documented(beginning: string): Promise<string> {
  const lines = (await readFile('docs/security.md', 'utf8')).split('\n').filter((line) => line.startsWith(beginning));
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

/** Whoever bears the name of a role has it, in this namespace alone. */
const as = (role: string, ...words: readonly string[]): Promise<string> =>
  kubectl('--namespace', namespace, '--as', role, ...words);

beforeAll(async () => {
  await apply(JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }));
  for (const role of ['view', 'edit', 'admin'])
    await kubectl('-n', namespace, 'create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}`);
  await shell(await documented('helm template'));
  // The cluster's roles are put together by a controller.
  for (const [role, ...right] of [
    ['view', 'list', 'modelservices'],
    ['edit', 'patch', 'modelservices', '--subresource=scale'],
    ['admin', 'update', 'modelservices', '--subresource=finalizers'],
  ] as const)
    await eventually(`${role} may ${right.join(' ')}`, async () => (await as(role, 'auth', 'can-i', ...right)) !== '');
}, 60_000);

afterAll(async () => {
  await kubectl('delete', 'namespace', namespace, '--wait=false');
  await kubectl('delete', 'clusterrole', 'limbeck-view', 'limbeck-edit', 'limbeck-admin', '--ignore-not-found');
}, 60_000);

describe('somebody whose role is', () => {
  test('view reads the kinds and writes none', async () => {
    await expect(as('view', 'create', '-f', 'examples/digits/teacher.yaml')).rejects.toThrow('forbidden');
    expect(await as('view', 'get', 'tj,dj,msvc', '-o', 'name')).toBe('');
  });

  test('edit writes the kinds and scales a ModelService, but does not say how they are', async () => {
    for (const file of ['teacher', 'student', 'service'])
      await as('edit', 'create', '-f', `examples/digits/${file}.yaml`);
    await as('edit', 'scale', 'msvc/digits', '--replicas=2');
    expect(await as('view', 'get', 'msvc', 'digits', '-o', 'jsonpath={.spec.replicas}')).toBe('2');
    const status = ['--subresource=status', '--type=merge', '-p', '{"status":{"phase":"Running"}}'];
    await expect(as('edit', 'patch', 'msvc', 'digits', ...status)).rejects.toThrow('forbidden');
    await as('edit', 'delete', 'tj,dj,msvc', '--all');
  });

  test('admin of one namespace installs a release there, which tells where models can be trained', async () => {
    const line = (await documented('helm install')).replace('my-namespace', namespace);
    const notes = await shell(`${line} --kube-as-user admin`);
    expect(notes).toContain(`Models can be trained and served in: ${namespace}.`);
    const roles = await as('admin', 'get', 'roles', '-o', 'name');
    for (const role of ['limbeck-operator', 'limbeck-operator-leases', 'limbeck-gateway'])
      expect(roles).toContain(role);
  });
});
