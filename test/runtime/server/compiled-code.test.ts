import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { newFolder } from '../../support/shell.ts';

const run = promisify(execFile);
const ours = new URL('../../../runtime/server/compiled-code.ts', import.meta.url).href;
const source = 'export const answer = () => 42;\n';

/** A program beside code that was compiled ahead, and the folder for temporary files that it gets. */
class Program {
  readonly folder = newFolder();
  readonly shipped = join(this.folder, 'compiled');
  readonly temporary = newFolder();
  readonly toy = join(this.folder, 'toy.mjs');

  constructor() {
    writeFileSync(this.toy, source);
    const start = `import { useCompiledCode } from '${ours}';
      const [shipped, temporary] = process.argv.slice(2);
      useCompiledCode({ shipped, temporary, environment: process.env });
      console.log((await import('./toy.mjs')).answer(), process.env.NODE_COMPILE_CACHE);`;
    writeFileSync(join(this.folder, 'start.mjs'), start);
  }

  /** What V8 makes of it, in one folder without the name that Node gives it. */
  async compile(): Promise<void> {
    const cache = newFolder();
    await this.start({ environment: { NODE_COMPILE_CACHE: cache } });
    mkdirSync(this.shipped);
    for (const entry of readdirSync(cache, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) copyFileSync(join(entry.parentPath, entry.name), join(this.shipped, entry.name));
  }

  /** What it says, and whether V8 took the compiled code. */
  async start({ flags = [] as string[], temporary = this.temporary, environment = {} } = {}) {
    const args = [...flags, join(this.folder, 'start.mjs'), this.shipped, temporary];
    const env = { NODE_DEBUG_NATIVE: 'COMPILE_CACHE', ...environment };
    const { stdout, stderr } = await run(process.execPath, args, { env });
    const [answer = '', cache = ''] = stdout
      .trim()
      .split(/ (?=\S+$)/)
      .map((line) => line.split('\n').at(-1) ?? '');
    return { answer, cache, taken: /toy\.mjs was accepted/.test(stdout + stderr) };
  }
}

describe('code that was compiled ahead', () => {
  let program: Program;
  beforeAll(async () => {
    program = new Program();
    await program.compile();
  });

  test('is taken, for what is started later, too, and nothing stays behind', async () => {
    const { answer, cache, taken } = await program.start();
    expect({ answer, taken }).toEqual({ answer: '42', taken: true });
    expect(cache).toContain(program.temporary);
    expect(readdirSync(program.temporary)).toEqual([]);
  });

  test('is taken whatever the time stamps of its source', async () => {
    utimesSync(program.toy, 0, 0);
    expect((await program.start()).taken).toBe(true);
  });

  test.each([
    ['of V8 with other flags', (): { flags?: string[]; temporary?: string } => ({ flags: ['--no-flush-bytecode'] })],
    ['where nothing can be written', () => ({ temporary: '/proc/nowhere' })],
  ])('%s is left alone', async (_, options) => {
    expect(await program.start(options())).toMatchObject({ answer: '42', taken: false });
  });

  test('is left alone where somebody has a cache of their own', async () => {
    const cache = newFolder();
    expect(await program.start({ environment: { NODE_COMPILE_CACHE: cache } })).toMatchObject({ answer: '42', cache });
  });
});

describe('without fitting code all is compiled as ever', () => {
  const spoil = (program: Program, change: (bytes: Buffer) => Buffer): void => {
    for (const name of readdirSync(program.shipped)) {
      const file = join(program.shipped, name);
      writeFileSync(file, change(readFileSync(file)));
    }
  };

  test.each<[string, (program: Program) => void]>([
    ['another source', (program) => writeFileSync(program.toy, source.replace('42', '6 * 7'))],
    ['empty files', (program) => spoil(program, () => Buffer.alloc(0))],
    ['half files', (program) => spoil(program, (bytes) => bytes.subarray(0, bytes.length / 2))],
    [
      'damaged files',
      (program) => spoil(program, (bytes) => Buffer.concat([bytes.subarray(0, -8), Buffer.alloc(8, 7)])),
    ],
  ])('%s', async (_, change) => {
    const program = new Program();
    await program.compile();
    change(program);
    expect(await program.start()).toMatchObject({ answer: '42', taken: false });
  });

  test('nothing was shipped', async () => {
    expect(await new Program().start()).toEqual({ answer: '42', cache: 'undefined', taken: false });
  });
});
