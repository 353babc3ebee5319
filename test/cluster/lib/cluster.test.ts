import { describe, expect, test } from '@jest/globals';
import { run } from '../../support/shell.ts';

test('what a shell needs is the same in a folder with a blank in its name', async () => {
  const script = 'NODE_BIN="/my models/node" CURRENT="/a cache/bin" STATE="/a cache/cluster"; eval "$(environment)"';
  const { code, out } = await run(['lib/common.sh', 'lib/cluster.sh'], `${script}; echo "$KUBECONFIG:$PATH"`);
  expect(code).toBe(0);
  expect(out).toMatch(/^\/a cache\/cluster\/admin\.conf:\/a cache\/bin:\/my models\/node:\//);
});

describe('a cluster that is not whole', () => {
  const parts = ['common', 'process', 'cluster'].map((part) => `lib/${part}.sh`);
  const world = `
    check_host() { :; }; binaries_complete() { :; }; refuse_foreign() { :; }; check_pods_reach_host() { :; }
    repairable() { :; }; healthy() { [[ -e $CACHE/healed ]]; }; recycle_volumes() { echo recycled; }; start_afresh() { echo afresh; }`;
  const up = async (start: string): Promise<string> => (await run(parts, `${world}\n${start}\nup`)).out;

  test('is repaired, and its volumes are offered again', async () => {
    expect(await up('start() { touch "$CACHE/healed"; }')).toBe('recycled\n');
  });

  test.each([
    ['a step of the repair fails', 'start() { false; touch "$CACHE/healed"; }'],
    ['a step of the repair ends it', 'start() { die "no"; }'],
    ['it does not work after that', 'start() { :; }'],
  ])('is started afresh where %s', async (_, start) => {
    expect(await up(start)).toBe('afresh\n');
  });
});
