import { expect, test } from '@jest/globals';
import { run } from '../support/shell.ts';

const look = `bash -c 'chrt --pid $$; cat /proc/self/autogroup 2>/dev/null'`;

test.each([
  ['one that succeeds', 'true', 0],
  ['one that fails', 'exit 7', 7],
])('%s ends as it would alone', async (_, script, code) => {
  const ended = await run([], `bash cluster/idly bash -c 'echo heard; ${script}'`);
  expect(ended).toEqual({ code, out: 'heard\n', error: '' });
});

test('a session of its own takes what the others leave', async () => {
  const { out } = await run([], `setsid --wait bash cluster/idly ${look}`);
  expect(out).toContain('SCHED_IDLE');
  // Only where the scheduler divides by sessions.
  if (out.includes('autogroup')) expect(out).toMatch(/autogroup-\d+ nice 19/);
});

test('the session of somebody else stays as it is', async () => {
  const { out } = await run([], `cat /proc/self/autogroup 2>/dev/null; bash cluster/idly ${look}`);
  expect(out).toContain('SCHED_IDLE');
  expect(new Set(out.match(/^.*autogroup-.*$/gm)).size).toBeLessThan(2);
});
