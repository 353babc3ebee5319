import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { sessionBytes } from '../../../../runtime/server/isolation/peer.ts';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import { post, type Answer } from '../../../support/http-caller.ts';
import { isRunning } from '../../../support/is-running.ts';
import { folderWith, serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { identityModel, mlpModel, type ElementType } from '../../../support/onnx-model.ts';
import { startServerProcess, type ServerProcess } from '../../../support/server-process.ts';
import { sessionsOf } from '../../../support/session-processes.ts';
import { standStill } from '../../../support/stand-still.ts';

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

  test('that ends while it is loaded says so, and leaves its neighbour alone', async () => {
    const server = await serve({ 'well/model.onnx': mlpModel([4, 8, 3]) }, { modelControl: 'explicit' });
    await mkdir(join(server.folder, 'ill'));
    await writeFile(join(server.folder, 'ill', 'model.onnx'), mlpModel([4, 8, 3]));
    const load = post(`${server.url}/v2/repository/models/ill/load`, '');
    await until(async () => {
      const victims = await sessionsOf(join(server.folder, 'ill'));
      for (const victim of victims) process.kill(victim, 'SIGABRT');
      return victims.length > 0;
    });
    const { status, json } = await load;
    expect([status, json.error]).toEqual([
      400,
      "model 'ill' cannot be loaded: LoadFailed: the worker died while it loaded the model",
    ]);
    expect((await ask(server, 'well')).status).toBe(200);
  });

  test('counts in the budget of all models, and one that is loaded lets another go', async () => {
    const size = neighbours['ill/model.onnx'].length + sessionBytes.process;
    const server = await serve(neighbours, { modelControl: 'explicit', modelsBytes: 2 * size - 1 });
    const served = (): readonly string[] => server.engine.models.map(({ name, bytes }) => `${name}: ${bytes}`);
    expect(served()).toEqual([`ill: ${size}`]);
    expect((await ask(server, 'well')).status).toBe(200);
    expect(served()).toEqual([`well: ${size}`]);
    expect(await sessionsOf(server.folder)).toHaveLength(1);
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

async function readiness(url: string): Promise<string> {
  return (await fetch(`${url}/v2/health/ready`)).text();
}

/** Requests that wait for a session of a model. */
async function waiting(url: string, model: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const series = new RegExp(`^nv_inference_pending_request_count\\{.*model="${model}".*\\} (\\d+)$`, 'm');
  return Number(series.exec(text)?.[1]);
}

describe('the server on a folder, without any setting', () => {
  const running: ServerProcess[] = [];

  afterEach(async () => {
    for (const { child } of running.splice(0)) {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // Nobody of the group is left.
      }
      await ended;
    }
  });

  /** In a group of its own, as of a terminal. */
  async function started(drainSeconds = 4): Promise<ServerProcess> {
    const models = await folderWith(neighbours);
    const environment = { LIMBECK_MODELS_DIR: models, LIMBECK_DRAIN_SECONDS: String(drainSeconds) };
    const server = await startServerProcess(environment, { ownGroup: true });
    running.push(server);
    return server;
  }

  /** Ends all sessions of a model in the middle of a request, while another waits; gives what all were answered. */
  async function endInTheMiddle({ child, url }: ServerProcess, signal: NodeJS.Signals): Promise<readonly Answer[]> {
    const sessions = await sessionsOf('/ill/', child.pid);
    expect(sessions).not.toEqual([]);
    await standStill(...sessions);
    const asked: Promise<Answer>[] = [];
    // Those that come together run together, so that it takes one after them to see that they do.
    await until(async () => {
      asked.push(post(`${url}/v2/models/ill/infer`, four));
      return (await waiting(url, 'ill')) > 0;
    });
    for (const session of sessions) {
      process.kill(session, signal);
      // What stands still dies of nothing else.
      if (signal !== 'SIGKILL') process.kill(session, 'SIGCONT');
    }
    return Promise.all(asked);
  }

  /** What those are answered, until it is over, who ask the neighbour and for readiness again and again. */
  function watch(url: string) {
    const [statuses, said] = [new Set<number>(), new Set<string>()];
    let over = false;
    const repeat = async (ask: () => Promise<unknown>): Promise<void> => {
      while (!over) await ask();
    };
    const asking = Promise.all([
      repeat(async () => statuses.add((await post(`${url}/v2/models/well/infer`, four)).status)),
      repeat(async () => said.add(await readiness(url))),
    ]);
    const end = async (): Promise<void> => {
      over = true;
      await asking;
    };
    return { statuses, said, end };
  }

  test.each<[string, NodeJS.Signals, readonly string[]]>([
    ['that was there from the start', 'SIGKILL', []],
    ['that was loaded later', 'SIGABRT', ['unload', 'load']],
  ])('answers on where a model %s ends by %s, and so does that one soon', async (_which, signal, changes) => {
    const server = await started();
    const { url } = server;
    for (const change of changes)
      expect((await post(`${url}/v2/repository/models/ill/${change}`, '')).status).toBe(200);
    const { statuses, said, end } = watch(url);
    try {
      const answers = await endInTheMiddle(server, signal);
      for (const { status, headers } of answers) expect([status, headers.get('retry-after')]).toEqual([503, '1']);
      expect(answers.map(({ json }) => json.error)).toContain('the worker that ran this request has died');
      await until(() => [...said].join().includes("model 'ill' is not ready: WorkersDied"));
      await until(async () => (await readiness(url)).includes('"ready":true'));
    } finally {
      await end();
    }
    expect((await post(`${url}/v2/models/ill/infer`, four)).status).toBe(200);
    expect([...statuses]).toEqual([200]);
  });

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

  test('ends those that hear nothing when its time to end is over', async () => {
    const { child } = await started(1);
    const sessions = await sessionsOf('model.onnx', child.pid);
    expect(sessions).toHaveLength(2);
    await standStill(...sessions);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
    await until(() => !sessions.map(String).some(isRunning), 10_000);
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
