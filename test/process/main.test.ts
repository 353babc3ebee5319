import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';

/** Runs a process whose body is `run`, and whose configuration is read as `read`. */
function ending(read: string, run: string) {
  const program = `const { runMain } = await import('./process/main.ts'); setInterval(() => undefined, 1000);
    await runMain('toy', ${read}, ${run});`;
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  return {
    status,
    lines:
      stdout.trim() === ''
        ? []
        : stdout
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as object),
  };
}

const good = `{ ok: true, value: { logLevel: 'info' } }`;

test('a process that comes to its end exits with 0, whatever is still open', () => {
  const { status, lines } = ending(good, `async (config, log) => log.info('ran')`);
  expect([status, lines]).toMatchObject([0, [{ component: 'toy', message: 'ran' }]]);
});

test('a process may end with an exit code of its own', () => {
  expect(ending(good, `() => Promise.resolve(7)`).status).toBe(7);
});

test('a process that cannot run says why and exits with 1', () => {
  const { status, lines } = ending(good, `async () => { throw new Error('no luck') }`);
  expect([status, lines]).toMatchObject([1, [{ level: 'error', message: 'the toy cannot run', error: 'no luck' }]]);
});

test('a promise that nobody awaits ends the process', () => {
  const { status, lines } = ending(
    good,
    `() => { Promise.reject(new Error('lost')); return new Promise(() => undefined) }`,
  );
  expect([status, lines]).toMatchObject([1, [{ message: 'unhandled rejection' }]]);
});

test('a wrong configuration is told whole, and exits with 78', () => {
  const { status, lines } = ending(`{ ok: false, violations: ['one', 'two'] }`, `async () => undefined`);
  expect([status, lines]).toMatchObject([78, [{ message: 'the configuration is wrong', violations: ['one', 'two'] }]]);
});
