import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { newFolder, run } from '../../support/shell.ts';

const parts = ['lib/common.sh', 'lib/process.sh'];
const inState = (script: string) => run(parts, `S=$CACHE/state\nmkdir -p "$S"\n${script}`);

test('a process that is recorded lives until it is killed, and only once', async () => {
  const { out } = await inState(`
    ensure "$S" sleeper sleep 60
    first=$(pid_of "$S" sleeper)
    ensure "$S" sleeper sleep 60
    [[ $(pid_of "$S" sleeper) == "$first" ]] && echo same
    kill_all "$S"
    alive "$S" sleeper || echo dead
    kill -0 "$first" 2>/dev/null || echo gone`);
  expect(out).toBe('same\ndead\ngone\n');
});

test('the number of a process that is used again is not taken for ours', async () => {
  const { out } = await inState(`
    sleep 60 & stranger=$!
    mkdir -p "$S/processes"; echo "$stranger 1" >"$S/processes/etcd"
    alive "$S" etcd || echo 'not ours'
    kill_all "$S"
    kill -0 $stranger && echo 'still there'
    kill $stranger`);
  expect(out).toBe('not ours\nstill there\n');
});

test('a program of ours is found by the folder that it works on, though its record was lost; no other program is', async () => {
  const { out } = await inState(`
    mkdir -p "$S-of-another"
    touch "$S/file" "$S-of-another/file"
    named() { (exec -a "$1" tail -f "$2/file") & }
    named etcd "$S"; ours=$!
    named editor "$S"; editor=$!
    named etcd "$S-of-another"; other=$!
    disown -a
    until [[ $(processes_of "$S") == "$ours" ]]; do sleep 0.05; done
    kill_all "$S"
    kill -0 $ours 2>/dev/null || echo gone
    kill -0 $editor && kill -0 $other && echo 'others live'
    kill $editor $other`);
  expect(out).toBe('gone\nothers live\n');
});

test('the first of several that does not run is named', async () => {
  const { out } = await inState(`
    ensure "$S" one sleep 60
    first_dead "$S" one two three
    first_dead "$S" one || echo none
    kill_all "$S"`);
  expect(out).toBe('two\nnone\n');
});

test('a daemon does not keep the lock of who started it', async () => {
  const cache = newFolder();
  await run(parts, 'hold_lock x; ensure "$CACHE/state" sleeper sleep 60', cache);
  const second = await run(
    parts,
    'hold_lock x; alive "$CACHE/state" sleeper && echo alive; kill_all "$CACHE/state"',
    cache,
  );
  expect(second).toEqual({ code: 0, out: 'alive\n', error: '' });
});

test('a daemon has no proxy, whatever its starter needs to build it', async () => {
  const script = `export HTTPS_PROXY=http://proxy.example:3128 https_proxy=http://proxy.example:3128
    ensure "$CACHE/state" teller env; until dead "$CACHE/state" teller; do sleep 0.05; done
    grep -i 'proxy=http' "$CACHE/state/logs/teller.log" || grep -c ^PATH= "$CACHE/state/logs/teller.log"; echo "$HTTPS_PROXY"`;
  const { out } = await run(parts, script);
  expect(out).toBe('1\nhttp://proxy.example:3128\n');
});

test('a daemon weighs more than the pods that it serves', async () => {
  const script =
    'ensure "$CACHE/state" sleeper sleep 60; sleep 0.5; cat "/proc/$(pid_of "$CACHE/state" sleeper)/autogroup" || true';
  const { out } = await run(parts, `${script}; kill_all "$CACHE/state"`);
  // Where the kernel divides the machine among sessions, and lets root alone say how.
  const canTell = existsSync('/proc/self/autogroup') && process.getuid?.() === 0;
  expect(out).toContain(canTell ? 'nice -10' : '');
});
