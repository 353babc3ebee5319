/** The model server as its image has it: bundled, with the code that a start needs compiled when it was built. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
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
  const server = spawn(process.execPath, [join(image, 'server.mjs')], {
    env: {
      ...{ LIMBECK_MODELS_DIR: folder, LIMBECK_PORT: '0', LIMBECK_DRAIN_SECONDS: '1', LIMBECK_ISOLATION: isolation },
      NODE_DEBUG_NATIVE: 'COMPILE_CACHE',
    },
  });
  const exited = once(server, 'exit');
  const lines: string[] = [];
  createInterface(server.stderr).on('line', (line) => lines.push(line));
  for await (const line of createInterface(server.stdout)) {
    lines.push(line);
    if (line.includes('"model ready"')) server.kill('SIGTERM');
  }
  expect(await exited).toEqual([0, null]);
  const taken = lines.flatMap((line) => /\/([\w-]+\.m?js) was accepted/.exec(line)?.[1] ?? []);
  expect(taken).toEqual(expect.arrayContaining([expect.stringMatching(/^server-main-/), 'worker.mjs', 'tensor.js']));
  expect(lines.filter((line) => /was not initialized|was rejected/.test(line))).toEqual([]);
});
