import { writeFile } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { evicted, roomFor, type Resident } from '../../../runtime/server/eviction.ts';
import { echoArtefact } from '../../support/echo-artefact.ts';
import { grpcCaller } from '../../support/grpc-caller.ts';
import { post, type Answer } from '../../support/http-caller.ts';
import { serveModels, until, type LiveServer } from '../../support/model-server.ts';
import { onnxModel } from '../../support/onnx-model.ts';

const residents = fc.array(
  fc.record({ bytes: fc.integer({ min: 0, max: 9 }), usedAt: fc.integer({ min: 0, max: 20 }), idle: fc.boolean() }),
  { maxLength: 8 },
);
const total = (some: readonly Resident[]): number => some.reduce((sum, { bytes }) => sum + bytes, 0);

describe('who leaves', () => {
  test('frees enough, or nobody does; is idle; and does not leave in vain', () => {
    fc.assert(
      fc.property(residents, fc.integer({ min: -3, max: 40 }), (all, bytes) => {
        const leaving = evicted(all, bytes);
        const free = total(all.filter(({ idle }) => idle));
        expect(leaving === undefined).toBe(free < bytes);
        for (const one of leaving ?? []) {
          expect(one.idle).toBe(true);
          expect(total(leaving ?? []) - one.bytes).toBeLessThan(bytes);
        }
        if (leaving !== undefined) expect(total(leaving)).toBeGreaterThanOrEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('was used before everybody else, where all are of one size', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer(), { maxLength: 8 }), fc.integer({ min: 0, max: 8 }), (times, count) => {
        const all = times.map((usedAt) => ({ bytes: 1, usedAt, idle: true }));
        const oldest = [...times].sort((a, b) => a - b).slice(0, count);
        const leaving = evicted(all, count)?.map(({ usedAt }) => usedAt);
        expect(leaving).toEqual(count > times.length ? undefined : oldest);
      }),
    );
  });

  test('the numbers are told where nothing helps', () => {
    const busy = { bytes: 6, usedAt: 0, idle: false };
    const idle = { bytes: 4, usedAt: 1, idle: true };
    const newcomer = { name: 'm', lackingBytes: 0 };
    expect(roomFor({ ...newcomer, bytes: 4 }, [busy, idle], 10)).toEqual([idle]);
    expect(() => roomFor({ ...newcomer, bytes: 11 }, [], 10)).toThrow(
      expect.objectContaining({
        ...{ fault: { kind: 'invalid' }, message: "model 'm' needs 11 bytes, and all models together may take 10" },
      }),
    );
    expect(() => roomFor({ ...newcomer, bytes: 5 }, [busy, idle], 10)).toThrow(
      expect.objectContaining({
        fault: { kind: 'unavailable', retryAfterSeconds: 1 },
        message: "model 'm' needs 5 bytes; of the 10 that all models together may take, models in use have 6",
      }),
    );
  });
});

/** x [1, 2] → y = x + c, of one size whatever c is, and as much larger as there are `more` numbers. */
function plus(c: number, more = 0): Buffer {
  const value = { type: 'FP32' as const, shape: ['batch', 2] };
  return onnxModel({
    inputs: [{ name: 'x', ...value }],
    outputs: [{ name: 'y', ...value }],
    weights: [
      { name: 'c', shape: [1], data: Float32Array.of(c) },
      { name: 'more', shape: [more], data: new Float32Array(more) },
    ],
    nodes: [{ op: 'Add', inputs: ['x', 'c'], outputs: ['y'] }],
  });
}

const size = plus(1).length;
const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', data: [0, 0] }] });
const servers: LiveServer[] = [];

afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())));

/** Three models, and room for two of them. */
async function serve(more: Readonly<Record<string, Buffer | string>> = {}): Promise<LiveServer> {
  const files = { 'a/model.onnx': plus(1), 'b/model.onnx': plus(2), 'c/model.onnx': plus(3), ...more };
  const server = await serveModels(files, { modelControl: 'explicit', modelsBytes: 2 * size + 1 });
  servers.push(server);
  return server;
}

const ask = ({ url }: LiveServer, name: string): Promise<Answer> => post(`${url}/v2/models/${name}/infer`, body);
const load = ({ url }: LiveServer, name: string): Promise<Answer> =>
  post(`${url}/v2/repository/models/${name}/load`, '');
const loaded = ({ engine }: LiveServer): string =>
  engine.models
    .map(({ name }) => name)
    .sort()
    .join('');

async function reasonOf({ engine }: LiveServer, name: string): Promise<string | undefined> {
  return (await engine.index()).find((entry) => entry.name === name)?.reason;
}

/** A request whose head has come and whose body has not. */
async function beginTo(server: LiveServer, name: string): Promise<() => Promise<number | undefined>> {
  const started = request(`${server.url}/v2/models/${name}/infer`, {
    ...{ method: 'POST', headers: { 'content-length': body.length } },
  });
  const answered = new Promise<IncomingMessage>((resolve) => started.once('response', resolve));
  started.write(body.slice(0, 1));
  await until(() => !server.engine.find(name).idle);
  return async () => {
    started.end(body.slice(1));
    const response = await answered;
    response.resume();
    return response.statusCode;
  };
}

describe('a server whose models have a budget', () => {
  test('loads what fits, and tells of the rest why not', async () => {
    const server = await serve();
    expect(loaded(server)).toBe('ab');
    const numbers = `needs ${size} bytes; of the ${2 * size + 1} that all models together may take`;
    expect(await reasonOf(server, 'c')).toContain(numbers);
    const looked = await fetch(`${server.url}/v2/models/c`);
    expect([looked.status, await looked.json()]).toEqual([404, { error: expect.stringContaining(numbers) }]);
    expect(loaded(server)).toBe('ab');
    expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(200);
    const metadata = await (await fetch(`${server.url}/v2/models/a`)).json();
    expect(metadata).toMatchObject({ parameters: { bytes: size } });
  });

  test('lets the least recently used go for one that is asked for', async () => {
    const server = await serve();
    await ask(server, 'b');
    await ask(server, 'a');
    expect((await load(server, 'c')).status).toBe(200);
    expect(loaded(server)).toBe('ac');
    expect((await ask(server, 'c')).json.outputs[0]?.data).toEqual([3, 3]);
    expect(await reasonOf(server, 'b')).toBe("Unloaded: it made room for 'c'");
    const looked = await fetch(`${server.url}/v2/models/b`);
    expect(await looked.json()).toEqual({ error: "there is no model 'b': it made room for 'c'" });
    expect((await load(server, 'b')).status).toBe(200);
    expect(loaded(server)).toBe('bc');
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/^limbeck_model_evictions_total\{.*\} 2$/m);
    expect(metrics).toMatch(new RegExp(`^limbeck_models_budget_bytes\\{.*\\} ${2 * size + 1}$`, 'm'));
    expect(metrics).toMatch(new RegExp(`^limbeck_model_bytes\\{.*model="c".*\\} ${size}$`, 'm'));
  });

  test('lets nobody go who is in use, be it that a body is still coming', async () => {
    const server = await serve();
    const finishes = [await beginTo(server, 'a'), await beginTo(server, 'b')];
    const refused = await load(server, 'c');
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.json.error).toContain(`models in use have ${2 * size}`);
    expect(loaded(server)).toBe('ab');
    for (const finish of finishes) expect(await finish()).toBe(200);
    await until(() => server.engine.models.every(({ idle }) => idle));
    expect((await load(server, 'c')).status).toBe(200);
  });

  test('refuses what would not fit alone, and keeps what it has', async () => {
    const large = plus(4, size);
    const server = await serve({ 'd/model.onnx': large });
    const { status, json } = await load(server, 'd');
    const sentence = `model 'd' needs ${large.length} bytes, and all models together may take ${2 * size + 1}`;
    expect([status, json.error]).toEqual([400, sentence]);
    expect(loaded(server)).toBe('ab');
    expect(server.engine.budget.evictions).toBe(0);
  });

  test('counts keys and values, which are known only once a model is loaded', async () => {
    const server = await serveModels(echoArtefact(), { modelControl: 'explicit', modelsBytes: 4 << 20 });
    servers.push(server);
    expect(loaded(server)).toBe('');
    expect(await reasonOf(server, 'echo')).toMatch(
      /model 'echo' needs \d{7} bytes, and all models together may take 4194304/,
    );
  });

  const chat = { messages: [{ role: 'user', content: 'x' }] };
  test.each<[string, string, string | object, number]>([
    ['inference', '/v2/models/c/infer', body, 200],
    ['an explanation', '/v2/models/c/explain', body, 200],
    ['KServe v1', '/v1/models/c:predict', { instances: [[0, 0]] }, 200],
    ['samples, which it does not take', '/v2/models/c/predict', body, 400],
    ['a completion, which it does not write', '/v1/completions', { model: 'c', prompt: 'x' }, 400],
    ['a chat, which it does not hold', '/v1/chat/completions', { model: 'c', ...chat }, 400],
    ['embeddings, which it does not give', '/v1/embeddings', { model: 'c', input: 'x' }, 400],
  ])('brings one back that is asked for by %s', async (_, path, asked, status) => {
    const server = await serve();
    const answer = await post(`${server.url}${path}`, typeof asked === 'string' ? asked : JSON.stringify(asked));
    expect([answer.status, loaded(server)]).toEqual([status, 'bc']);
  });

  test('brings one back that is asked for by gRPC', async () => {
    const server = await serve();
    const grpc = grpcCaller(server.grpc.port);
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [0, 0] } }];
    const answer = await grpc.call('ModelInfer', { model_name: 'c', inputs });
    grpc.close();
    expect([answer.message, loaded(server)]).toMatchObject([{ model_name: 'c' }, 'bc']);
  });

  test('loads once what many ask for at once', async () => {
    const server = await serve();
    const asked = Array.from({ length: 20 }, () => ask(server, 'c'));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(asked.map(() => 200));
    expect(server.engine.budget.evictions).toBe(1);
  });

  test('tells who asks for one that is away that there is no room while all others are in use', async () => {
    const server = await serve();
    const finishes = [await beginTo(server, 'a'), await beginTo(server, 'b')];
    const refused = await ask(server, 'c');
    expect([refused.status, refused.headers.get('retry-after'), loaded(server)]).toEqual([503, '1', 'ab']);
    for (const finish of finishes) expect(await finish()).toBe(200);
    await until(() => server.engine.models.every(({ idle }) => idle));
    expect((await ask(server, 'c')).status).toBe(200);
  });

  test('tries one that cannot be loaded once, and then tells why until somebody loads it', async () => {
    const server = await serve();
    await writeFile(join(server.folder, 'c/model.onnx'), 'no model');
    const answers = [await ask(server, 'c'), await ask(server, 'c')];
    expect(answers.map(({ status }) => status)).toEqual([503, 404]);
    for (const { json } of answers) expect(json.error).toContain("model 'c' cannot be loaded: LoadFailed");
    await writeFile(join(server.folder, 'c/model.onnx'), plus(3));
    expect((await load(server, 'c')).status).toBe(200);
    expect((await ask(server, 'c')).status).toBe(200);
  });

  test.each(['at the start', 'when it comes back'])(
    'goes on without a version that cannot be loaded, %s, unless somebody loads it by hand',
    async (when) => {
      const name = when === 'at the start' ? '0' : 'd';
      const server = await serve({ [`${name}/1/model.onnx`]: plus(7), [`${name}/2/model.onnx`]: 'no model' });
      expect((await ask(server, name)).json).toMatchObject({ model_version: '1', outputs: [{ data: [7, 7] }] });
      expect((await post(`${server.url}/v2/models/${name}/versions/2/infer`, body)).status).toBe(404);
      const refused = await load(server, name);
      expect([refused.status, refused.json.error]).toEqual([400, expect.stringContaining('LoadFailed')]);
      expect((await ask(server, name)).status).toBe(200);
      expect((await server.engine.index()).filter((entry) => entry.name === name)).toMatchObject([
        { version: '1', state: 'READY' },
        { version: '2', state: 'UNAVAILABLE' },
      ]);
    },
  );

  test('leaves one away that was unloaded, be it that it was away by then', async () => {
    const server = await serve();
    const unload = (name: string): Promise<Answer> => post(`${server.url}/v2/repository/models/${name}/unload`, '');
    expect([(await unload('a')).status, (await unload('c')).status, (await unload('c')).status]).toEqual([
      200, 200, 404,
    ]);
    expect([(await ask(server, 'a')).status, (await ask(server, 'c')).status]).toEqual([404, 404]);
  });

  test('drops no request while models come and go', async () => {
    const server = await serve();
    let over = false;
    const strange: unknown[] = [];
    const client = async (name: string, value: number): Promise<void> => {
      while (!over) {
        const { status, json } = await ask(server, name);
        const right =
          status === 200 ? json.outputs[0]?.data[0] === value : status === 503 && / models in use /.test(json.error);
        if (!right) strange.push({ name, status, json });
      }
    };
    await load(server, 'c');
    await load(server, 'a');
    const clients = [client('a', 1), client('b', 2), client('c', 3)];
    const statuses = new Set<number>();
    for (let round = 0; round < 12; round += 1) statuses.add((await load(server, 'abc'[round % 3]!)).status);
    over = true;
    await Promise.all(clients);
    expect(strange).toEqual([]);
    expect(statuses).toContain(200);
    expect([200, 503]).toEqual(expect.arrayContaining([...statuses]));
  });
});
