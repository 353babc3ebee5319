import { describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';

const module = JSON.stringify(new URL('../../process/shutdown.ts', import.meta.url).href);
const log = '{ info: console.log, error: console.log, warn: console.log, debug: console.log, child: () => log }';

interface End {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a script that prints `up`, sends the signals one after another as lines appear, and waits for the end. */
async function run(script: string, signals: readonly NodeJS.Signals[]): Promise<End> {
  const text = `import { onShutdown, exitOnUnhandled } from ${module}; const log = ${log}; ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text]);
  const rest = [...signals];
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    const next = rest.shift();
    if (next !== undefined) child.kill(next);
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code, output };
}

const stay = `setInterval(() => undefined, 1000); console.log('up');`;

describe('onShutdown', () => {
  test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('%s aborts, and the process ends by itself', async (name) => {
    const script = `const signal = onShutdown(log, 10000); signal.addEventListener('abort', () => { console.log('aborted'); process.exit(0); }); ${stay}`;
    const { code, output } = await run(script, [name]);
    expect([code, output.includes('aborted')]).toEqual([0, true]);
  });

  test('a second signal ends it at once', async () => {
    expect((await run(`onShutdown(log, 60000); ${stay}`, ['SIGTERM', 'SIGTERM'])).code).toBe(1);
  });

  test('the end of the grace period ends it', async () => {
    expect((await run(`onShutdown(log, 10); ${stay}`, ['SIGTERM'])).code).toBe(1);
  });
});

describe('exitOnUnhandled', () => {
  test.each([
    ['a promise nobody awaits', `Promise.reject(new Error('lost'))`, 'unhandled rejection'],
    ['an error nobody catches', `setTimeout(() => { throw new Error('lost'); })`, 'uncaught exception'],
  ])('%s ends the process, and is the last that it says', async (_name, bug, sentence) => {
    const { code, output } = await run(`exitOnUnhandled(log); ${bug}; ${stay}`, []);
    expect(code).toBe(1);
    expect(output).toContain(sentence);
    expect(output).toContain('Error: lost');
    expect(output).not.toMatch(/^Node\.js v/m);
  });
});
