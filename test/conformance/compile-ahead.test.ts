/** The model server as its image has it: bundled, with the code that a start needs compiled when it was built. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { folderWith } from '../support/model-server.ts';
import { identityModel } from '../support/onnx-model.ts';

const run = promisify(execFile);
let image: string;

// Within the repository, for its packages.
beforeAll(async () => {
  mkdirSync('build', { recursive: true });
  image = mkdtempSync('build/image-');
  await run(process.execPath, ['cluster/bundle.ts', image]);
  await run(process.execPath, [join(image, 'compile-ahead.mjs'), join(image, 'compiled')]);
});
afterAll(() => rmSync(image, { recursive: true, force: true }));

/** What a server says, on both of its outputs, from its start until it has a model and is told to stop. */
async function life(env: NodeJS.ProcessEnv): Promise<readonly string[]> {
  const server = spawn(process.execPath, [join(image, 'server.mjs')], {
    env: { LIMBECK_PORT: '0', LIMBECK_DRAIN_SECONDS: '1', ...env },
  });
  const exited = once(server, 'exit');
  const lines: string[] = [];
  createInterface(server.stderr).on('line', (line) => lines.push(line));
  for await (const line of createInterface(server.stdout)) {
    lines.push(line);
    if (line.includes('"model ready"')) server.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
  return lines;
}

test('everyone may read what was compiled, and nobody may write it', () => {
  const modes = readdirSync(join(image, 'compiled')).map(
    (name) => statSync(join(image, 'compiled', name)).mode & 0o777,
  );
  expect(modes.length).toBeGreaterThan(20);
  expect(new Set(modes)).toEqual(new Set([0o444]));
});

test.each(['thread', 'process'])('a start, its sessions in a %s, compiles nothing anew', async (isolation) => {
  // Of rows whose length is open, so that it runs in a worker.
  const folder = await folderWith({ 'm/model.onnx': identityModel('FP32', ['batch', 'width']) });
  const lines = await life({
    LIMBECK_MODELS_DIR: folder,
    LIMBECK_ISOLATION: isolation,
    NODE_DEBUG_NATIVE: 'COMPILE_CACHE',
  });
  const taken = lines.flatMap((line) => /\/([\w-]+\.m?js) was accepted/.exec(line)?.[1] ?? []);
  expect(taken).toEqual(expect.arrayContaining([expect.stringMatching(/^server-main-/), 'worker.mjs']));
  // Packages are within: each file of theirs would be read by itself.
  expect(taken.filter((name) => !name.endsWith('.mjs'))).toEqual([]);
  expect(lines.filter((line) => /was not initialized|was rejected/.test(line))).toEqual([]);
});

test('a start loads neither HTTPS nor streams of years ago, and parsers of bodies are not there at all', async () => {
  const folder = await folderWith({ 'm/model.onnx': identityModel('FP32') });
  const tell = "process.on('exit', () => console.error('loaded ' + process.moduleLoadList.join()));";
  const lines = await life({
    LIMBECK_MODELS_DIR: folder,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tell)}`,
  });
  const loaded = lines.findLast((line) => line.startsWith('loaded '))?.split(',') ?? [];
  expect(loaded).toContain('NativeModule http');
  expect(loaded.filter((name) => /^NativeModule (https|tls|_tls_\w+)$/.test(name))).toEqual([]);
  const code = readdirSync(image).filter((name) => /^server.*mjs$/.test(name));
  const having = (name: string): readonly string[] =>
    code.filter((file) => readFileSync(join(image, file), 'utf8').includes(`node_modules/${name}/`));
  expect(having('express')).not.toEqual([]);
  expect(['iconv-lite', 'readable-stream', '@so-ric/colorspace'].flatMap(having)).toEqual([]);
});

test('the last line of a start that fails is said', async () => {
  const env = { LIMBECK_PORT: '0', LIMBECK_MODELS_DIR: join(image, 'nowhere') };
  const failing = run(process.execPath, [join(image, 'server.mjs')], { env });
  await expect(failing).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining('"message":"the server cannot run"'),
  });
});
