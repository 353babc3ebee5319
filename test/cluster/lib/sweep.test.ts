import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newFolder, run } from '../../support/shell.ts';

const names = [
  'versions',
  'common',
  'process',
  'network',
  'rules',
  'prerequisites',
  'containerd',
  'node',
  'sweep',
  'images',
];
const parts = names.map((name) => `lib/${name}.sh`);

/** A host on which nothing is done, and on which these are mounted until somebody takes them away. */
const host = (mounts: string): string => `
  kill_all() { :; }; remove_cgroups() { :; }; remove_sockets() { :; }; kubernetes_was_ours() { return 1; }
  remove_network() { echo "network $1"; }; remove_strays() { echo "strays $1"; }; remove_guard() { echo guard; }
  echo "${mounts}" >"$CACHE/mounts"
  mounts_below() { grep "^$1/" "$CACHE/mounts" || true; }
  umount() { echo "umount \${!#}"; grep -vxF "\${!#}" "$CACHE/mounts" >"$CACHE/less" || true; mv "$CACHE/less" "$CACHE/mounts"; }
  mkdir -p "$STATE"`;

describe('the sweep', () => {
  test('takes away what is mounted, what killed builds left mounted, and the state', async () => {
    const cache = newFolder();
    const mounts = `${cache}/cluster/pod\n${cache}/images/storage/merged\n${cache}/other`;
    const { code, out } = await run(parts, `${host(mounts)}\nsweep\n[[ -e $STATE ]] || echo gone`, cache);
    const unmounted = [`umount ${cache}/cluster/pod`, `umount ${cache}/images/storage/merged`];
    expect({ code, lines: out.trim().split('\n') }).toEqual({
      code: 0,
      lines: [...unmounted, 'network no', 'guard', 'strays no', 'gone'],
    });
  });

  test.each([
    ['a build', 'images'],
    ["the trainer's image", 'trainer'],
  ])('leaves alone what %s that is in use has mounted, and the guard of an installation', async (_, lock) => {
    const cache = newFolder();
    const held = `exec 7>"$CACHE/${lock}.lock" 8>"$CACHE/prerequisites.lock"; flock 7; flock 8`;
    const { out, error } = await run(parts, `${host(`${cache}/images/storage/merged`)}\n${held}\nsweep`, cache);
    expect(out).toBe('network no\nstrays no\n');
    expect(error).toContain('images are in use');
  });

  test('does not say that nothing is left where something is', async () => {
    const cache = newFolder();
    mkdirSync(join(cache, 'cluster/kept'), { recursive: true });
    const { code, error } = await run(parts, `${host('none')}\nrm() { return 1; }\nsweep`, cache);
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining('cannot be removed whole') });
  });
});
