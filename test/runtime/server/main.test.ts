import { afterEach, describe, expect, test } from '@jest/globals';
import { folderWith, until } from '../../support/model-server.ts';
import { loopModel, mlpModel } from '../../support/onnx-model.ts';
import { spawnServer, type SpawnedServer } from '../../support/server-process.ts';

const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] }] });

const running: SpawnedServer[] = [];

function start(environment: Record<string, string>): SpawnedServer {
  const server = spawnServer(environment);
  running.push(server);
  return server;
}

const isReady = async (server: SpawnedServer): Promise<boolean> =>
  (await fetch(`${server.url()}/v2/health/ready`)).status === 200;

afterEach(async () => {
  for (const { child, exited } of running.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  }
});

describe('the server process', () => {
  test('drains on SIGTERM: not ready, no request lost, exit code 0', async () => {
    const folder = await folderWith({ 'mlp/model.onnx': mlpModel([4, 8, 3]) });
    const server = start({ LIMBECK_MODELS_DIR: folder, LIMBECK_DRAIN_SECONDS: '4', LIMBECK_INSTANCES: '2' });
    await until(() => server.said('model ready') !== undefined);
    const ask = (): Promise<Response> => fetch(`${server.url()}/v2/models/mlp/infer`, { method: 'POST', body });
    let stopping = false;
    const outcomes: number[] = [];
    const client = async (): Promise<void> => {
      while (!stopping) {
        const response = await ask();
        await response.arrayBuffer();
        outcomes.push(response.status);
        stopping ||= response.headers.get('connection') === 'close';
      }
    };
    const clients = [client(), client(), client(), client()];
    await until(() => outcomes.length > 50);
    server.child.kill('SIGTERM');
    await Promise.all(clients);
    expect((await fetch(`${server.url()}/v2/health/ready`)).status).toBe(503);
    expect((await ask()).status).toBe(200);
    expect(await server.exited).toEqual([0, null]);
    expect(new Set(outcomes)).toEqual(new Set([200]));
    expect(server.said('stopped')).toBeDefined();
  });

  test('stops as well where SIGTERM comes while it starts', async () => {
    const folder = await folderWith({ 'mlp/model.onnx': mlpModel([4, 8, 3]) });
    const server = start({ LIMBECK_MODELS_DIR: folder, LIMBECK_DRAIN_SECONDS: '12', LIMBECK_GRPC_PORT: '0' });
    // gRPC is loaded after this.
    await until(() => server.said('listening') !== undefined);
    server.child.kill('SIGTERM');
    expect(await server.exited).toEqual([0, null]);
  });

  test('ends where a thread hangs, which cannot be ended alone, and answers everybody else first', async () => {
    const folder = await folderWith({ 'mlp/model.onnx': mlpModel([4, 8, 3]), 'loop/model.onnx': loopModel() });
    const threads = { LIMBECK_ISOLATION: 'thread', LIMBECK_RUN_SECONDS: '1', LIMBECK_DRAIN_SECONDS: '8' };
    const server = start({ LIMBECK_MODELS_DIR: folder, ...threads });
    await until(async () => server.said('listening') !== undefined && (await isReady(server)));
    const endless = JSON.stringify({ inputs: [{ name: 'x', shape: [1], datatype: 'INT64', data: [2 ** 40] }] });
    const hung = fetch(`${server.url()}/v2/models/loop/infer`, { method: 'POST', body: endless });
    const { status, headers } = await hung;
    expect([status, headers.get('retry-after')]).toEqual([504, null]);
    expect(await isReady(server)).toBe(false);
    expect((await fetch(`${server.url()}/v2/models/mlp/infer`, { method: 'POST', body })).status).toBe(200);
    expect(await server.exited).toEqual([null, 'SIGKILL']);
    expect(server.said('stopped')).toBeDefined();
  });

  test('a model that is missing keeps the process up and says why', async () => {
    const server = start({
      LIMBECK_MODEL_NAME: 'm',
      LIMBECK_MODEL_URI: 's3://limbeck/models/x',
      LIMBECK_CACHE_DIR: await folderWith({}),
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
    });
    await until(() => server.said('model not loaded') !== undefined);
    const response = await fetch(`${server.url()}/v2/models/m/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ name: 'm', ready: false, reason: 'StoreUnavailable' });
    expect((await fetch(`${server.url()}/healthz`)).status).toBe(200);
    server.child.kill('SIGTERM');
    expect(await server.exited).toEqual([0, null]);
  });

  test('mistakes in the configuration end it with all of them', async () => {
    const server = start({ LIMBECK_PORT: 'x' });
    expect(await server.exited).toEqual([78, null]);
    expect(server.said('the configuration is wrong')?.['violations']).toHaveLength(2);
  });

  test('a folder that is not there ends it with a sentence', async () => {
    const server = start({ LIMBECK_MODELS_DIR: '/nowhere/at/all' });
    expect(await server.exited).toEqual([1, null]);
    expect(server.said('the server cannot run')?.['error']).toContain('ENOENT');
  });
});
