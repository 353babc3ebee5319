import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { isRunning } from '../support/is-running.ts';
import { newFolder, run, start } from '../support/shell.ts';

const parts = ['steps.sh'];

test('a step says what it does, how far it is, and how long it took', async () => {
  const { code, out } = await run(parts, "step 2 'the first' echo working; step 2 'the second' true");
  expect(code).toBe(0);
  // eslint-disable-next-line no-control-regex -- bold on a terminal
  expect(out.replaceAll(/\u001b\[\d+m/g, '').replaceAll(/\d:\d\d/g, '0:00')).toBe(
    [
      ...['', '[1/2] the first (0:00 since the start)', 'working', '[1/2] done in 0:00: the first'],
      ...['', '[2/2] the second (0:00 since the start)', '[2/2] done in 0:00: the second', ''],
    ].join('\n'),
  );
});

test.each([
  ['as it is typed', "bash -c 'exit 4 && true'", "bash -c 'exit 4 && true'"],
  ['without what these scripts add', 'without_lock bash cluster/cluster nothing', 'bash cluster/cluster nothing'],
  ['by the command that was begun beside', 'met other', 'false --all'],
])('one that fails ends the run and says how to repeat it alone: %s', async (_, command, typed) => {
  const script = `beside one true; beside other false --all; step 2 'the first' ${command}; echo never`;
  const { code, out, error } = await run([...parts, 'lib/common.sh'], script);
  expect(code).toBe(1);
  expect(out).not.toContain('never');
  expect(error).toContain(`to repeat this step alone: ${typed}\n`);
});

test('what runs beside is shown when it is met, and ends the run as it ended', async () => {
  const good = await run(parts, "beside it bash -c 'echo aside'; step 2 one echo working; step 2 two met it");
  expect(good.code).toBe(0);
  expect(good.out).toMatch(/working[\s\S]*aside/);
  const bad = await run(parts, "beside it bash -c 'echo aside; exit 5'; step 2 one true; step 2 two met it");
  expect({ code: bad.code, out: bad.out }).toEqual({ code: 1, out: expect.stringContaining('aside') });
});

test('several may run beside at once; each is shown by its name alone, and the one that fails ends the run', async () => {
  const { code, out } = await run(
    parts,
    `beside first bash -c 'until [[ -e $LIMBECK_CACHE/go ]]; do sleep 0.05; done; echo 1st'
     beside second bash -c 'touch "$LIMBECK_CACHE/go"; echo 2nd; exit 5'
     beside third bash -c 'echo 3rd'
     step 4 three met third; step 4 one met first; step 4 two met second; echo never`,
  );
  expect({ code, said: out.split('\n').filter((line) => /^\d\w+$|never/.test(line)) }).toEqual({
    code: 1,
    said: ['3rd', '1st', '2nd'],
  });
});

test('what is met before its end is shown as it goes', async () => {
  const cache = newFolder();
  const { said, ended } = start(
    parts,
    `beside it bash -c 'echo early; until [[ -e $LIMBECK_CACHE/go ]]; do sleep 0.05; done; echo late'; met it`,
    cache,
  );
  await eventually('its first word', () => Promise.resolve(said() === 'early\n'));
  writeFileSync(join(cache, 'go'), '');
  expect(await ended).toEqual({ code: 0, out: 'early\nlate\n', error: '' });
});

test('what runs beside ends with a run that fails, which waits for what it clears away', async () => {
  const restless = (name: string): string =>
    `beside ${name} bash -c 'trap "sleep 0.3; echo ${name} >>$LIMBECK_CACHE/cleared" EXIT
       bash cluster/bounded 60 bash -c "echo \\$\\$ >>$LIMBECK_CACHE/pids; exec sleep 60"'`;
  const { out } = await run(
    parts,
    `(${restless('one')}
      ${restless('two')}
      until [[ $(wc -l 2>/dev/null <"$LIMBECK_CACHE/pids") == 2 ]]; do sleep 0.05; done
      step 1 one false) 2>/dev/null || true
     sort "$LIMBECK_CACHE/cleared" "$LIMBECK_CACHE/pids"`,
  );
  const [one = '', other = '', ...cleared] = out.trim().split('\n').slice(-4);
  expect(cleared).toEqual(['one', 'two']);
  await eventually('they are gone', () => Promise.resolve(![one, other].some(isRunning)));
});

test('two runs of `make test` in one checkout leave each other their reports, and hand the lock on to nothing that they start', async () => {
  const checkout = newFolder();
  const inside = (...path: readonly string[]): string => join(checkout, ...path);
  for (const folder of ['test', 'cluster', 'programs']) mkdirSync(inside(folder));
  for (const script of ['test/run', 'cluster/steps.sh', 'cluster/idly']) copyFileSync(script, inside(script));
  writeFileSync(inside('cluster/cluster'), '');
  const unit =
    'sleep 60 >/dev/null 2>&1 & echo $! >>pids; touch build/test/unit.json; until [ -e go ]; do sleep 0.05; done';
  writeFileSync(inside('programs/make'), `#!/bin/sh\n[ "$1" != test-unit ] || { ${unit}; }`);
  writeFileSync(inside('programs/node'), '#!/bin/sh\nls build/test');
  for (const program of ['make', 'node']) chmodSync(inside('programs', program), 0o755);
  const test = `PATH=${checkout}/programs:$PATH bash ${checkout}/test/run`;
  const first = start([], test);
  await eventually('its tests run', () => Promise.resolve(existsSync(inside('build/test/unit.json'))));
  const second = start([], `${test} >&2`);
  await eventually('it waits', () => Promise.resolve(second.error().includes('test: waiting for another run')));
  writeFileSync(inside('go'), '');
  const ends = await Promise.all([first.ended, second.ended]);
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  expect(ends[0].out).toMatch(/unit\.json\n$/);
  await run([], `while read -r pid; do kill "$pid"; done <${checkout}/pids`);
});
