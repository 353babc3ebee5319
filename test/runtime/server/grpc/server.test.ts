import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { grpcCaller, type GrpcCaller } from '../../../support/grpc-caller.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { identityModel, mlpModel, type ElementType } from '../../../support/onnx-model.ts';

let server: LiveServer;
let grpc: GrpcCaller;

const types = ['BOOL', 'INT8', 'INT32', 'INT64', 'UINT8', 'UINT64', 'FP32', 'FP64', 'BYTES', 'FP16'] as const;

beforeAll(async () => {
  const identities = types.map((type) => [`id_${type}/model.onnx`, identityModel(type as ElementType)] as const);
  server = await serveModels(
    { ...Object.fromEntries(identities), 'mlp/model.onnx': mlpModel([4, 8, 3]), 'broken/model.onnx': 'not a model' },
    { modelControl: 'explicit', wait: 'decided' },
  );
  grpc = grpcCaller(server.grpc.port);
});

afterAll(async () => {
  grpc.close();
  await server.stop();
});

const four = {
  name: 'x',
  datatype: 'FP32',
  shape: [1, 4],
  contents: { fp32_contents: [1, 2, 3, 4] },
};
const infer = (model_name: string, inputs: object[], rest: object = {}) =>
  grpc.call('ModelInfer', { model_name, inputs, ...rest });

describe('server and models', () => {
  test.each([
    ['ServerLive', {}, { live: true }],
    ['ServerReady', {}, { ready: false }],
    ['ModelReady', { name: 'mlp' }, { ready: true }],
    ['ModelReady', { name: 'broken' }, { ready: false }],
    ['ModelReady', { name: 'nope' }, { ready: false }],
    ['ModelReady', { name: 'mlp', version: '9' }, { ready: false }],
    ['ServerMetadata', {}, { name: 'limbeck', version: 'test', extensions: expect.arrayContaining(['statistics']) }],
    [
      'ModelMetadata',
      { name: 'mlp', version: '1' },
      {
        name: 'mlp',
        versions: ['1'],
        platform: 'onnx_onnxv1',
        inputs: [{ name: 'x', datatype: 'FP32', shape: ['-1', '4'] }],
        outputs: [{ name: 'logits', datatype: 'FP32', shape: ['-1', '3'] }],
      },
    ],
    [
      'ModelConfig',
      { name: 'mlp' },
      {
        config: {
          name: 'mlp',
          backend: 'onnxruntime',
          input: [{ name: 'x', data_type: 'TYPE_FP32', dims: ['-1', '4'] }],
          instance_group: [{ name: 'mlp', kind: 'KIND_CPU', count: 1 }],
        },
      },
    ],
    ['ModelStatistics', { name: 'mlp' }, { model_stats: [{ name: 'mlp', version: '1' }] }],
    ['RepositoryIndex', { ready: true }, { models: expect.not.arrayContaining([{ name: 'broken' }]) }],
  ])('%s %j', async (method, request, expected) => {
    const { error, message } = await grpc.call(method, request);
    expect(error).toBeUndefined();
    expect(message).toMatchObject(expected);
  });

  test('a model is unloaded and loaded, in either dialect of the request', async () => {
    expect((await grpc.call('RepositoryModelUnload', { model_name: 'mlp' })).error).toBeUndefined();
    expect((await infer('mlp', [four])).error?.code).toBe(status.NOT_FOUND);
    expect((await grpc.call('RepositoryModelLoad', { repository_name: 'mlp' })).message).toEqual({
      model_name: 'mlp',
      is_loaded: true,
    });
    expect((await infer('mlp', [four])).error).toBeUndefined();
  });

  test.each([
    ['RepositoryModelLoad', 'config', { string_param: '{}' }],
    ['RepositoryModelLoad', 'file:1/model.onnx', { bytes_param: Buffer.from('a') }],
    ['RepositoryModelUnload', 'unload_dependents', { string_param: 'true' }],
    ['RepositoryModelUnload', 'unload_dependents', {}],
  ])('%s with the parameter %s of %j is refused by its name', async (method, name, value) => {
    const { error } = await grpc.call(method, { model_name: 'mlp', parameters: { [name]: value } });
    expect(error).toMatchObject({ code: status.INVALID_ARGUMENT, details: expect.stringContaining(`'${name}'`) });
    expect((await infer('mlp', [four])).error).toBeUndefined();
  });

  test('whether dependents go, too, may be said', async () => {
    const parameters = { unload_dependents: { bool_param: false } };
    expect((await grpc.call('RepositoryModelUnload', { model_name: 'mlp', parameters })).error).toBeUndefined();
    expect((await grpc.call('RepositoryModelLoad', { model_name: 'mlp' })).error).toBeUndefined();
  });
});

describe('inference', () => {
  test('typed contents in, typed contents out, id returned', async () => {
    const { message } = await infer('mlp', [four], { id: 'a' });
    expect(message).toMatchObject({ model_name: 'mlp', model_version: '1', id: 'a' });
    const [output] = message['outputs'] as unknown as { shape: string[]; contents: { fp32_contents: number[] } }[];
    expect(output!.shape).toEqual(['1', '3']);
    expect(output!.contents.fp32_contents).toHaveLength(3);
  });

  test('raw in, raw out, the same numbers', async () => {
    const typed = await infer('mlp', [four]);
    const head = { ...four, contents: undefined };
    const raw = await infer('mlp', [head], { raw_input_contents: [Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)] });
    const [bytes] = raw.message['raw_output_contents'] as unknown as Buffer[];
    const [output] = typed.message['outputs'] as unknown as { contents: { fp32_contents: number[] } }[];
    expect([...new Float32Array(new Uint8Array(bytes!).buffer)]).toEqual(output!.contents.fp32_contents);
  });

  test.each([
    ['BOOL', { bool_contents: [true, false] }],
    ['INT8', { int_contents: [-128, 127] }],
    ['INT32', { int_contents: [-2147483648, 2147483647] }],
    ['INT64', { int64_contents: ['-9223372036854775808', '9007199254740993'] }],
    ['UINT8', { uint_contents: [0, 255] }],
    ['UINT64', { uint64_contents: ['18446744073709551615', '0'] }],
    ['FP32', { fp32_contents: [0.5, -Infinity] }],
    ['FP64', { fp64_contents: [0.1, NaN] }],
    ['BYTES', { bytes_contents: [Buffer.from('ü'), Buffer.from('')] }],
  ])('%s comes back as it went', async (datatype, contents) => {
    const { error, message } = await infer(`id_${datatype}`, [{ name: 'x', datatype, shape: [1, 2], contents }]);
    expect(error).toBeUndefined();
    expect(message['outputs']).toMatchObject([{ name: 'y', datatype, contents }]);
  });

  test.each([
    ['half a letter where it is cut', `${'a'.repeat(199)}😀`],
    ['half a letter', 'a\ud83d'],
    ['more letters than a header has room for', '😀'.repeat(100_000)],
  ])('a name with %s is refused in a sentence', async (_, name) => {
    for (const call of [
      infer('mlp', [{ ...four, name }]),
      infer(name, [four]),
      infer('mlp', [{ ...four, datatype: name }]),
    ])
      expect((await call).error).toMatchObject({ details: expect.stringMatching(/^.{10,1000}$/su) as unknown });
    expect((await infer('mlp', [four])).error).toBeUndefined();
  });

  test('halves travel as bytes', async () => {
    const bytes = Buffer.from(Uint16Array.of(0x3c00, 0xc000).buffer);
    const input = { name: 'x', datatype: 'FP16', shape: [1, 2] };
    expect((await infer('id_FP16', [input], { raw_input_contents: [bytes] })).message['raw_output_contents']).toEqual([
      bytes,
    ]);
    const typed = await infer('id_FP16', [{ ...input, contents: { fp32_contents: [1, 2] } }]);
    expect(typed.error?.details).toContain('raw_input_contents alone');
  });
});

test('a message counts as a body, until it is answered', async () => {
  const files = { 'm/model.onnx': identityModel('FP32') };
  const narrow = await serveModels(files, { maxBodiesBytes: 1 << 20, maxBodyBytes: 1 << 20 });
  const caller = grpcCaller(narrow.grpc.port);
  const call = async (width: number) => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, width] }];
    const raw_input_contents = [Buffer.alloc(4 * width)];
    return (await caller.call('ModelInfer', { model_name: 'm', inputs, raw_input_contents })).error?.code;
  };
  // Another request has sent most of its body.
  const socket = connect(narrow.port, '127.0.0.1');
  try {
    socket.write('POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n');
    socket.write(Buffer.alloc(599_999));
    await until(async () => (await call(125_000)) === status.UNAVAILABLE);
    expect(await call(1)).toBeUndefined();
    socket.destroy();
    await until(async () => (await call(125_000)) === undefined);
    for (let round = 0; round < 4; round += 1) expect(await call(125_000)).toBeUndefined();
  } finally {
    socket.destroy();
    caller.close();
    await narrow.stop();
  }
});

describe('a message that takes far more than it is', () => {
  const kinds: readonly [string, object[], object][] = [
    ['64-bit integers', [{ ...four, contents: { int64_contents: new Array<string>(200_000).fill('1') } }], {}],
    ['inputs', new Array<object>(100_000).fill({}), {}],
    [
      'pieces',
      [{ ...four, contents: undefined }],
      { raw_input_contents: new Array<Buffer>(100_000).fill(Buffer.of()) },
    ],
  ];

  test.each(kinds)('once it is decoded, %s, is refused before it is', async (_what, inputs, rest) => {
    const narrow = await serveModels({ 'm/model.onnx': identityModel('FP32') }, { maxBodiesBytes: 8 << 20 });
    const caller = grpcCaller(narrow.grpc.port);
    try {
      const { error } = await caller.call('ModelInfer', { model_name: 'm', inputs, ...rest });
      expect(error).toMatchObject({
        code: status.RESOURCE_EXHAUSTED,
        details: expect.stringContaining('takes more than 8388608 bytes once it is decoded') as unknown,
      });
    } finally {
      caller.close();
      await narrow.stop();
    }
  });
});

describe('mistakes', () => {
  test.each<[string, string, object[], object, number]>([
    ['no such model', 'nope', [four], {}, status.NOT_FOUND],
    ['no such version', 'mlp', [four], { model_version: '7' }, status.NOT_FOUND],
    ['a model that did not load', 'broken', [four], {}, status.UNAVAILABLE],
    ['no input', 'mlp', [], {}, status.INVALID_ARGUMENT],
    ['an unknown input', 'mlp', [{ ...four, name: 'z' }], {}, status.INVALID_ARGUMENT],
    ['an input twice', 'mlp', [four, four], {}, status.INVALID_ARGUMENT],
    ['a wrong datatype', 'mlp', [{ ...four, datatype: 'FP64' }], {}, status.INVALID_ARGUMENT],
    ['a shape of terabytes', 'mlp', [{ ...four, shape: [2 ** 34, 4] }], {}, status.INVALID_ARGUMENT],
    ['a negative length', 'mlp', [{ ...four, shape: [-1, 4] }], {}, status.INVALID_ARGUMENT],
    ['too few elements', 'mlp', [{ ...four, contents: { fp32_contents: [1] } }], {}, status.INVALID_ARGUMENT],
    ['the wrong list', 'mlp', [{ ...four, contents: { fp64_contents: [1, 2, 3, 4] } }], {}, status.INVALID_ARGUMENT],
    ['no contents', 'mlp', [{ ...four, contents: {} }], {}, status.INVALID_ARGUMENT],
    ['typed and raw', 'mlp', [four], { raw_input_contents: [Buffer.alloc(16)] }, status.INVALID_ARGUMENT],
    [
      'raw of another length',
      'mlp',
      [{ ...four, contents: undefined }],
      { raw_input_contents: [Buffer.alloc(15)] },
      status.INVALID_ARGUMENT,
    ],
    [
      'too many raws',
      'mlp',
      [{ ...four, contents: undefined }],
      { raw_input_contents: [Buffer.alloc(16), Buffer.alloc(1)] },
      status.INVALID_ARGUMENT,
    ],
    ['an unknown output', 'mlp', [four], { outputs: [{ name: 'z' }] }, status.INVALID_ARGUMENT],
    ['an output twice', 'mlp', [four], { outputs: [{ name: 'logits' }, { name: 'logits' }] }, status.INVALID_ARGUMENT],
    [
      'shared memory',
      'mlp',
      [four],
      { outputs: [{ name: 'logits', parameters: { shared_memory_region: { string_param: 'r' } } }] },
      status.INVALID_ARGUMENT,
    ],
    [
      'a message over the limit',
      'mlp',
      [four],
      { raw_input_contents: [Buffer.alloc(2 << 20)] },
      status.RESOURCE_EXHAUSTED,
    ],
  ])('%s', async (_what, model, inputs, rest, code) => {
    const { error } = await infer(model, inputs, rest);
    expect(error?.code).toBe(code);
    expect(error?.details).not.toBe('');
    if (model === 'broken') expect(error?.metadata.get('retry-after')).toEqual(['1']);
    expect((await grpc.call('ServerLive')).message).toEqual({ live: true });
  });

  test('metadata of a stranger is NOT_FOUND', async () => {
    const { error } = await grpc.call('ModelMetadata', { name: 'nope' });
    expect(error).toMatchObject({ code: status.NOT_FOUND, details: "there is no model 'nope'" });
  });
});
