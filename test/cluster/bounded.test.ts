import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { isRunning } from '../support/is-running.ts';
import { newFolder, run } from '../support/shell.ts';

/** A command whose child notes its number in the file `pid` of this folder and does not end. */
const restless = (folder: string): readonly string[] => ['bash', '-c', `sleep 60 & echo $! >${folder}/pid; wait`];

const pidIn = (folder: string): string => readFileSync(join(folder, 'pid'), 'utf8').trim();
const isGone = (folder: string): boolean => !isRunning(pidIn(folder));

test.each([
  ['one that succeeds', 'true', 0],
  ['one that fails', 'exit 7', 7],
])('%s ends as it would alone', async (_, script, code) => {
  const ended = await run([], `bash cluster/bounded 60 bash -c 'echo heard; ${script}'`);
  expect(ended).toEqual({ code, out: 'heard\n', error: '' });
});

test('what takes too long is ended with all that it has started', async () => {
  const folder = newFolder();
  const { code } = await run(
    [],
    `bash cluster/bounded 0.5 ${restless(folder).slice(0, 2).join(' ')} '${restless(folder)[2] ?? ''}'`,
  );
  expect(code).toBe(124);
  await eventually('its child is gone', () => Promise.resolve(isGone(folder)));
});

test.each<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGHUP'])(
  'a terminal that tells the group of all of them %s ends what was started, too',
  async (signal) => {
    const folder = newFolder();
    const child = spawn('bash', ['cluster/bounded', '60', ...restless(folder)], { detached: true });
    const ended = once(child, 'exit');
    await eventually('it has begun', () => Promise.resolve(existsSync(join(folder, 'pid')) && pidIn(folder) !== ''));
    process.kill(-(child.pid ?? NaN), signal);
    expect(await ended).not.toEqual([0, null]);
    await eventually('its child is gone', () => Promise.resolve(isGone(folder)));
  },
);
