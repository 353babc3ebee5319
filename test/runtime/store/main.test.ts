/** The store's process around programs that are not well; around the real S3 server it is in test/integration/store.test.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import { childEnvironment } from '../../support/child-environment.ts';

type Line = Readonly<Record<string, unknown>>;

/** Runs it around a shell script, to its end. `onLine`: what to do to it then. */
async function around(script: string, environment: Readonly<Record<string, string>> = {}, onLine?: NodeJS.Signals) {
  const words = ['runtime/store/main.ts', 'sh', '-c', script, '.'];
  const env = { ...childEnvironment, LIMBECK_ADMIN_PORT: '0', ...environment };
  const child = spawn(process.execPath, words, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: Line[] = [];
  createInterface(child.stdout).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line['line'] === 'up' && onLine !== undefined) child.kill(onLine);
  });
  const [code] = (await once(child, 'close')) as [number];
  return { code, lines, last: lines.at(-1) };
}

test('a server that ends at once ends it with the same code, and its complaint is the last word', async () => {
  const { code, lines, last } = await around('echo "2026/11/28 16:44:06 chdir /data: permission denied" >&2; exit 7');
  expect(code).toBe(7);
  const error = 'chdir /data: permission denied';
  expect(last).toMatchObject({ level: 'error', message: 'the S3 server has ended', exitCode: 7, error });
  for (const line of lines) expect(line).toMatchObject({ component: 'store', timestamp: expect.any(String) });
});

test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('%s is handed on, and the end is a good one', async (signal) => {
  const { code, last } = await around(`trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done`, {}, signal);
  expect([code, last]).toMatchObject([0, { level: 'info', message: 'the S3 server has ended', exitCode: 0 }]);
});

test('a server that does not stop is killed when its time is over', async () => {
  const deaf = `trap '' TERM; echo up; exec sleep 1000`;
  const { code, last } = await around(deaf, { LIMBECK_GRACE_SECONDS: '0' }, 'SIGTERM');
  expect([code, last]).toMatchObject([137, { level: 'error', exitCode: 137, signal: 'SIGKILL' }]);
});

test('a server that is killed by others is told as it was', async () => {
  const { code, last } = await around('kill -KILL $$');
  expect([code, last]).toMatchObject([137, { level: 'error', exitCode: 137, signal: 'SIGKILL' }]);
});

test('pieces of records are no words of the server', async () => {
  const { lines } = await around('echo well; echo "log starts now"; echo torn; echo bad >&2', {
    LIMBECK_LOG_LEVEL: 'debug',
  });
  const levels = lines
    .filter(({ line }) => line !== undefined)
    .map(({ line, level }) => `${String(line)}: ${String(level)}`);
  expect(levels.toSorted()).toEqual(['bad: error', 'log starts now: info', 'torn: debug', 'well: info']);
});
