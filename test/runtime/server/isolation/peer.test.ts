import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import { post, type Answer } from '../../../support/http-caller.ts';
import { isRunning } from '../../../support/is-running.ts';
import { folderWith, serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { identityModel, mlpModel, type ElementType } from '../../../support/onnx-model.ts';
import { startServerProcess, type ServerProcess } from '../../../support/server-process.ts';
import { sessionsOf } from '../../../support/session-processes.ts';

const servers: LiveServer[] = [];

afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

async function serve(
  files: Readonly<Record<string, Uint8Array | string>>,
  options: Parameters<typeof serveModels>[1] = {},
): Promise<LiveServer> {
  const server = await serveModels(files, { isolation: 'process', ...options });
  servers.push(server);
  return server;
}

const inputOf = (datatype: string, shape: readonly number[], data: readonly unknown[]) =>
  JSON.stringify({ inputs: [{ name: 'x', datatype, shape, data }] });
const four = inputOf('FP32', [1, 4], [1, 2, 3, 4]);
const ask = ({ url }: LiveServer, name: string, body = four): Promise<Answer> =>
  post(`${url}/v2/models/${name}/infer`, body);

const neighbours = { 'ill/model.onnx': mlpModel([4, 8, 3]), 'well/model.onnx': mlpModel([4, 8, 3]) };

describe('a model in a process of its own', () => {
  test.each<[ElementType, readonly number[], readonly unknown[]]>([
    ['FP32', [1, 2], [0.5, -1]],
    ['FP64', [2, 1], [0.5, -1]],
    ['INT8', [1, 3], [-128, 0, 127]],
    ['INT64', [1, 2], [1, -2]],
    ['UINT64', [1, 1], [7]],
    ['BOOL', [1, 2], [true, false]],
    ['BYTES', [1, 2], ['', 'größer']],
    ['FP32', [0, 2], []],
  ])('answers %s of shape %j', async (type, shape, data) => {
    const server = await serve({ 'same/model.onnx': identityModel(type) });
    const { status, json } = await ask(server, 'same', inputOf(type, shape, data));
    expect([status, json.outputs[0]]).toEqual([200, { name: 'y', datatype: type, shape, data }]);
    expect(await sessionsOf(join(server.folder, 'same'))).toHaveLength(1);
  });

  test('answers what is larger than a pipe holds, and joins what comes together', async () => {
    const server = await serve({ 'same/model.onnx': identityModel('FP32') });
    const values = Array.from({ length: 40_000 }, (_, index) => index);
    const wide = inputOf('FP32', [1, values.length], values);
    const answers = await Promise.all([wide, wide, wide].map((body) => ask(server, 'same', body)));
    for (const { json } of answers) expect(json.outputs[0]?.data).toEqual(values);
  });

  test('tells why its file is no model', async () => {
    const server = await serve({ 'ill/model.onnx': 'no model' }, { wait: false, modelControl: 'explicit' });
    await until(() => server.engine.find('ill').notReady?.reason === 'LoadFailed');
    expect(server.engine.notReady).toMatch(/protobuf|parsing/i);
    await until(async () => (await sessionsOf(server.folder)).length === 0);
  });

  test('leaves no process behind when it is unloaded', async () => {
    const server = await serve(neighbours, { modelControl: 'explicit', instances: 2 });
    expect(await sessionsOf(server.folder)).toHaveLength(4);
    await server.engine.unload('ill');
    expect(await sessionsOf(server.folder)).toHaveLength(2);
  });

  test.each<NodeJS.Signals>(['SIGABRT', 'SIGSEGV', 'SIGKILL'])(
    'ends by %s alone: its neighbour answers on, and it comes back',
    async (signal) => {
      const server = await serve(neighbours);
      let over = false;
      const statuses = { ill: new Set<number>(), well: new Set<number>() };
      const client = async (name: keyof typeof statuses): Promise<void> => {
        while (!over) statuses[name].add((await ask(server, name)).status);
      };
      const clients = [client('ill'), client('ill'), client('well'), client('well')];
      const [victim = 0] = await sessionsOf(join(server.folder, 'ill'));
      process.kill(victim, signal);
      await until(() => server.engine.notReady !== undefined);
      expect(server.engine.notReady).toContain("model 'ill' is not ready: WorkersDied");
      await until(() => statuses.ill.has(503));
      await until(() => server.engine.notReady === undefined);
      over = true;
      await Promise.all(clients);
      expect([...statuses.well]).toEqual([200]);
      expect([...statuses.ill].sort()).toEqual([200, 503]);
      expect((await ask(server, 'ill')).status).toBe(200);
      expect(server.engine.find('ill').statistics.workerDeaths).toBe(1);
    },
  );

  test('that writes text and ends tells who waits for it, and writes again', async () => {
    const server = await serve({ ...echoArtefact(), ...neighbours });
    const complete = async (maxTokens: number) => {
      const asked = { model: 'echo', prompt: 'one two ', temperature: 0, max_tokens: maxTokens };
      const response = await fetch(`${server.url}/v1/completions`, { method: 'POST', body: JSON.stringify(asked) });
      const { choices } = (await response.json()) as { readonly choices?: readonly { readonly text: string }[] };
      return { status: response.status, text: choices?.[0]?.text };
    };
    expect((await complete(8)).text).toBe('one two ');
    const long = complete(200);
    await until(() => server.engine.find('echo').decodingStatistics.writing === 1);
    const [victim = 0] = await sessionsOf(join(server.folder, 'echo'));
    process.kill(victim, 'SIGABRT');
    expect((await long).status).toBe(503);
    expect((await ask(server, 'well')).status).toBe(200);
    await until(() => server.engine.notReady === undefined);
    expect((await complete(8)).text).toBe('one two ');
  });
});

describe('the server whose models have processes', () => {
  /** In a group of its own, as of a terminal. */
  const started = async (): Promise<ServerProcess> =>
    startServerProcess(
      {
        ...{ LIMBECK_MODELS_DIR: await folderWith(neighbours), LIMBECK_ISOLATION: 'process' },
        LIMBECK_DRAIN_SECONDS: '4',
      },
      { ownGroup: true },
    );

  test('ends them in order where the whole group is told to end', async () => {
    const { child, url } = await started();
    const sessions = await sessionsOf('model.onnx', child.pid);
    expect(sessions).toHaveLength(2);
    const ended = once(child, 'exit');
    process.kill(-child.pid!, 'SIGTERM');
    expect((await post(`${url}/v2/models/well/infer`, four)).status).toBe(200);
    expect(await ended).toEqual([0, null]);
    expect(sessions.map(String).filter(isRunning)).toEqual([]);
  });

  test('takes them with it when it is killed', async () => {
    const { child } = await started();
    const sessions = await sessionsOf('model.onnx', child.pid);
    expect(sessions).toHaveLength(2);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    await until(() => !sessions.map(String).some(isRunning));
  });
});
