import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { targetOf } from '../../../../runtime/server/routes/infer.ts';
import { callerOf, type Answer } from '../../../support/http-caller.ts';
import { identityModel, maskModel, mlpModel, onnxModel, type Value } from '../../../support/onnx-model.ts';
import { serveModels, type LiveServer } from '../../../support/model-server.ts';

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
    { wait: 'decided' },
  );
});

afterAll(() => server.stop());

const { call, post } = callerOf(() => server.url);

const four = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] };
const two = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };

describe('paths', () => {
  test.each([
    ['/v2/models/a%20model/infer', { name: 'a model', version: undefined }],
    ['/v2/models/m/versions/2/infer?x=1', { name: 'm', version: '2' }],
    ['http://a.proxy:80/v2/models/m/infer', { name: 'm', version: undefined }],
    ['/v2/models/%zz/infer', { name: '%zz', version: undefined }],
    ['/v2/models/m/infer/', undefined],
    ['/v2/models//infer', undefined],
    ['/v2/models/../infer/x', undefined],
    ['//v2/models/m/infer', undefined],
  ])('%s', (url, target) => expect(targetOf(url)).toEqual(target));
});

describe('inference', () => {
  test('JSON in, JSON out, id returned, no content type needed', async () => {
    const { status, json, headers } = await post('/v2/models/mlp/infer', { id: 'ü\n"', inputs: [four] });
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/json');
    expect(json).toMatchObject({ model_name: 'mlp', model_version: '1', id: 'ü\n"' });
    expect(json.outputs[0]).toMatchObject({ name: 'logits', datatype: 'FP32', shape: [1, 3] });
    expect(json.outputs[0]!.data).toHaveLength(3);
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
    expect([...floats]).toEqual(plain.json.outputs[0]!.data);
  });

  test('a raw body', async () => {
    const raw = Buffer.from(Float32Array.of(1, 2, 3, 4, 1, 2, 3, 4).buffer);
    const { json, bytes } = await post('/v2/models/mlp/infer', raw, { 'Inference-Header-Content-Length': '0' });
    expect(json.outputs[0]).toMatchObject({ shape: [2, 3], parameters: { binary_data_size: 24 } });
    expect(bytes.subarray(0, 12).equals(bytes.subarray(12))).toBe(true);
  });

  test.each([
    ['gzip', gzipSync],
    ['GZIP', gzipSync],
    ['deflate', deflateSync],
  ])('a body under %s', async (encoding, compress) => {
    const body = compress(Buffer.from(JSON.stringify({ inputs: [four] })));
    expect((await post('/v2/models/mlp/infer', body, { 'Content-Encoding': encoding })).status).toBe(200);
  });

  test.each(['gzip', 'deflate'])('an answer under %s, when asked for and worth it', async (coding) => {
    const rows = 200;
    const many = { ...four, shape: [rows, 4], data: new Array(rows * 4).fill(1) };
    const headers = { 'Accept-Encoding': coding };
    const plain = await post('/v2/models/mlp/infer', { inputs: [many] }, { 'Accept-Encoding': 'identity' });
    const packed = await post('/v2/models/mlp/infer', { inputs: [many] }, headers);
    expect(packed.headers.get('content-encoding')).toBe(coding);
    expect(packed.json).toEqual(plain.json);
    const message = { inputs: [many], parameters: { binary_data_output: true } };
    const binary = await post('/v2/models/mlp/infer', message, headers);
    expect(binary.headers.get('content-encoding')).toBe(coding);
    expect(binary.bytes).toHaveLength(rows * 3 * 4);
    const small = await post('/v2/models/mlp/infer', { inputs: [four] }, headers);
    expect(small.headers.get('content-encoding')).toBeNull();
  });

  test('64-bit integers, strings, halves and flags', async () => {
    const body = '{"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","data":[9223372036854775807,-1]}]}';
    const response = await fetch(`${server.url}/v2/models/long/infer`, { method: 'POST', body });
    expect(await response.text()).toContain('"data":[9223372036854775807,-1]');
    const ask = (model: string, datatype: string, data: unknown[]): Promise<Answer> =>
      post(`/v2/models/${model}/infer`, { inputs: [{ name: 'x', shape: [1, data.length], datatype, data }] });
    expect((await ask('text', 'BYTES', ['ü', 'b'])).json.outputs[0]!.data).toEqual(['ü', 'b']);
    expect((await ask('half', 'FP16', [0.5, -2])).json.outputs[0]!.data).toEqual([0.5, -2]);
    expect((await ask('flag', 'BOOL', [true, false])).json.outputs[0]!.data).toEqual([true, false]);
  });

  test('outputs are those asked for, in that order', async () => {
    const ask = async (outputs: unknown): Promise<unknown> => {
      const { json } = await post('/v2/models/fork/infer', { inputs: [two], outputs });
      return json.outputs.map(({ name, data }) => [name, ...data]);
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
      expect(json.outputs[0]!.data).toEqual([n, n === 0 ? 0 : -n]);
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
    const answer = await post(`/v2/models/${model}/infer`, body, headers);
    expect(typeof answer.json.error).toBe('string');
    expect(answer.status).toBe(status);
    if (status === 503) expect(answer.headers.get('retry-after')).toBe('1');
    expect((await call('/v2/models/mlp/ready')).status).toBe(200);
  });
});

test('a server that takes short sequences refuses longer ones, and takes as many rows as before', async () => {
  const brief = await serveModels({ 'open/model.onnx': identityModel('FP32') }, { maxSequenceLength: 2 });
  const infer = (shape: readonly [number, number]): Promise<Answer> => {
    const data = new Array<number>(shape[0] * shape[1]).fill(1);
    const inputs = [{ name: 'x', datatype: 'FP32', shape, data }];
    return callerOf(() => brief.url).post('/v2/models/open/infer', { inputs });
  };
  try {
    expect((await infer([5, 2])).status).toBe(200);
    const refused = await infer([1, 3]);
    expect(refused.status).toBe(400);
    expect(refused.json).toEqual({ error: "input 'x' has shape [1,3], and no more than 2 are taken there" });
  } finally {
    await brief.stop();
  }
});

test('of a model that makes squares of lengths no caller gets more memory than there is, least of all without data', async () => {
  const small = await serveModels({ 'mask/model.onnx': maskModel() }, { memoryBytes: 2 ** 30 });
  const infer = async (shape: readonly [number, number]): Promise<readonly unknown[]> => {
    const data = new Array<number>(shape[0] * shape[1]).fill(7);
    const inputs = [{ name: 'x', datatype: 'INT64', shape, data }];
    const { status, json } = await callerOf(() => small.url).post('/v2/models/mask/infer', { inputs });
    return [status, status === 200 ? json.outputs : json.error];
  };
  const taken = (shape: readonly number[], data: readonly number[]) => [
    200,
    [expect.objectContaining({ shape, data })],
  ];
  try {
    expect(await infer([1, 3])).toEqual(taken([1, 3], [7, 7, 7]));
    for (const shape of [
      [0, 0],
      [0, 16],
      [16, 0],
    ] as const)
      expect(await infer(shape)).toEqual(taken(shape, []));
    expect(await infer([1, 4097])).toEqual([
      400,
      expect.stringMatching(/^input 'x' has shape \[1,4097\], .*than 4096/),
    ]);
    expect(await infer([0, 4097])).toEqual([
      400,
      expect.stringMatching(/\[0,4097\] without elements, .*than 4096 are/),
    ]);
  } finally {
    await small.stop();
  }
});
