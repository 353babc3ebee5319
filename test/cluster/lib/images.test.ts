import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newFolder, run, type Ended } from '../../support/shell.ts';

/** A Python that fails where its arguments have the words of the file `fails`; its wheels hold what pyarrow's do, as far as needed here. */
const python = `#!/bin/bash
[[ "$*" == *"$(cat "$LIMBECK_CACHE/fails")"* ]] && fails=yes
case $3 in
  download) [[ -z \${fails:-} ]] && touch "\${@: -1}/a.whl" ;;
  --extract)
    package=tokenizers && [[ $5 == */wheel ]] && package=pyarrow
    mkdir -p "$5/$package/tests" && touch "$5/$package/__init__.py"
    [[ -z \${fails:-} ]] && touch "$5/$package/last.so" "$5/$package/last.so.1.2" ;;
esac
`;

const parts = ['versions', 'common', 'images'].map((part) => `lib/${part}.sh`);
const kept = ['src/a', 'tests/b', 'libc.so.1.2', 'runtime/trainer/limbeck_trainer/d'];

class Machine {
  readonly cache = newFolder();
  readonly checkout = newFolder();

  constructor() {
    mkdirSync(join(this.cache, 'programs'));
    writeFileSync(join(this.cache, 'programs/python3'), python);
    chmodSync(join(this.cache, 'programs/python3'), 0o755);
    for (const file of kept) {
      mkdirSync(join(this.checkout, file, '..'), { recursive: true });
      writeFileSync(join(this.checkout, file), '');
    }
  }

  /** The trainer's context, asked for as its image is; `fails` says which command of Python's does. */
  fill(fails: string, before = ''): Promise<Ended> {
    writeFileSync(join(this.cache, 'fails'), fails);
    const script = `build() { fill_context trainer "$CACHE/context"; echo built; }; it=$(build); echo "$it"`;
    return run(parts, `PATH="$CACHE/programs:$PATH"\n${before}\ncd ${this.checkout}\n${script}`, this.cache);
  }

  get wheels(): string[] {
    return readdirSync(join(this.cache, 'context/wheels/pyarrow')).sort();
  }
}

describe("the trainer's packages", () => {
  test.each([
    ['the registry refuses the first', 'download', 'packages for language models'],
    ['the registry refuses the second', 'pyarrow-26.0.1.new/pinned.txt', 'the reader of Parquet'],
    ['unpacking breaks off', '--extract', 'packages for language models'],
    ['unpacking the second breaks off', 'pyarrow-26.0.1.new/wheel', 'the reader of Parquet'],
  ])('where %s, nothing of it is kept, the checkout stays, and the next run has them', async (_, words, what) => {
    const machine = new Machine();
    const failed = await machine.fill(words);
    expect({ code: failed.code, out: failed.out }).toEqual({ code: 1, out: '' });
    expect(failed.error).toContain(`cluster: ${what} failed`);
    expect(kept.filter((file) => !existsSync(join(machine.checkout, file)))).toEqual([]);
    const again = await machine.fill('nothing');
    expect({ code: again.code, out: again.out }).toEqual({ code: 0, out: 'built\n' });
    expect(machine.wheels).toEqual(['__init__.py', 'last.so']);
  });

  test('can be read by the user of an image where the host keeps everything to its owner', async () => {
    const machine = new Machine();
    const hide = `umask 077; chmod -R go= ${machine.checkout}`;
    expect((await machine.fill('nothing', hide)).code).toBe(0);
    const hidden = 'find "$CACHE/context" ! -perm -o=r -o -type d ! -perm -o=x';
    expect((await run(parts, hidden, machine.cache)).out).toBe('');
  });

  test('are had once', async () => {
    const machine = new Machine();
    await machine.fill('nothing');
    const again = await machine.fill('download');
    expect({ code: again.code, error: again.error }).toEqual({ code: 0, error: '' });
  });

  test('that an earlier version left empty are had anew', async () => {
    const machine = new Machine();
    mkdirSync(join(machine.cache, 'bin/pyarrow-26.0.1'), { recursive: true });
    await machine.fill('nothing');
    expect(machine.wheels).toEqual(['__init__.py', 'last.so']);
  });
});

test("an image's name is the same in every language", async () => {
  const folder = newFolder();
  for (const name of ['B', 'a', '_b']) writeFileSync(join(folder, name), name);
  const sorting = 'sort() { echo "${LC_ALL:-}" >>"$CACHE/languages"; command sort "$@"; }; export LC_ALL=xx_YY.UTF-8';
  const { code, out } = await run(parts, `${sorting}\ntag_of ${folder} >/dev/null; cat "$CACHE/languages"`);
  expect({ code, out }).toEqual({ code: 0, out: 'C\n' });
});

/** A host without builders, on which each of these tells who could have which lock. */
const locks = `
  check_host() { :; }; ensure_base() { :; }; build_image() { echo image; }
  buildah_here() {
    case $1 in
      from) echo container ;;
      mount) mkdir -p "$CACHE/root/usr/local/bin"; echo "$CACHE/root" ;;
      umount) tell after ;;
    esac
  }
  tell() { for lock in images trainer; do flock -n "$CACHE/$lock.lock" echo "$1: $lock" >>"$CACHE/free"; done; return 0; }
  unmount_below() { tell before; }; unshare() { tell meanwhile; return 7; }`;

test("while the trainer's tests run images may be built, and nobody unmounts theirs", async () => {
  const { code, out } = await run(parts, `${locks}\n(trainer_run -- true) || echo "ended with $?"; cat "$CACHE/free"`);
  expect({ code, out }).toEqual({ code: 0, out: 'ended with 7\nmeanwhile: images\nafter: images\n' });
});

describe('the mirror that images are made from', () => {
  const own = 'http://deb.debian.org/debian\n';
  const mirror = async (targets: string): Promise<string> =>
    (await run(parts, `apt-get() { cat <<'X'\n${targets}\nX\n}\ndebian_mirror`)).out;

  test.each([
    [
      "is the host's, whatever else apt asks before",
      'node nodistro http://n/\nDebian http://m/debian/',
      'http://m/debian/\n',
    ],
    [
      'is not that of security or backports',
      'Debian-Security http://s/\nDebian Backports http://b/\nDebian https://m/',
      'https://m/\n',
    ],
    ['is Debian’s own on another system', 'Ubuntu http://archive.ubuntu.com/ubuntu/', own],
    ['is Debian’s own where apt has read no lists yet', '', own],
    [
      'is Debian’s own where debootstrap cannot ask that of the host',
      'Debian cdrom:[Debian 13]/\nDebian tor+http://m/',
      own,
    ],
    ['is Debian’s own where the list of mirrors is gone', 'Debian mirror+file:/nowhere/debian.list/', own],
  ])('%s', async (_, targets, uri) => {
    expect(await mirror(targets)).toBe(uri);
  });

  test('is the first of a list of mirrors, as cloud images have', async () => {
    const list = join(newFolder(), 'debian.list');
    writeFileSync(list, '# mirrors\nhttps://first/debian\tpriority:1\nhttps://second/debian\n');
    expect(await mirror(`Debian mirror+file:${list}/`)).toBe('https://first/debian\n');
  });
});

describe("buildah's folder and containers", () => {
  const programs = `mkdir -p "$CACHE/programs"; PATH="$CACHE/programs:$PATH"
    cat >"$CACHE/programs/buildah" <<'X'
#!/bin/bash
case " $* " in
  *' containers '*) printf '%s\\n' '1a limbeck-trainer-run' '2b limbeck-base-working-container' '3c server' ;;
  *) echo "$TMPDIR \${*: -2}" ;;
esac
X
    chmod +x "$CACHE/programs/buildah"`;

  test('is below the cache, on the disk that was looked at', async () => {
    const { out } = await run(parts, `${programs}; buildah_here pull a | sed "s,$CACHE,cache,"`);
    expect(out).toBe('cache/images/tmp pull a\n');
  });

  test('of builds that were killed go, and the one that tests run in stays', async () => {
    const removed = 'buildah_here() { [[ $1 == rm ]] && echo "$2" >>"$CACHE/removed" || buildah "$@"; }';
    const script = `${programs}; ${removed}; mkdir -p "$IMAGES/tmp/half"; forget_killed_builds
      cat "$CACHE/removed"; ls "$IMAGES/tmp" 2>/dev/null || echo empty`;
    expect((await run(parts, script)).out).toBe('2b\n3c\nempty\n');
  });
});
