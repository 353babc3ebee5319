import { connect } from 'node:net';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { identityModel, mlpModel, onnxModel, type Value } from '../../support/onnx-model.ts';
import { serveModels, until, type LiveServer } from '../../support/model-server.ts';

let server: LiveServer;

/** Two outputs, so that they can be chosen. */
const twin: Value = { name: 'x', type: 'FP32', shape: ['batch', 2] };
const forked = onnxModel({
  inputs: [twin],
  outputs: [
    { ...twin, name: 'y' },
    { ...twin, name: 'z' },
  ],
  nodes: [
    { op: 'Identity', inputs: ['x'], outputs: ['y'] },
    { op: 'Neg', inputs: ['x'], outputs: ['z'] },
  ],
});

beforeAll(async () => {
  server = await serveModels(
    {
      'mlp/model.onnx': mlpModel([4, 8, 3]),
      'text/model.onnx': identityModel('BYTES'),
      'long/model.onnx': identityModel('INT64'),
      'half/model.onnx': identityModel('FP16'),
      'flag/model.onnx': identityModel('BOOL'),
      'fork/2/model.onnx': forked,
      'fork/3/model.onnx': forked,
      'a model/model.onnx': identityModel('FP32'),
      'broken/model.onnx': 'not a model',
    },
    { wait: false },
  );
  await until(() => server.engine.models.every(({ notReady }) => notReady?.reason !== 'Loading'));
});

afterAll(() => server.stop());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly json: any;
}

async function call(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(server.url + path, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  const length = Number(response.headers.get('inference-header-content-length') ?? bytes.length);
  let json: unknown;
  try {
    json = JSON.parse(bytes.subarray(0, length).toString());
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, bytes: bytes.subarray(length), json };
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  call(path, {
    method: 'POST',
    body: Buffer.isBuffer(body) || typeof body === 'string' ? (body as string) : JSON.stringify(body),
    headers,
  });

const four = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] };
const two = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };

describe('health and metadata', () => {
  test.each([
    ['/v2/health/live', 200, { live: true }],
    ['/v2/models/mlp/ready', 200, { name: 'mlp', ready: true }],
    ['/v2/models/mlp/versions/1/ready', 200, { name: 'mlp', ready: true }],
    [
      '/v2',
      200,
      { name: 'limbeck', version: 'test', extensions: ['binary_tensor_data', 'model_repository', 'statistics'] },
    ],
    ['/v2/', 200, { name: 'limbeck' }],
    ['/v2/models', 200, { models: ['a model', 'broken', 'flag', 'fork', 'half', 'long', 'mlp', 'text'] }],
    [
      '/v2/models/mlp',
      200,
      {
        name: 'mlp',
        versions: ['1'],
        platform: 'onnx_onnxv1',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
        outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 3] }],
        parameters: { provider: 'cpu', max_batch: 32 },
      },
    ],
    ['/v2/models/fork/versions/2', 200, { name: 'fork', versions: ['3', '2'] }],
    ['/v2/models/fork/versions/9', 404, { error: "there is no version '9' of model 'fork'" }],
    ['/v2/models/nope', 404, { error: "there is no model 'nope'" }],
    ['/v2/models/nope/ready', 404, { error: "there is no model 'nope'" }],
    ['/v2/models/broken/ready', 503, { name: 'broken', ready: false, reason: 'LoadFailed' }],
    [
      '/v2/health/ready',
      503,
      { ready: false, live: true, error: expect.stringContaining("model 'broken' is not ready: LoadFailed") },
    ],
    ['/nowhere', 404, { error: 'there is nothing at /nowhere' }],
    ['/v2/models/%zz', 400, { error: 'the path of the request is not valid' }],
    ['/v2/models/stats', 200, { model_stats: expect.anything() }],
  ])('GET %s is %d', async (path, status, expected) => {
    const answer = await call(path);
    expect(answer.json).toMatchObject(expected);
    expect(answer.status).toBe(status);
  });

  test('liveness for probes is plain', async () => {
    expect((await call('/healthz')).status).toBe(200);
  });

  test('the index tells each model’s state', async () => {
    const { json } = await post('/v2/repository/index', '');
    expect(json).toContainEqual({ name: 'mlp', version: '1', state: 'READY', reason: '' });
    expect(json).toContainEqual({
      name: 'broken',
      version: '1',
      state: 'UNAVAILABLE',
      reason: expect.stringContaining('LoadFailed: '),
    });
  });

  test.each([
    ['PUT', '/v2/models/mlp/infer', 'POST'],
    ['GET', '/v2/models/mlp/infer', 'POST'],
    ['POST', '/v2/health/ready', 'GET, HEAD'],
    ['DELETE', '/v2/models/mlp', 'GET, HEAD'],
    ['GET', '/v2/repository/index', 'POST'],
  ])('%s %s is 405', async (method, path, allow) => {
    const answer = await call(path, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe(allow);
    expect(answer.json.error).toContain(`${method} is not allowed`);
  });
});

describe('inference', () => {
  test('JSON in, JSON out, id returned, no content type needed', async () => {
    const { status, json, headers } = await post('/v2/models/mlp/infer', { id: 'ü\n"', inputs: [four] });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json');
    expect(json).toMatchObject({ model_name: 'mlp', model_version: '1', id: 'ü\n"' });
    expect(json.outputs[0]).toMatchObject({ name: 'logits', datatype: 'FP32', shape: [1, 3] });
    expect(json.outputs[0].data).toHaveLength(3);
  });

  test('nested and flat data are the same', async () => {
    const flat = await post('/v2/models/mlp/infer', { inputs: [four] });
    const nested = await post('/v2/models/mlp/infer', { inputs: [{ ...four, data: [[1, 2, 3, 4]] }] });
    expect(nested.json).toEqual(flat.json);
  });

  test('binary in and out equals JSON', async () => {
    const message = {
      inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', parameters: { binary_data_size: 16 } }],
      parameters: { binary_data_output: true },
    };
    const head = Buffer.from(JSON.stringify(message));
    const tail = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);
    const headers = { 'Inference-Header-Content-Length': String(head.length) };
    const binary = await post('/v2/models/mlp/infer', Buffer.concat([head, tail]), headers);
    const plain = await post('/v2/models/mlp/infer', { inputs: [four] });
    expect(binary.headers.get('content-type')).toBe('application/octet-stream');
    expect(binary.json.outputs).toEqual([
      { name: 'logits', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } },
    ]);
    const floats = new Float32Array(new Uint8Array(binary.bytes).buffer);
    expect([...floats]).toEqual(plain.json.outputs[0].data);
  });

  test('a raw body', async () => {
    const raw = Buffer.from(Float32Array.of(1, 2, 3, 4, 1, 2, 3, 4).buffer);
    const { json, bytes } = await post('/v2/models/mlp/infer', raw, { 'Inference-Header-Content-Length': '0' });
    expect(json.outputs[0]).toMatchObject({ shape: [2, 3], parameters: { binary_data_size: 24 } });
    expect(bytes.subarray(0, 12).equals(bytes.subarray(12))).toBe(true);
  });

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('a body under %s', async (encoding, compress) => {
    const body = compress(Buffer.from(JSON.stringify({ inputs: [four] })));
    expect((await post('/v2/models/mlp/infer', body, { 'Content-Encoding': encoding })).status).toBe(200);
  });

  test('64-bit integers, strings, halves and flags', async () => {
    const body = '{"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","data":[9223372036854775807,-1]}]}';
    const response = await fetch(`${server.url}/v2/models/long/infer`, { method: 'POST', body });
    expect(await response.text()).toContain('"data":[9223372036854775807,-1]');
    const ask = (model: string, datatype: string, data: unknown[]): Promise<Answer> =>
      post(`/v2/models/${model}/infer`, { inputs: [{ name: 'x', shape: [1, data.length], datatype, data }] });
    expect((await ask('text', 'BYTES', ['ü', 'b'])).json.outputs[0].data).toEqual(['ü', 'b']);
    expect((await ask('half', 'FP16', [0.5, -2])).json.outputs[0].data).toEqual([0.5, -2]);
    expect((await ask('flag', 'BOOL', [true, false])).json.outputs[0].data).toEqual([true, false]);
  });

  test('outputs are those asked for, in that order', async () => {
    const ask = async (outputs: unknown): Promise<unknown[]> => {
      const { json } = await post('/v2/models/fork/infer', { inputs: [two], outputs });
      return json.outputs.map(({ name, data }: any) => [name, ...data]);
    };
    expect(await ask(undefined)).toEqual([
      ['y', 1, 2],
      ['z', -1, -2],
    ]);
    expect(await ask([{ name: 'z' }])).toEqual([['z', -1, -2]]);
    expect(await ask([{ name: 'z' }, { name: 'y' }])).toEqual([
      ['z', -1, -2],
      ['y', 1, 2],
    ]);
  });

  test('versions, names with a space, and queries', async () => {
    const versioned = await post('/v2/models/fork/versions/2/infer', { inputs: [two] });
    expect(versioned.json.model_version).toBe('2');
    expect((await post('/v2/models/fork/infer?x=1', { inputs: [two] })).json.model_version).toBe('3');
    expect((await post('/v2/models/a%20model/infer', { inputs: [two] })).json.model_name).toBe('a model');
  });

  test('no rows give no rows', async () => {
    const { json } = await post('/v2/models/mlp/infer', { inputs: [{ ...four, shape: [0, 4], data: [] }] });
    expect(json.outputs[0]).toMatchObject({ shape: [0, 3], data: [] });
  });

  test('many at once, each gets its own', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        post('/v2/models/a%20model/infer', { id: String(n), inputs: [{ ...two, data: [n, -n] }] }),
      ),
    );
    answers.forEach(({ json }, n) => {
      expect(json.id).toBe(String(n));
      expect(json.outputs[0].data).toEqual([n, n === 0 ? 0 : -n]);
    });
  });
});

describe('bad requests', () => {
  const sized = (size: number): string =>
    JSON.stringify({
      inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', parameters: { binary_data_size: size } }],
    });

  test.each([
    ['an unknown model', 'nope', {}, {}, 404],
    ['an unknown version', 'mlp/versions/7', {}, {}, 404],
    ['a model that is not ready', 'broken', {}, {}, 503],
    ['no body', 'mlp', '', {}, 400],
    ['no JSON', 'mlp', '{', {}, 400],
    ['NaN', 'mlp', '{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[NaN,1,1,1]}]}', {}, 400],
    ['a depth bomb', 'mlp', '['.repeat(500_000), {}, 400],
    ['a missing input', 'mlp', { inputs: [] }, {}, 400],
    ['an unknown input', 'mlp', { inputs: [{ ...four, name: 'y' }] }, {}, 400],
    ['an input twice', 'mlp', { inputs: [four, four] }, {}, 400],
    ['a wrong datatype', 'mlp', { inputs: [{ ...four, datatype: 'INT8' }] }, {}, 400],
    ['a wrong shape', 'mlp', { inputs: [{ ...four, shape: [4, 1] }] }, {}, 400],
    ['a shape of terabytes', 'mlp', { inputs: [{ ...four, shape: [2 ** 34, 4] }] }, {}, 400],
    [
      'a string with NUL',
      'text',
      { inputs: [{ name: 'x', shape: [1, 1], datatype: 'BYTES', data: ['a\0'] }] },
      {},
      400,
    ],
    [
      'an infinite output in JSON',
      'fork',
      { inputs: [{ ...two, data: [1, 3.4e38] }], outputs: [{ name: 'w' }] },
      {},
      400,
    ],
    ['a header beyond the body', 'mlp', { inputs: [four] }, { 'Inference-Header-Content-Length': '9999' }, 400],
    ['a header that is no number', 'mlp', { inputs: [four] }, { 'Inference-Header-Content-Length': 'x' }, 400],
    ['bytes that are missing', 'mlp', sized(16), { 'Inference-Header-Content-Length': String(sized(16).length) }, 400],
    ['a raw body of the wrong size', 'mlp', 'abc', { 'Inference-Header-Content-Length': '0' }, 400],
    ['a body that only claims gzip', 'mlp', { inputs: [four] }, { 'Content-Encoding': 'gzip' }, 400],
    ['an empty body that claims gzip', 'mlp', '', { 'Content-Encoding': 'gzip' }, 400],
    ['an unknown encoding', 'mlp', { inputs: [four] }, { 'Content-Encoding': 'br' }, 415],
    ['a body over the limit', 'mlp', 'x'.repeat((1 << 20) + 1), {}, 413],
    ['a gzip bomb', 'mlp', gzipSync(Buffer.alloc(64 << 20)), { 'Content-Encoding': 'gzip' }, 413],
  ])('%s', async (_what, model, body, headers, status) => {
    const answer = await post(`/v2/models/${model}/infer`, body, headers as Record<string, string>);
    expect(typeof answer.json.error).toBe('string');
    expect(answer.status).toBe(status);
    if (status === 503) expect(answer.headers.get('retry-after')).toBe('1');
    expect((await call('/v2/models/mlp/ready')).status).toBe(200);
  });

  test('a chunked body over the limit is refused while it comes', async () => {
    const chunk = Buffer.alloc(1 << 16, 32);
    const body = (async function* () {
      for (let n = 0; n < 40; n += 1) yield chunk;
    })();
    const answer = await call('/v2/models/mlp/infer', {
      method: 'POST',
      body,
      duplex: 'half',
    } as unknown as RequestInit);
    expect(answer.status).toBe(413);
  });

  test('a caller who leaves in the middle of a body disturbs nobody', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST /v2/models/mlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"inp');
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    expect((await post('/v2/models/mlp/infer', { inputs: [four] })).status).toBe(200);
  });

  test('what is no HTTP is 400', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.end('hello\r\n\r\n');
    const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });
});

describe('limits and metrics', () => {
  test('a full queue is 429 with Retry-After', async () => {
    const small = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) }, { queueLimit: 1, maxBatch: 1 });
    const body = JSON.stringify({ inputs: [four] });
    const asks = Array.from({ length: 64 }, () => fetch(`${small.url}/v2/models/mlp/infer`, { method: 'POST', body }));
    const answers = await Promise.all(asks);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.filter(({ status }) => status === 200).length + refused.length).toBe(64);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.headers.get('retry-after')).toBe('1');
    expect(await refused[0]!.json()).toEqual({ error: 'the queue of this model is full' });
    await small.stop();
  });

  test('requests are counted under Triton’s names', async () => {
    const before = await counted();
    await post('/v2/models/mlp/infer', { inputs: [{ ...four, shape: [2, 4], data: [1, 2, 3, 4, 5, 6, 7, 8] }] });
    const after = await counted();
    expect(after('nv_inference_request_success') - before('nv_inference_request_success')).toBe(1);
    expect(after('nv_inference_count') - before('nv_inference_count')).toBe(2);
    expect(after('nv_inference_exec_count') - before('nv_inference_exec_count')).toBe(1);
    expect(after('limbeck_batch_rows_count') - before('limbeck_batch_rows_count')).toBe(1);
    for (const name of [
      'nv_inference_queue_duration_us',
      'nv_inference_compute_infer_duration_us',
      'nv_inference_request_duration_us',
      'limbeck_model_load_seconds',
    ]) {
      expect(after(name)).toBeGreaterThan(0);
    }
    for (const name of [
      'nv_inference_pending_request_count',
      'nv_inference_request_failure',
      'limbeck_worker_deaths_total',
    ]) {
      expect(after(name)).toBe(0);
    }
    expect(after('limbeck_model_ready')).toBe(1);
    expect(after('limbeck_execution_provider_info')).toBe(1);
  });

  /** Values of the mlp model's series by name. */
  async function counted(): Promise<(name: string) => number> {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return (name) => {
      const line = text
        .split('\n')
        .find((candidate) => candidate.startsWith(`${name}{`) && candidate.includes('model="mlp"'));
      return Number(line?.split(' ').at(-1));
    };
  }

  test('statistics in Triton’s form', async () => {
    const { json } = await call('/v2/models/mlp/stats');
    expect(json.model_stats).toHaveLength(1);
    expect(json.model_stats[0]).toMatchObject({
      name: 'mlp',
      version: '1',
      inference_stats: { success: { count: expect.any(Number) } },
    });
    expect(json.model_stats[0].inference_count).toBeGreaterThan(0);
  });
});

describe('draining', () => {
  test('not ready at once, still answering, and every connection is asked to close', async () => {
    const draining = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) });
    draining.drain();
    const ready = await fetch(`${draining.url}/v2/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ ready: false, error: 'the server is stopping' });
    expect((await fetch(`${draining.url}/v2/models/mlp/ready`)).status).toBe(503);
    const answer = await fetch(`${draining.url}/v2/models/mlp/infer`, {
      method: 'POST',
      body: JSON.stringify({ inputs: [four] }),
    });
    expect(answer.status).toBe(200);
    for (const { headers } of [ready, answer]) expect(headers.get('connection')).toBe('close');
    await draining.stop();
  });
});
