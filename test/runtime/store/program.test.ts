import { describe, expect, test } from '@jest/globals';
import { startProgram } from '../../../runtime/store/program.ts';
import { childEnvironment } from '../../support/child-environment.ts';

/** A shell script as the program, and what it wrote so far. */
function run(script: string, onLine: (line: string) => void = () => undefined) {
  const said: string[] = [];
  const told = { program: 'sh', args: ['-c', script], environment: { ...childEnvironment, GREETING: 'hello' } };
  const program = startProgram(told, (stream, line) => {
    said.push(`${stream}: ${line}`);
    onLine(line);
  });
  return { program, said };
}

describe('a program', () => {
  test('ends with its exit code, and all that it wrote was read', async () => {
    const { program, said } = run('echo "$GREETING"; echo no luck >&2; printf unfinished; exit 3');
    expect(await program.ended).toEqual({ exitCode: 3 });
    expect(said.toSorted()).toEqual(['stderr: no luck', 'stdout: hello', 'stdout: unfinished']);
  });

  test('that a signal ends has the code that a shell would tell', async () => {
    expect(await run('kill -ABRT $$').program.ended).toEqual({ exitCode: 134, signal: 'SIGABRT' });
  });

  test('that cannot be started rejects', async () => {
    const told = { program: '/nowhere/versitygw', args: [], environment: {} };
    await expect(startProgram(told, () => undefined).ended).rejects.toThrow('spawn /nowhere/versitygw ENOENT');
  });

  test('is asked to end, and has its time for it', async () => {
    const { program, said } = run(`trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done`, (line) => {
      if (line === 'up') program.stop(60_000);
    });
    expect(await program.ended).toEqual({ exitCode: 0 });
    expect(said).toEqual(['stdout: up', 'stdout: bye']);
  });

  test('is killed where it does not listen', async () => {
    const { program } = run(`trap '' TERM; echo up; exec sleep 1000`, () => program.stop(10));
    expect(await program.ended).toEqual({ exitCode: 137, signal: 'SIGKILL' });
  });

  test('may write a line without end: what is kept of it has one', async () => {
    const { program, said } = run('head -c 3000000 /dev/zero | tr "\\0" a; echo; echo next');
    await program.ended;
    expect(said.map(({ length }) => length)).toEqual(['stdout: '.length + 65_536, 'stdout: next'.length]);
  });

  test('may part a character between two writes', async () => {
    const { program, said } = run(`printf '\\303'; sleep 0.05; printf '\\244\\n'`);
    await program.ended;
    expect(said).toEqual(['stdout: ä']);
  });
});
