import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { eventually } from '../support/eventually.ts';
import { isRunning } from '../support/is-running.ts';
import { newFolder } from '../support/shell.ts';

/** Opens the way to a gateway with this kubectl on the PATH, then goes on as the script says; the folder holds what kubectl wrote. */
function demo(kubectl: string, script: string) {
  const folder = newFolder();
  writeFileSync(join(folder, 'kubectl'), `#!/bin/sh\n${kubectl}`);
  chmodSync(join(folder, 'kubectl'), 0o755);
  const opening = `import { openGateway } from './demo/gateway.ts';
    const gateway = await openGateway({ gateway: { kind: 'portForward' }, system: 'limbeck-system' });
    ${script}`;
  const env = { ...process.env, FOLDER: folder, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  const child = spawn(process.execPath, ['--input-type=module', '--eval', opening], { env });
  const said = { out: '', error: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.error += chunk.toString()));
  return { child, said, ended: once(child, 'close'), pidFile: join(folder, 'pid') };
}

const forwarding = 'echo $$ >"$FOLDER/pid"; echo "Forwarding from 127.0.0.1:4711 -> 8080"; exec sleep 60';
const running = (pidFile: string): boolean => isRunning(readFileSync(pidFile, 'utf8').trim());

describe('the way through kubectl port-forward', () => {
  test('is the port that it names, and is closed with the gateway', async () => {
    const { said, ended, pidFile } = demo(forwarding, 'console.log(gateway.url); gateway.close();');
    await ended;
    expect(said).toEqual({ out: 'http://127.0.0.1:4711\n', error: '' });
    await eventually('kubectl is gone', () => Promise.resolve(!running(pidFile)));
  });

  test('ends with a demo that is killed', async () => {
    const { child, said, ended, pidFile } = demo(
      forwarding,
      "console.log('open'); setInterval(() => undefined, 1000);",
    );
    await eventually('it is open', () => Promise.resolve(said.out === 'open\n'));
    expect(running(pidFile)).toBe(true);
    child.kill('SIGKILL');
    await ended;
    await eventually('kubectl is gone', () => Promise.resolve(!running(pidFile)));
  });

  test('is not there where kubectl ends at once, which is said', async () => {
    const { said, ended } = demo('exit 1', '');
    expect(await ended).toEqual([1, null]);
    expect(said.error).toContain('kubectl port-forward to the gateway ended at once; is the chart installed?');
  });
});
