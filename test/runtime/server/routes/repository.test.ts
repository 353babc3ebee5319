import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { call, post, type Answer } from '../../../support/http-caller.ts';
import { identityModel, mlpModel, onnxModel } from '../../../support/onnx-model.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';

const servers: LiveServer[] = [];

afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

async function serve(files: Record<string, Uint8Array | string>, modelControl: 'explicit' | 'poll' | 'none') {
  const server = await serveModels(files, { modelControl });
  servers.push(server);
  return server;
}

/** x [batch, 2] → y = x + c: an answer tells which file it came from. */
function plus(c: number): Buffer {
  const value = { type: 'FP32' as const, shape: ['batch', 2] };
  return onnxModel({
    inputs: [{ name: 'x', ...value }],
    outputs: [{ name: 'y', ...value }],
    weights: [{ name: 'c', shape: [1], data: Float32Array.of(c) }],
    nodes: [{ op: 'Add', inputs: ['x', 'c'], outputs: ['y'] }],
  });
}

/** As a careful person does it: whole at once, never half a file under the name. */
async function put({ folder }: LiveServer, name: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, bytes);
  await rename(`${path}.new`, path);
}

const input = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [0, 0] };
const ask = ({ url }: LiveServer, model = 'm'): Promise<Answer> =>
  post(`${url}/v2/models/${model}/infer`, { inputs: [input] });
const load = ({ url }: LiveServer, name: string): Promise<Answer> =>
  post(`${url}/v2/repository/models/${name}/load`, '');
const unload = ({ url }: LiveServer, name: string): Promise<Answer> =>
  post(`${url}/v2/repository/models/${name}/unload`, '{}');
const index = async ({ url }: LiveServer, body = ''): Promise<unknown> =>
  (await post(`${url}/v2/repository/index`, body)).json;

describe('models on request', () => {
  test('who asks for those that are ready in other words than true or false is told so', async () => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    const { status, json } = await post(`${server.url}/v2/repository/index`, { ready: 'true' });
    expect([status, json.error]).toEqual([400, "'ready' is neither true nor false"]);
  });

  test('a model that was put into the folder is loaded, and unloaded again', async () => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    await put(server, 'n/model.onnx', plus(2));
    expect(await index(server)).toContainEqual({
      name: 'n',
      version: '1',
      state: 'UNAVAILABLE',
      reason: 'Unloaded: not loaded',
    });
    expect((await ask(server, 'n')).status).toBe(404);
    expect((await load(server, 'n')).status).toBe(200);
    expect((await ask(server, 'n')).json.outputs[0]!.data).toEqual([2, 2]);
    expect((await unload(server, 'n')).status).toBe(200);
    expect((await ask(server, 'n')).status).toBe(404);
    expect(await index(server, '{"ready":true}')).toEqual([{ name: 'm', version: '1', state: 'READY', reason: '' }]);
  });

  test('no request is dropped while a model is replaced again and again', async () => {
    const server = await serve({ 'm/model.onnx': plus(0) }, 'explicit');
    const answers: Answer[] = [];
    let over = false;
    const client = async (): Promise<void> => {
      while (!over) answers.push(await ask(server));
    };
    const clients = [client(), client(), client(), client()];
    for (let round = 1; round <= 5; round += 1) {
      await put(server, 'm/model.onnx', plus(round));
      expect((await load(server, 'm')).status).toBe(200);
      // What was asked for after the load answers with the new file.
      expect((await ask(server)).json.outputs[0]!.data[0]).toBe(round);
    }
    over = true;
    await Promise.all(clients);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(server.engine.models).toHaveLength(1);
  });

  test('a file that is no model is refused, and the old one goes on', async () => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    await put(server, 'm/model.onnx', Buffer.from('not a model'));
    const refused = await load(server, 'm');
    expect(refused.status).toBe(400);
    expect(refused.json.error).toContain("model 'm' cannot be loaded: LoadFailed: ");
    expect((await ask(server)).json.outputs[0]!.data).toEqual([1, 1]);
  });

  test('versions come and go', async () => {
    const server = await serve({ 'm/1/model.onnx': plus(1) }, 'explicit');
    await put(server, 'm/2/model.onnx', plus(2));
    await load(server, 'm');
    expect((await ask(server)).json).toMatchObject({ model_version: '2' });
    await rm(join(server.folder, 'm/2'), { recursive: true });
    await load(server, 'm');
    expect((await ask(server)).json).toMatchObject({ model_version: '1' });
    expect((await call(`${server.url}/v2/models/m/versions/2`)).status).toBe(404);
  });

  test('loading what has not changed changes nothing', async () => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    const before = server.engine.find('m');
    await load(server, 'm');
    expect(server.engine.find('m')).toBe(before);
  });

  test.each([
    ['load', 404, "the repository has no model 'nope'"],
    ['unload', 404, "model 'nope' is not loaded"],
  ])('%s of a stranger is %d', async (verb, status, error) => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    const answer = await post(`${server.url}/v2/repository/models/nope/${verb}`, '');
    expect(answer).toMatchObject({ status, json: { error } });
  });

  test.each([
    ['load', { config: '{}' }, "'config' of load is not offered"],
    ['load', { 'file:1/model.onnx': 'AAAA' }, "'file:1/model.onnx' of load is not offered"],
    ['unload', { unload_dependents: 'yes' }, "'unload_dependents' is not true or false"],
  ])('%s with %j is refused, and changes nothing', async (verb, parameters, error) => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    const before = server.engine.find('m');
    const answer = await post(`${server.url}/v2/repository/models/m/${verb}`, { parameters });
    expect(answer).toMatchObject({ status: 400, json: { error: expect.stringContaining(error) } });
    expect(server.engine.find('m')).toBe(before);
  });

  test('what depends on a model goes with it, as far as anything does', async () => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    const body = { parameters: { unload_dependents: true } };
    expect((await post(`${server.url}/v2/repository/models/m/unload`, body)).status).toBe(200);
    expect(server.engine.models).toEqual([]);
  });

  test('a model that is replaced is counted on', async () => {
    const server = await serve({ 'm/model.onnx': plus(1) }, 'explicit');
    const counted = async (): Promise<readonly string[]> =>
      (await (await fetch(`${server.url}/metrics`)).text())
        .split('\n')
        .filter((line) => line.startsWith('nv_inference_request_success{'))
        .map((line) => line.split(' ').at(-1)!);
    await ask(server);
    await put(server, 'm/model.onnx', plus(2));
    await load(server, 'm');
    expect(await counted()).toEqual(['1']);
    expect((await ask(server)).json.outputs[0]!.data).toEqual([2, 2]);
    expect(await counted()).toEqual(['2']);
  });

  test('metrics of a model that has gone are gone', async () => {
    const server = await serve({ 'm/model.onnx': plus(1), 'n/model.onnx': mlpModel([2, 4, 2]) }, 'explicit');
    const series = async (): Promise<string[]> =>
      (await (await fetch(`${server.url}/metrics`)).text())
        .split('\n')
        .filter((line) => line.startsWith('limbeck_model_ready{'));
    expect(await series()).toHaveLength(2);
    await unload(server, 'n');
    expect(await series()).toHaveLength(1);
  });
});

test.each(['none', 'poll'] as const)('under %s nobody loads or unloads on request', async (control) => {
  const server = await serve({ 'm/model.onnx': identityModel('FP32') }, control);
  for (const answer of [await load(server, 'm'), await unload(server, 'm')]) {
    expect(answer).toMatchObject({
      status: 403,
      json: { error: 'this server does not load or unload models on request' },
    });
  }
  expect((await ask(server)).status).toBe(200);
});

test('a version that is still being written leaves the one before alone', async () => {
  const server = await serve({ 'm/1/model.onnx': plus(1) }, 'poll');
  await put(server, 'm/2/model.onnx', plus(2).subarray(0, 40));
  await server.engine.rescan();
  expect((await ask(server)).json).toMatchObject({ model_version: '1' });
  expect(server.engine.notReady).toBeUndefined();
  await put(server, 'm/2/model.onnx', plus(2));
  await server.engine.rescan();
  expect((await ask(server)).json).toMatchObject({ model_version: '2' });
});

test('a rescan follows the folder', async () => {
  const server = await serve({ 'm/model.onnx': plus(1), 'n/model.onnx': plus(5) }, 'poll');
  await put(server, 'm/model.onnx', plus(2));
  await cp(join(server.folder, 'n'), join(server.folder, 'o'), { recursive: true });
  await rm(join(server.folder, 'n'), { recursive: true });
  await server.engine.rescan();
  expect((await ask(server)).json.outputs[0]!.data).toEqual([2, 2]);
  expect((await ask(server, 'n')).status).toBe(404);
  await until(() => server.engine.notReady === undefined);
  expect((await ask(server, 'o')).json.outputs[0]!.data).toEqual([5, 5]);
});
