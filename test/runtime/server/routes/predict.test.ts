import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { call, post } from '../../../support/http-caller.ts';
import { identityModel, mlpModel, onnxModel } from '../../../support/onnx-model.ts';
import { serveModels, type LiveServer } from '../../../support/model-server.ts';

let server: LiveServer;

const value = (name: string) => ({ name, type: 'FP32' as const, shape: ['batch', 2] });

beforeAll(async () => {
  server = await serveModels({
    'mlp/model.onnx': mlpModel([4, 8, 3]),
    'long/model.onnx': identityModel('INT64'),
    'text/model.onnx': identityModel('BYTES', ['batch']),
    'cube/model.onnx': identityModel('FP32', ['batch', 'a', 'b']),
    'both/model.onnx': onnxModel({
      inputs: [value('a'), value('b')],
      outputs: [value('sum'), value('difference')],
      nodes: [
        { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
        { op: 'Sub', inputs: ['a', 'b'], outputs: ['difference'] },
      ],
    }),
    'least/model.onnx': onnxModel({
      inputs: [value('a')],
      outputs: [{ name: 'y', type: 'FP32', shape: ['other', 1] }],
      nodes: [{ op: 'ReduceMax', inputs: ['a'], outputs: ['y'] }],
    }),
  });
});

afterAll(() => server.stop());

const predict = async (model: string, body: unknown): Promise<{ status: number; text: string }> => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}/v1/models/${model}:predict`, { method: 'POST', body: text });
  return { status: response.status, text: await response.text() };
};

describe('predictions', () => {
  test.each([
    ['text', { instances: ['ü', 'b'] }, '{"predictions":["ü","b"]}'],
    ['text', { inputs: ['a'] }, '{"predictions":["a"]}'],
    ['text', { instances: [{ x: 'a' }] }, '{"predictions":["a"]}'],
    ['text', { instances: [{ b64: 'w7w=' }, 'b', { b64: '' }] }, '{"predictions":["ü","b",""]}'],
    ['text', { instances: [{ x: { b64: 'YQ==' } }] }, '{"predictions":["a"]}'],
    ['cube', { instances: [[[1, 2, 3]], [[4, 5, 6]]] }, '{"predictions":[[[1,2,3]],[[4,5,6]]]}'],
    ['long', '{"instances":[[9223372036854775807,-1]]}', '{"predictions":[[9223372036854775807,-1]]}'],
    ['long', { instances: [] }, '{"predictions":[]}'],
    [
      'both',
      {
        instances: [
          { a: [1, 2], b: [3, 4] },
          { a: [5, 6], b: [7, 9] },
        ],
      },
      '{"predictions":[{"sum":[4,6],"difference":[-2,-2]},{"sum":[12,15],"difference":[-2,-3]}]}',
    ],
  ])('%s %j', async (model, body, expected) => {
    expect(await predict(model, body)).toEqual({ status: 200, text: expected });
  });

  test('are the numbers of the other protocol', async () => {
    const rows = [
      [1, 2, 3, 4],
      [0, 0, 0, 1],
    ];
    const input = { name: 'x', shape: [2, 4], datatype: 'FP32', data: rows };
    const { json } = await post(`${server.url}/v2/models/mlp/infer`, { inputs: [input] });
    const { text } = await predict('mlp', { instances: rows });
    expect((JSON.parse(text) as { predictions: number[][] }).predictions.flat()).toEqual(json.outputs[0]!.data);
  });
});

describe('mistakes', () => {
  test.each<[string, string, unknown, number]>([
    ['no such model', 'nope', { instances: [] }, 404],
    ['no JSON', 'mlp', '{', 400],
    ['no object', 'mlp', [], 400],
    ['no instances', 'mlp', {}, 400],
    ['instances that are no list', 'mlp', { instances: 1 }, 400],
    ['rows of different lengths', 'mlp', { instances: [[1, 2, 3, 4], [1]] }, 400],
    ['rows too short', 'mlp', { instances: [[1]] }, 400],
    ['rows too deep', 'mlp', { instances: [[[1, 2, 3, 4]]] }, 400],
    ['words for numbers', 'mlp', { instances: [['a', 'b', 'c', 'd']] }, 400],
    ['an input that is missing', 'both', { instances: [{ a: [1, 2] }] }, 400],
    ['an input that is unknown', 'both', { instances: [{ a: [1, 2], b: [1, 2], c: [1, 2] }] }, 400],
    ['rows without names', 'both', { instances: [[1, 2]] }, 400],
    [
      'an output that has no rows',
      'least',
      {
        instances: [
          [1, 2],
          [3, 4],
        ],
      },
      400,
    ],
  ])('%s', async (_what, model, body, status) => {
    const answer = await predict(model, body);
    expect(answer.status).toBe(status);
    expect(typeof (JSON.parse(answer.text) as { error: unknown }).error).toBe('string');
  });

  test.each([
    ['mlp', { inputs: { x: [[1, 2, 3, 4]] } }, "'inputs' is not a list of rows"],
    ['mlp', { instances: 1 }, "'instances' is not a list of rows"],
    ['text', { instances: [{ b64: '/w==' }] }, "input 'x' holds something else than base64 of UTF-8"],
    ['text', { instances: [{ b64: '%%' }] }, "input 'x' holds something else than base64 of UTF-8"],
    ['mlp', { instances: [{ b64: 'YQ==' }] }, "the model has no input 'b64'"],
  ])('%s %j is told by its own words', async (model, body, error) => {
    const { status, text } = await predict(model, body);
    expect([status, JSON.parse(text)]).toEqual([400, { error }]);
  });

  test('GET is 405', async () => {
    const answer = await call(`${server.url}/v1/models/mlp:predict`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

test.each([
  ['/', 200, { status: 'alive' }],
  ['/v1/models', 200, { models: ['both', 'cube', 'least', 'long', 'mlp', 'text'] }],
  ['/v1/models/mlp', 200, { name: 'mlp', ready: true }],
  ['/v1/models/nope', 404, { error: { message: "there is no model 'nope'", code: 'not_found' } }],
])('GET %s is %d', async (path, status, expected) => {
  const answer = await call(server.url + path);
  expect(answer.json).toMatchObject(expected);
  expect(answer.status).toBe(status);
});
