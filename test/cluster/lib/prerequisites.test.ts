import { describe, expect, test } from '@jest/globals';
import { run } from '../../support/shell.ts';

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
});
