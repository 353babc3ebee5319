import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { newFolder, run } from '../../support/shell.ts';

const parts = ['common', 'network', 'node'].map((part) => `lib/${part}.sh`);

test('every process of a pod is killed, and never our own group for one of a container that cannot be seen', async () => {
  const group = newFolder();
  mkdirSync(join(group, 'pod'));
  writeFileSync(join(group, 'cgroup.procs'), '0\n');
  writeFileSync(join(group, 'pod/cgroup.procs'), '0\n70\n71\n');
  // What is killed leaves its group; what is 0 stays.
  const kill = `kill() { echo "$*"; echo 0 >${group}/pod/cgroup.procs; }`;
  const { out } = await run(parts, `cgroup_folders() { echo ${group}; }; ${kill}; set +e; remove_cgroups`);
  expect(out).toBe('-9 70 71\n');
});
