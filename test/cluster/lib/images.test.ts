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
  fill(fails: string): Promise<Ended> {
    writeFileSync(join(this.cache, 'fails'), fails);
    const script = `build() { fill_context trainer "$CACHE/context"; echo built; }; it=$(build); echo "$it"`;
    return run(parts, `PATH="$CACHE/programs:$PATH"\ncd ${this.checkout}\n${script}`, this.cache);
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
