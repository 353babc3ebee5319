import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newFolder, run } from '../../support/shell.ts';

const parts = ['versions', 'common', 'process', 'network', 'binaries', 'prerequisites', 'images'].map(
  (part) => `lib/${part}.sh`,
);

/** A host that lacks one package, until apt-get has it; what is done to it is printed. */
const host = `
  preflight() { :; }; check_conflicts() { :; }; GUARD=$CACHE/guard
  missing_packages() { [[ -e $CACHE/installed ]] || echo runc; }
  dpkg() { echo "dpkg $*" >>"$CACHE/done"; }
  apt-get() { echo "apt-get $*" >>"$CACHE/done"; [[ $1 != install ]] || touch "$CACHE/installed"; }`;

describe('the packages of Debian', () => {
  test('are installed after what a killed installation had begun; the lock of a stranger is waited for', async () => {
    const { code, out } = await run(
      parts,
      `${host}\nprerequisites; cat "$CACHE/done"; [[ -e $GUARD ]] || echo unguarded`,
    );
    expect({ code, lines: out.trim().split('\n') }).toEqual({
      code: 0,
      lines: [
        'apt-get update',
        'dpkg --configure -a',
        'apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=300 runc',
        'unguarded',
      ],
    });
  });

  test('bring no service that runs beside ours from the next boot on', async () => {
    const helper = 'deb-systemd-helper() { echo "deb-systemd-helper $*" >>"$CACHE/done"; }';
    const install = `${host}\n${helper}\ninstall_packages containerd runc; install_packages runc; grep deb "$CACHE/done"`;
    expect((await run(parts, install)).out).toBe('deb-systemd-helper disable containerd.service\n');
  });

  test('are installed by one run at a time', async () => {
    const held = 'exec 7>"$CACHE/prerequisites.lock"; flock 7';
    const { error } = await run(
      parts,
      `${host}\n${held}\ntimeout 1 bash -c "$(declare -f); CACHE=$CACHE; prerequisites"`,
    );
    expect(error).toContain('waiting for another run that holds');
    expect(error).not.toContain('installing');
  });
});

describe('a host', () => {
  test.each([
    ['of another system', 'uname() { echo Darwin; }', 'this needs Linux and found Darwin; use a Debian machine'],
    [
      'of another kind',
      'uname() { [[ $1 == -s ]] && echo Linux || echo aarch64; }',
      'this needs an x86-64 machine and found aarch64; use',
    ],
  ])('%s is refused in one sentence with the remedy', async (_, before, sentence) => {
    const { code, error } = await run(parts, `${before}\ncheck_host`);
    expect({ code, lines: error.trim().split('\n') }).toEqual({ code: 1, lines: [expect.stringContaining(sentence)] });
  });

  test('without root says how to keep the path of Go and npm', async () => {
    const script = `uname() { [[ $1 == -s ]] && echo Linux || echo x86_64; }; declare -f check_host >"$CACHE/host"
      sed -i 's/((EUID == 0))/false/' "$CACHE/host"; . "$CACHE/host"; check_host`;
    const { code, error } = await run(parts, script);
    expect({ code, error }).toEqual({
      code: 1,
      error: expect.stringContaining('this needs root for namespaces, mounts and network links'),
    });
    expect(error).toContain('sudo -E env HOME=/root "PATH=$PATH" make');
  });

  test.each([
    ['no npm', 'check_npm', 'npm, of any Node, brings'],
    ['no Go', 'check_go', 'Go 1.25 or newer builds'],
  ])('with %s is told what to install', async (_, check, sentence) => {
    const { code, error } = await run(parts, `command() { return 1; }\n${check}`);
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining(sentence) });
  });

  test.each([
    ['4 GB is told so', 4_028_000, 1, '8 GB of memory are needed and 4 GB were found; use a larger machine'],
    ['8 GB is large enough, whatever its kernel keeps', 7_800_000, 0, ''],
  ])('with %s', async (_, kib, code, sentence) => {
    const script = `MEMINFO=$CACHE/meminfo; printf 'MemTotal: %s kB\\nMemFree: 1 kB\\n' ${kib} >"$MEMINFO"; check_memory`;
    const found = await run(parts, script);
    expect([found.code, found.error]).toEqual([code, expect.stringContaining(sentence)]);
  });

  test('whose root may do nothing is told what to use', async () => {
    const { code, error } = await run(parts, 'unshare() { return 1; }\ncheck_rights');
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining('this root may not make mounts') });
    expect(error).toContain('a container with --privileged --cgroupns=host');
  });

  const all = 'cpuset cpu io memory hugetlb pids rdma';
  test.each<[string, Readonly<Record<string, string>>, string | undefined]>([
    ['control groups of the first version', {}, undefined],
    ['all controllers', { controllers: all, subtree_control: '', procs: '1' }, undefined],
    ['a kernel without one', { controllers: 'cpuset cpu io pids', subtree_control: '', procs: '1' }, 'memory'],
    ['a group of its own with processes', { type: 'domain', controllers: all, subtree_control: '', procs: '1' }, 'cpu'],
    [
      'a group of its own that hands on',
      { type: 'domain', controllers: all, subtree_control: all, procs: '' },
      undefined,
    ],
    ['an empty group of its own', { type: 'domain', controllers: all, subtree_control: '', procs: '' }, undefined],
  ])('with %s has what the kubelet needs, or is told what is missing', async (_, files, lacking) => {
    const root = newFolder();
    for (const [name, content] of Object.entries(files)) writeFileSync(join(root, `cgroup.${name}`), `${content}\n`);
    const { code, error } = await run(parts, `CGROUPS=${root}; check_cgroups`);
    const sentence = `cluster: pods cannot have control groups for ${lacking ?? ''} here; use a machine`;
    expect([code, error]).toEqual(lacking === undefined ? [0, ''] : [1, expect.stringContaining(sentence)]);
  });

  test('whose cache cannot carry images is told what can, and nothing of the trial stays', async () => {
    const lay = 'mount -t overlay overlay -o "lowerdir=$CACHE/l,upperdir=$CACHE/u,workdir=$CACHE/w" "$CACHE/layered"';
    const within = `$(declare -f); CACHE=$CACHE/layered; check_layers`;
    const script = `mkdir "$CACHE"/{l,u,w,layered}; check_layers && ls "$CACHE"
      ls "$CACHE/u" && unshare --mount bash -c "CACHE=$CACHE; ${lay.replaceAll('"', '')}; ${within}"`;
    const { code, out, error } = await run(parts, script);
    expect({ code, out, error }).toEqual({
      ...{ code: 1, out: 'l\nlayered\nu\nw\n' },
      error: expect.stringMatching(/^cluster: the file system below .*layered cannot carry the layers of images/),
    });
  });

  test('with an old Go is told which it has', async () => {
    const { code, error } = await run(parts, 'go() { echo go1.19.8; }\ncheck_go');
    expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining('is needed and 1.19.8 was found') });
  });
});

describe('the disk that is needed', () => {
  const need = async (before: string): Promise<string> => {
    const script = 'df() { printf "Avail\\n0\\n"; }; binaries_complete() { [[ -e $CACHE/built ]]; }';
    const { code, error } = await run(
      parts,
      `${script}\nmkdir -p "$IMAGES/storage/overlay-images"\n${before}\ncheck_disk`,
    );
    expect(code).toBe(1);
    return /(\d+) GiB/.exec(error)?.[1] ?? error;
  };
  const images = 'echo "localhost/limbeck-$1:0" >"$IMAGES/storage/overlay-images/images.json"';

  test.each([
    ['from nothing', ':', '20'],
    ['after a run that was killed while it built programs', `set -- trainer; ${images}`, '20'],
    ['after a run that was killed while it built images', `touch "$CACHE/built"; set -- base; ${images}`, '20'],
    ['when all is built', `touch "$CACHE/built"; set -- trainer; ${images}`, '5'],
  ])('%s', async (_, before, gib) => {
    expect(await need(before)).toBe(gib);
  });

  test('by Go is looked for where Go keeps it', async () => {
    const script = `df() { if [[ \${!#} == /elsewhere ]]; then printf 'Avail\\n0\\n'; else printf 'Avail\\n99999999\\n'; fi; }
      go() { if [[ $2 == GOCACHE ]]; then echo /elsewhere; else echo "$CACHE"; fi; }
      existing() { echo "$1"; }; stat() { [[ \${!#} == /elsewhere ]] && echo 2 || echo 1; }; check_disk`;
    const { code, error } = await run(parts, script);
    expect({ code, error }).toEqual({
      code: 1,
      error: expect.stringContaining('5 GiB of free disk are needed below /elsewhere and 0 are there'),
    });
    expect(error).toContain('set GOCACHE to another disk');
  });
});
