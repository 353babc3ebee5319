/** Clients that others wrote, unchanged, against our server in a process of its own. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';
import { conformanceModels } from '../conformance/models.ts';
import { echoArtefact } from '../support/echo-artefact.ts';
import { embeddingArtefact } from '../support/embedding-model.ts';
import { folderWith } from '../support/model-server.ts';
import { identityModel } from '../support/onnx-model.ts';

const run = promisify(execFile);

let server: ServerProcess;
let python: string;

beforeAll(async () => {
  python = (await run('bash', ['test/clients/venv'])).stdout.trim();
  const folder = await folderWith({
    ...conformanceModels(),
    'spare/model.onnx': identityModel('FP32'),
    ...echoArtefact(),
    ...embeddingArtefact('vectors', { pooling: 'mean', normalise: true }),
  });
  server = await startServerProcess({ LIMBECK_MODELS_DIR: folder, LIMBECK_GRPC_PORT: '0' });
}, startLimitMs);

afterAll(() => server.stop());

test.each([
  ['tritonclient_check.py', (): string => server.url.replace('http://', ''), 'tritonclient: all of it holds'],
  ['openai_check.py', (): string => server.url, 'openai: all of it holds'],
  ['kserve_check.py', (): string => server.url, 'kserve: all of it holds'],
])('%s', async (script, address, verdict) => {
  const { stdout } = await run(python, [`test/clients/${script}`, address(), server.grpcAddress]);
  expect(stdout).toContain(verdict);
});
