/** Where integration tests find an API server; says how to start one when there is none. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function testKubeconfig(): string {
  const path = process.env['LIMBECK_TEST_KUBECONFIG'] ?? join(homedir(), '.cache/limbeck/api/admin.conf');
  if (!existsSync(path)) throw new Error(`no API server for the tests: run "cluster/cluster api-up" first (${path})`);
  return path;
}
