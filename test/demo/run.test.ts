import { execFile } from 'node:child_process';
import { expect, test } from '@jest/globals';

test.each([
  ['nothing', undefined],
  ['what is no file', '/nowhere/values.yaml'],
])('on a cluster of one’s own, LIMBECK_VALUES that name %s are asked for in one sentence', async (_, values) => {
  const env = { ...process.env, KUBECONFIG: '/nowhere/config', LIMBECK_VALUES: values };
  const end = await new Promise<{ code: unknown; error: string }>((resolve) => {
    execFile('bash', ['demo/run'], { env }, (error, _out, stderr) => resolve({ code: error?.code, error: stderr }));
  });
  expect(end.code).toBe(1);
  expect(end.error.trim().split('\n')).toEqual([
    `demo: LIMBECK_VALUES must name the Helm values with your images, and '${values ?? ''}' is no file (README.md, "Your own cluster")`,
  ]);
});
