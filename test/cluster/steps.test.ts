import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
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
  ['by the command that was begun beside', 'met', 'false --all'],
])('one that fails ends the run and says how to repeat it alone: %s', async (_, command, typed) => {
  const script = `beside false --all; step 2 'the first' ${command}; echo never`;
  const { code, out, error } = await run([...parts, 'lib/common.sh'], script);
  expect(code).toBe(1);
  expect(out).not.toContain('never');
  expect(error).toContain(`to repeat this step alone: ${typed}\n`);
});

test('what runs beside is shown when it is met, and ends the run as it ended', async () => {
  const good = await run(parts, "beside bash -c 'echo aside'; step 2 one echo working; step 2 two met");
  expect(good.code).toBe(0);
  expect(good.out).toMatch(/working[\s\S]*aside/);
  const bad = await run(parts, "beside bash -c 'echo aside; exit 5'; step 2 one true; step 2 two met");
  expect({ code: bad.code, out: bad.out }).toEqual({ code: 1, out: expect.stringContaining('aside') });
});

test('what runs beside ends with a run that fails', async () => {
  const { out } = await run(
    parts,
    `(beside bash cluster/bounded 60 bash -c 'echo $$ > "$LIMBECK_CACHE/pid"; exec sleep 60'
      until [[ -s $LIMBECK_CACHE/pid ]]; do sleep 0.05; done
      step 1 one false) 2>/dev/null || true
     for try in {1..50}; do kill -0 "$(cat "$LIMBECK_CACHE/pid")" 2>/dev/null || { echo gone; break; }; sleep 0.1; done`,
  );
  expect(out).toContain('gone');
});

test('two runs of `make test` in one checkout leave each other their reports, and hand the lock on to nothing that they start', async () => {
  const checkout = newFolder();
  const inside = (...path: readonly string[]): string => join(checkout, ...path);
  for (const folder of ['test', 'cluster', 'programs']) mkdirSync(inside(folder));
  for (const script of ['test/run', 'cluster/steps.sh']) copyFileSync(script, inside(script));
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
