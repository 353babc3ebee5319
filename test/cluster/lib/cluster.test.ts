import { expect, test } from '@jest/globals';
import { run } from '../../support/shell.ts';

test('what a shell needs is the same in a folder with a blank in its name', async () => {
  const script = 'NODE_BIN="/my models/node" CURRENT="/a cache/bin" STATE="/a cache/cluster"; eval "$(environment)"';
  const { code, out } = await run(['lib/common.sh', 'lib/cluster.sh'], `${script}; echo "$KUBECONFIG:$PATH"`);
  expect(code).toBe(0);
  expect(out).toMatch(/^\/a cache\/cluster\/admin\.conf:\/a cache\/bin:\/my models\/node:\//);
});
