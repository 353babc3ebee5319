import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { testKubeconfig } from '../support/kubeconfig.ts';

/** Of the API server that this test runs beside. */
const state = dirname(testKubeconfig());
const pidOf = (name: string): string => readFileSync(join(state, 'processes', name), 'utf8').split(' ')[0]!;

test.each(['etcd:0', 'peer:0'])('whoever is not root cannot reach etcd by %s', (socket) => {
  const found = statSync(join(state, socket));
  expect(found.isSocket()).toBe(true);
  expect([found.uid, found.mode & 0o022]).toEqual([0, 0]);
});

test('etcd listens at no address', () => {
  const listeners = execFileSync('ss', ['-Hltnp'], { encoding: 'utf8' });
  expect(listeners).toContain(`pid=${pidOf('kube-apiserver')},`);
  expect(listeners).not.toContain(`pid=${pidOf('etcd')},`);
});
