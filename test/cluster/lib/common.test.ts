import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { newFolder, run, start } from '../../support/shell.ts';

const parts = ['lib/common.sh'];

test('what root alone has a path to is found by whoever comes with a path of a user', async () => {
  const { out } = await run([], 'PATH=/usr/bin:/bin; . cluster/lib/common.sh; command -v ldconfig start-stop-daemon');
  expect(out.trim().split('\n')).toHaveLength(2);
});

describe('put', () => {
  const write = 'echo one | put "$CACHE/f"; stat -c %i "$CACHE/f"; echo "$1" | put "$CACHE/f"; stat -c %i "$CACHE/f"';
  const inodes = async (second: string) => {
    const { out } = await run(parts, `set -- ${second}\n${write}\ncat "$CACHE/f"`);
    const [before, after, content] = out.split('\n');
    return { isSame: before === after, content };
  };

  test('leaves a file alone that has its content', async () => {
    expect(await inodes('one')).toEqual({ isSame: true, content: 'one' });
  });

  test('replaces one that has another, whole', async () => {
    expect(await inodes('two')).toEqual({ isSame: false, content: 'two' });
  });
});

describe('a lock', () => {
  test('is not handed on to what is left running without it', async () => {
    const cache = newFolder();
    const leave = `sleep 60 >/dev/null 2>&1 & echo $! > "$LIMBECK_CACHE/pid"`;
    await run(parts, `hold_lock x; without_lock bash -c '${leave}'`, cache);
    const { code, out } = await run(parts, 'flock -n "$CACHE/x.lock" echo free; kill "$(cat "$CACHE/pid")"', cache);
    expect({ code, out }).toEqual({ code: 0, out: 'free\n' });
  });

  test('is held by one at a time, and who waits says so', async () => {
    const cache = newFolder();
    const first = start(
      parts,
      'hold_lock x; echo 1 >> "$CACHE/order"; until [[ -e $CACHE/go ]]; do sleep 0.05; done; echo 1 >> "$CACHE/order"',
      cache,
    );
    await eventually('the first has it', async () => (await run(parts, 'test -e "$CACHE/order"', cache)).code === 0);
    const second = start(parts, 'hold_lock x; echo 2 >> "$CACHE/order"', cache);
    const says = `waiting for another run that holds ${cache}/x.lock`;
    await eventually('the second waits', () => Promise.resolve(second.error().includes(says)));
    writeFileSync(join(cache, 'go'), '');
    await Promise.all([first.ended, second.ended]);
    expect((await run(parts, 'cat "$CACHE/order"', cache)).out).toBe('1\n1\n2\n');
  });

  test('goes with its process, however that ends', async () => {
    const cache = newFolder();
    await run(parts, 'hold_lock x; kill -9 $$', cache);
    expect(await run(parts, 'hold_lock x', cache)).toEqual({ code: 0, out: '', error: '' });
  });
});

describe('a long command', () => {
  test('that fails shows its last words and where the others are', async () => {
    const { code, error } = await run(parts, 'with_heartbeat "the build" "$CACHE/log" bash -c "echo broken; exit 3"');
    expect(code).toBe(1);
    expect(error).toMatch(/^broken\ncluster: the build failed after \d+ s; the whole output is in \/.*\/log\n$/);
  });

  test('that succeeds says nothing', async () => {
    const ended = await run(parts, 'with_heartbeat "the build" "$CACHE/log" echo fine; cat "$CACHE/log"');
    expect(ended).toEqual({ code: 0, out: 'fine\n', error: '' });
  });
});

test('what is made can be read in pods, however the host keeps what is made by root', async () => {
  expect((await run([], 'umask 077\n. cluster/lib/common.sh; umask')).out).toBe('0022\n');
});

test('what never comes is waited for no longer than allowed', async () => {
  expect((await run(parts, 'wait_for 0 false || echo over')).out).toBe('over\n');
  expect((await run(parts, 'wait_for 5 true && echo there')).out).toBe('there\n');
});

test.each([
  ['relative', 'cache', 'must be an absolute path'],
  ['with a blank', '/tmp/my cache', 'has a blank'],
  ['too long for a socket', `/tmp/${'a'.repeat(60)}`, 'is longer than 60 characters'],
])('a cache path %s is refused with the remedy', async (_, cache, sentence) => {
  const { code, error } = await run(parts, 'check_cache_path', cache);
  expect({ code, error }).toEqual({ code: 1, error: expect.stringContaining(sentence) });
  expect(error).toContain('LIMBECK_CACHE');
});

describe('the cache folder', () => {
  const link = (): readonly [string, string] => {
    const [real, folder] = [newFolder(), newFolder()];
    symlinkSync(real, join(folder, 'link'));
    return [real, join(folder, 'link')];
  };
  const scripts = async (cache: string) => (await run(parts, 'echo "$STATE"; echo "$LIMBECK_CACHE"', cache)).out;
  const make = async (cache: string) =>
    (await run([], `make --eval 'it: ; @echo $(CACHE)/cluster; echo $$LIMBECK_CACHE' it`, cache)).out;

  test.each([
    ['the scripts', scripts],
    ['make', make],
  ])('has one name for %s, whatever leads to it', async (_, said) => {
    const [real, linked] = link();
    for (const cache of [real, linked, `${real}/`, `${linked}//`, `${linked}/new/..`])
      expect({ cache, out: await said(cache) }).toEqual({ cache, out: `${real}/cluster\n${real}\n` });
    expect(await said(`${linked}/not-yet`)).toBe(`${real}/not-yet/cluster\n${real}/not-yet\n`);
  });

  test.each(['api', 'bin', 'cluster', 'images', 'node-images', 'packages'])(
    'in which somebody has %s of his own is refused before anything is written, with the remedy',
    async (name) => {
      const cache = newFolder();
      mkdirSync(join(cache, name));
      for (const command of ['hold_lock x', 'check_cache_path']) {
        const { code, error } = await run(parts, command, cache);
        expect({ code, error, there: readdirSync(cache) }).toEqual({
          code: 1,
          error: expect.stringContaining(`${cache}/${name} is there and was not made by this project`),
          there: [name],
        });
        expect(error).toContain(`set LIMBECK_CACHE to a folder of its own, such as ${cache}/limbeck-cache`);
      }
    },
  );

  test.each([
    ['a disk of somebody with other things', 'mkdir "$CACHE/lost+found"'],
    ['a folder that was used before', 'hold_lock y; mkdir "$CACHE/cluster"'],
    ['what an earlier version has made', 'mkdir -p "$CACHE/bin/current" "$CACHE/cluster"'],
    ['the default', 'export XDG_CACHE_HOME=$CACHE/home; CACHE=$XDG_CACHE_HOME/limbeck; mkdir -p "$CACHE/cluster"'],
  ])('may be %s', async (_, before) => {
    const { code, error } = await run(
      parts,
      `${before}
hold_lock x; check_cache_path`,
    );
    expect({ code, error }).toEqual({ code: 0, error: '' });
  });

  test('of a host that cannot tell the one name is taken as it is', async () => {
    const [, linked] = link();
    expect((await run([], `realpath() { return 1; }\n. cluster/lib/common.sh; echo "$CACHE"`, linked)).out).toBe(
      `${linked}\n`,
    );
  });
});

describe('a proxy', () => {
  const asked = async (said: string): Promise<string> =>
    (await run(parts, `unset no_proxy NO_PROXY; ${said} not_by_proxy`)).out.trim();

  test.each([
    ['', '127.0.0.1,localhost'],
    ['no_proxy=.example.com', '.example.com,127.0.0.1,localhost'],
    ['NO_PROXY=10.0.0.0/8', '10.0.0.0/8,127.0.0.1,localhost'],
    ['no_proxy=127.0.0.1,.example.com', '127.0.0.1,.example.com'],
  ])('is not asked for this very machine: %p', async (said, expected) => {
    expect(await asked(said)).toBe(expected);
  });

  test('is not asked by whatever make starts', () => {
    const script = ['--eval', 'shown: ; @echo "$$no_proxy $$NO_PROXY"', 'shown'];
    const env = { ...process.env, no_proxy: 'a', NO_PROXY: 'b' };
    expect(execFileSync('make', script, { env, encoding: 'utf8' }).trim()).toBe(
      'a,127.0.0.1,localhost a,127.0.0.1,localhost',
    );
  });
});
