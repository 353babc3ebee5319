/** The process as a whole, where no cluster is needed: what it says and how it ends when it cannot run. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { childEnvironment } from '../support/child-environment.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'operator-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const good = `
images: { trainer: t, server: s }
store: { uri: s3://limbeck, secretName: keys }
gateway: { service: g, namespace: n, port: 80, adminPort: 8081 }
gpuProfiles: { cpu: {} }
`;

async function ended(config: string, more: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; lines: string[] }> {
  const path = join(folder, 'operator.yaml');
  await writeFile(path, config);
  const env = { ...childEnvironment, LIMBECK_CONFIG: path, LIMBECK_ADMIN_PORT: '0', HOME: folder, ...more };
  const child = spawn(process.execPath, ['operator/main.ts'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, lines: output.trim().split('\n') };
}

test('a wrong configuration is one line with every mistake, and exit code 78', async () => {
  const { code, lines } = await ended('images: {}', { LIMBECK_LOG_LEVEL: 'loud' });
  expect([code, lines.length]).toEqual([78, 1]);
  const { violations, message } = JSON.parse(lines[0]!) as { violations: string[]; message: string };
  expect(message).toBe('the configuration is wrong');
  expect(violations).toEqual(expect.arrayContaining(['images.trainer is missing', 'store is missing']));
}, 20_000);

test('a configuration that is not there is told by its name', async () => {
  const { code, lines } = await ended(good, { LIMBECK_CONFIG: join(folder, 'absent.yaml') });
  expect([code, lines.length]).toEqual([78, 1]);
  expect(lines[0]).toContain('absent.yaml');
}, 20_000);

test('without a cluster it says so and ends with 1', async () => {
  const { code, lines } = await ended(good, { KUBECONFIG: join(folder, 'absent.conf') });
  expect(code).toBe(1);
  expect(lines.at(-1)).toContain('the operator cannot run');
}, 20_000);
