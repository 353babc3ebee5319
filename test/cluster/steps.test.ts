import { expect, test } from '@jest/globals';
import { run } from '../support/shell.ts';

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

test('one that fails ends the run and says how to repeat it alone', async () => {
  const { code, out, error } = await run(parts, "step 2 'the first' bash -c 'exit 4'; echo never");
  expect(code).toBe(1);
  expect(out).not.toContain('never');
  expect(error).toContain('to repeat this step alone: bash -c exit 4');
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
    `(beside bash -c 'echo $$ > "$LIMBECK_CACHE/pid"; exec sleep 60'
      until [[ -s $LIMBECK_CACHE/pid ]]; do sleep 0.05; done
      step 1 one false) 2>/dev/null || true
     for try in {1..50}; do kill -0 "$(cat "$LIMBECK_CACHE/pid")" 2>/dev/null || { echo gone; break; }; sleep 0.1; done`,
  );
  expect(out).toContain('gone');
});
