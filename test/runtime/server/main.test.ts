import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import { childEnvironment } from '../../support/child-environment.ts';
import { folderWith, until } from '../../support/model-server.ts';
import { mlpModel } from '../../support/onnx-model.ts';

const entry = new URL('../../../runtime/server/main.ts', import.meta.url).pathname;
const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] }] });

/** The server as its own process, as a person starts it. */
class ServerProcess {
  readonly lines: Record<string, unknown>[] = [];
  readonly exited: Promise<unknown[]>;
  readonly child: ChildProcessWithoutNullStreams;
  #rest = '';

  constructor(environment: Record<string, string>) {
    this.child = spawn(process.execPath, [entry], {
      env: { ...childEnvironment, LIMBECK_PORT: '0', ...environment },
    });
    this.exited = once(this.child, 'exit');
    this.child.stdout.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString()).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.lines.push(JSON.parse(line) as Record<string, unknown>);
    });
  }

  said(message: string): Record<string, unknown> | undefined {
    return this.lines.find((line) => line['message'] === message);
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.said('listening')?.['port'])}`;
  }
}

const running: ServerProcess[] = [];

function start(environment: Record<string, string>): ServerProcess {
  const server = new ServerProcess(environment);
  running.push(server);
  return server;
}

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
    const ask = (): Promise<Response> => fetch(`${server.url}/v2/models/mlp/infer`, { method: 'POST', body });
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
    expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(503);
    expect((await ask()).status).toBe(200);
    expect(await server.exited).toEqual([0, null]);
    expect(new Set(outcomes)).toEqual(new Set([200]));
    expect(server.said('stopped')).toBeDefined();
  });

  test('a model that is missing keeps the process up and says why', async () => {
    const server = start({
      LIMBECK_MODEL_NAME: 'm',
      LIMBECK_MODEL_URI: 's3://limbeck/models/x',
      LIMBECK_CACHE_DIR: await folderWith({}),
      LIMBECK_DRAIN_SECONDS: '1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
    });
    await until(() => server.said('model not loaded') !== undefined);
    const response = await fetch(`${server.url}/v2/models/m/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ name: 'm', ready: false, reason: 'StoreUnavailable' });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
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
