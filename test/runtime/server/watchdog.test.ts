import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Watchdog } from '../../../runtime/server/watchdog.ts';
import { echoArtefact } from '../../support/echo-artefact.ts';
import { post, type Answer } from '../../support/http-caller.ts';
import { isRunning } from '../../support/is-running.ts';
import { serveModels, until, type LiveServer } from '../../support/model-server.ts';
import { loopModel, mlpModel } from '../../support/onnx-model.ts';
import { sessionsOf } from '../../support/session-processes.ts';
import { standStill } from '../../support/stand-still.ts';

let hangs: number;
let watchdog: Watchdog;

beforeEach(() => {
  hangs = 0;
  watchdog = new Watchdog(() => {
    hangs += 1;
  });
});

afterEach(() => {
  watchdog.end();
  jest.useRealTimers();
});

test('what does not end is told of once, and not before its time', () => {
  jest.useFakeTimers();
  watchdog.begin(1000);
  jest.advanceTimersByTime(1000);
  expect(hangs).toBe(0);
  jest.advanceTimersByTime(5000);
  expect(hangs).toBe(1);
});

test('what ends in time, again and again, is not told of', () => {
  jest.useFakeTimers();
  for (let run = 0; run < 5; run += 1) {
    watchdog.begin(1000);
    jest.advanceTimersByTime(900);
    watchdog.end();
  }
  jest.advanceTimersByTime(5000);
  expect(hangs).toBe(0);
  expect(jest.getTimerCount()).toBe(0);
});

test('what begins after a hang is watched as well', () => {
  jest.useFakeTimers();
  watchdog.begin(1000);
  jest.advanceTimersByTime(5000);
  watchdog.begin(1000);
  jest.advanceTimersByTime(5000);
  expect(hangs).toBe(2);
});

test('a process that stood still has not waited', async () => {
  watchdog.begin(200);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  await sleep(150);
  expect(hangs).toBe(0);
});

describe('a model in a process of its own', () => {
  const servers: LiveServer[] = [];

  afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

  async function serve(
    files: Readonly<Record<string, Uint8Array | string>>,
    options: Parameters<typeof serveModels>[1] = {},
  ): Promise<LiveServer> {
    const server = await serveModels(files, { isolation: 'process', runLimitMs: 1500, ...options });
    servers.push(server);
    return server;
  }

  const inputOf = (datatype: string, shape: readonly number[], data: readonly number[]) =>
    JSON.stringify({ inputs: [{ name: 'x', datatype, shape, data }] });
  const ask = ({ url }: LiveServer, name: string, body = inputOf('FP32', [1, 4], [1, 2, 3, 4])): Promise<Answer> =>
    post(`${url}/v2/models/${name}/infer`, body);

  const huge = inputOf('INT64', [1], [2 ** 40]);
  const one = inputOf('INT64', [1], [1]);

  test('that does not end a run is ended alone: its neighbour answers on, and it comes back', async () => {
    const files = { 'loop/model.onnx': loopModel(), 'well/model.onnx': mlpModel([4, 8, 3]) };
    const server = await serve(files);
    expect((await ask(server, 'loop', one)).status).toBe(200);
    const hung = ask(server, 'loop', huge);
    const [victim = 0] = await sessionsOf(join(server.folder, 'loop'));
    expect((await ask(server, 'well')).status).toBe(200);
    const behind = ask(server, 'loop', one);
    const answers = await Promise.all([hung, behind]);
    // Who would hang it again is not asked to come again; who waited is.
    expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual([
      [504, null],
      [503, '1'],
    ]);
    expect(answers[0].headers.get('x-should-retry')).toBe('false');
    expect(answers[0].json.error).toContain('took too long');
    await until(() => server.engine.notReady === undefined);
    expect((await ask(server, 'loop', one)).status).toBe(200);
    expect(server.engine.find('loop').statistics).toMatchObject({ workerDeaths: 1, workerHangs: 1 });
    await until(() => !isRunning(String(victim)));
  });

  test('that stands still is ended, also where it is to end', async () => {
    const server = await serve({ 'ill/model.onnx': mlpModel([4, 8, 3]) }, { modelControl: 'explicit' });
    const [victim = 0] = await sessionsOf(join(server.folder, 'ill'));
    await standStill(victim);
    const hung = ask(server, 'ill');
    await until(() => !server.engine.find('ill').idle);
    await server.engine.unload('ill');
    expect((await hung).status).toBe(504);
    await until(() => !isRunning(String(victim)));
  });

  test('that stands still while it writes text is ended, and writes again', async () => {
    const server = await serve(echoArtefact(), { slots: 1 });
    const complete = (maxTokens: number): Promise<Answer> =>
      post(
        `${server.url}/v1/completions`,
        JSON.stringify({ model: 'echo', prompt: 'one two ', temperature: 0, max_tokens: maxTokens }),
      );
    const long = complete(200);
    await until(() => server.engine.find('echo').decodingStatistics.writing === 1);
    const [victim = 0] = await sessionsOf(join(server.folder, 'echo'));
    await standStill(victim);
    const behind = complete(200);
    const answers = await Promise.all([long, behind]);
    expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual([
      [504, null],
      [503, '1'],
    ]);
    expect(answers[0].json.error).toMatchObject({ code: 'deadline_exceeded' });
    await until(() => server.engine.notReady === undefined);
    expect((await complete(8)).status).toBe(200);
    expect(server.engine.find('echo').statistics).toMatchObject({ workerDeaths: 1, workerHangs: 1 });
    await until(() => !isRunning(String(victim)));
  });
});
