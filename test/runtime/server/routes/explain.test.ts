import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { serveModels, type LiveServer } from '../../../support/model-server.ts';
import { mlpModel, onnxModel, type Graph } from '../../../support/onnx-model.ts';

/** y = w x + 3, for two classes. */
const linear: Graph = {
  inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 3] }],
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 2] }],
  weights: [
    { name: 'w', shape: [3, 2], data: Float32Array.of(1, -1, 2, -2, 4, 0) },
    { name: 'b', shape: [2], data: Float32Array.of(3, 3) },
  ],
  nodes: [
    { op: 'MatMul', inputs: ['x', 'w'], outputs: ['p'] },
    { op: 'Add', inputs: ['p', 'b'], outputs: ['y'] },
  ],
};

/** y = a b: what two inputs do together. */
const product: Graph = {
  inputs: ['a', 'b'].map((name) => ({ name, type: 'FP32', shape: ['batch', 1] })),
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
  nodes: [{ op: 'Mul', inputs: ['a', 'b'], outputs: ['y'] }],
};

/** y = the product of the two columns of x. */
const pair: Graph = {
  inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 2] }],
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
  nodes: [{ op: 'ReduceProd', inputs: ['x'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } }],
};

/** y = the sum of the weights of the tokens. */
const tokens: Graph = {
  inputs: [{ name: 'input_ids', type: 'INT64', shape: ['batch', 'tokens'] }],
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
  weights: [{ name: 'w', shape: [4], data: Float32Array.of(0, 1, 10, -5) }],
  nodes: [
    { op: 'Gather', inputs: ['w', 'input_ids'], outputs: ['g'] },
    { op: 'ReduceMean', inputs: ['g'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } },
  ],
};

/** y = the mean of an image. */
const image: Graph = {
  inputs: [{ name: 'image', type: 'FP32', shape: ['batch', 1, 'height', 'width'] }],
  outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1] }],
  nodes: [
    { op: 'ReduceMean', inputs: ['image'], outputs: ['m'], attributes: { axes: [1, 2], keepdims: 0 } },
    { op: 'ReduceMean', inputs: ['m'], outputs: ['y'], attributes: { axes: [1], keepdims: 1 } },
  ],
};

const labelled = onnxModel(linear);
const manifest = JSON.stringify({
  manifestVersion: 'v1',
  sha256: createHash('sha256').update(labelled).digest('hex'),
  ...{ sizeBytes: labelled.length, opset: 17, task: 'classification', labels: ['cat', 'dog'], baseline: [1, 1, 2] },
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
});

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({
    'linear/model.onnx': onnxModel(linear),
    'labelled/model.onnx': labelled,
    'labelled/manifest.json': manifest,
    'product/model.onnx': onnxModel(product),
    'pair/model.onnx': onnxModel(pair),
    'tokens/model.onnx': onnxModel(tokens),
    'image/model.onnx': onnxModel(image),
    'mlp/model.onnx': mlpModel([6, 16, 3]),
    'fixed/model.onnx': onnxModel({ ...pair, inputs: [{ name: 'x', type: 'FP32', shape: [3, 2] }] }),
    'cube/model.onnx': onnxModel({
      inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 1, 1] }],
      outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1, 1] }],
      nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
    }),
  });
});

afterAll(() => server.stop());

interface Explained {
  readonly target: number;
  readonly label?: string;
  readonly value: number;
  readonly baseline_value: number;
  readonly gap: number;
  readonly attributions: readonly number[];
}

async function explain(model: string, rows: readonly (readonly number[])[], parameters: object = {}) {
  const inputs = [inputOf(model, rows)];
  return send(model, { id: 'e', inputs, parameters });
}

function inputOf(model: string, rows: readonly (readonly number[])[]): object {
  const [row = []] = rows;
  const data = rows.flat();
  if (model === 'image') return { name: 'image', datatype: 'FP32', shape: [rows.length, 1, 2, 4], data };
  if (model === 'tokens') return { name: 'input_ids', datatype: 'INT64', shape: [rows.length, row.length], data };
  return { name: 'x', datatype: 'FP32', shape: [rows.length, row.length], data };
}

async function send(model: string, body: unknown, init: RequestInit = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}/v2/models/${model}/explain`, { method: 'POST', body: text, ...init });
  const json = (await response.json()) as Record<string, unknown> & { readonly error?: string };
  return { status: response.status, json, rows: (json['explanations'] ?? []) as readonly Explained[] };
}

describe('a linear model', () => {
  const row = [1, 2, 3];

  test.each([{ method: 'occlusion' }, { method: 'integrated', steps: 4 }])(
    'is explained by its weights: %j',
    async (parameters) => {
      const { status, json, rows } = await explain('linear', [row], parameters);
      expect({ status, ...json, explanations: undefined }).toEqual({
        ...{ status: 200, id: 'e', model_name: 'linear', model_version: '1', input: 'x', output: 'y', ...parameters },
      });
      expect(rows).toEqual([{ target: 0, value: 20, baseline_value: 3, gap: 0, attributions: [1, 4, 12] }]);
    },
  );

  test('of another class, and of a class for each row', async () => {
    const [other] = (await explain('linear', [row], { target: 1 })).rows;
    expect(other).toMatchObject({ target: 1, value: -2, attributions: [-1, -4, 0] });
    const each = (await explain('linear', [row, [0, 1, 0]], { target: [1, 0] })).rows;
    expect(each.map(({ target, attributions }) => [target, attributions])).toEqual([
      [1, [-1, -4, 0]],
      [0, [0, 2, 0]],
    ]);
  });

  test('from another baseline', async () => {
    const { rows } = await explain('linear', [row], { baseline: [1, 0, 2] });
    expect(rows[0]).toMatchObject({ baseline_value: 12, attributions: [0, 4, 4], gap: 0 });
  });

  test('by the labels and the baseline of its manifest', async () => {
    const { rows } = await explain('labelled', [row], { target: 'dog' });
    expect(rows[0]).toMatchObject({ target: 1, label: 'dog', baseline_value: 0, attributions: [0, -2, 0] });
    const strange = await explain('labelled', [row], { target: 'cow' });
    expect(strange).toMatchObject({ status: 400, json: { error: expect.stringContaining("the class 'cow'") } });
  });

  test('by more rows than one batch has', async () => {
    const many = Array.from({ length: 150 }, (_, index) => [index + 1, 1, 1]);
    const { rows } = await explain('linear', many, { target: 0 });
    expect(rows.map(({ attributions }) => attributions)).toEqual(many.map(([first]) => [first, 2, 4]));
  });

  test('whose row is its baseline has nothing to explain', async () => {
    const { rows } = await explain('linear', [[0, 0, 0]]);
    expect(rows[0]).toMatchObject({ value: 3, gap: 0, attributions: [0, 0, 0] });
  });

  test('by no rows', async () => {
    expect(await explain('linear', [])).toMatchObject({ status: 400 });
    const none = { inputs: [{ name: 'x', datatype: 'FP32', shape: [0, 3], data: [] }] };
    expect(await send('linear', none)).toMatchObject({ status: 200, rows: [] });
  });

  test('by empty ones, of which no data bound the shape', async () => {
    const of = (shape: number[]) => ({ inputs: [{ name: 'image', datatype: 'FP32', shape, data: [] }] });
    expect(await send('image', of([0, 1, 2 ** 36, 2 ** 36]))).toMatchObject({ status: 200, rows: [] });
    expect(await send('image', of([1, 1, 2 ** 36, 0]))).toMatchObject({ status: 400 });
  });
});

describe('completeness', () => {
  test('what two columns do together is shared on the way, and counted twice or not at all by occlusion', async () => {
    const [way] = (await explain('pair', [[2, 3]], { method: 'integrated' })).rows;
    expect(way).toMatchObject({ value: 6, attributions: [3, 3], gap: 0 });
    const [occluded] = (await explain('pair', [[2, 3]])).rows;
    expect(occluded).toMatchObject({ attributions: [6, 6], gap: -6 });
  });

  test('the attributions of a network add up to the difference that they explain, the better the more steps', async () => {
    const rows = Array.from({ length: 8 }, (_, row) => Array.from({ length: 6 }, (__, at) => Math.sin(row * 6 + at)));
    const gaps = async (steps: number): Promise<number> => {
      const found = (await explain('mlp', rows, { method: 'integrated', steps })).rows;
      for (const { value, baseline_value: base, gap, attributions } of found) {
        const sum = attributions.reduce((total, one) => total + one, 0);
        expect(base + sum + gap).toBeCloseTo(value, 6);
      }
      const spread = found.map(({ value, baseline_value: base }) => Math.abs(value - base));
      return Math.max(...found.map(({ gap }) => Math.abs(gap))) / Math.max(...spread);
    };
    expect(await gaps(64)).toBeLessThan(0.01);
    expect(await gaps(64)).toBeLessThan(await gaps(1));
  });
});

describe('tokens', () => {
  test('count by what the answer loses without them, and those that fill the row count nothing', async () => {
    const { rows } = await explain('tokens', [[2, 3, 1, 0]]);
    expect(rows[0]).toMatchObject({ value: 1.5, attributions: [2.5, -1.25, 0.25, 0], gap: 0 });
  });

  test('have no way between them', async () => {
    const refused = await explain('tokens', [[1]], { method: 'integrated' });
    expect(refused).toMatchObject({ status: 400, json: { error: expect.stringContaining('use occlusion') } });
    expect(await explain('tokens', [[1]], { baseline: 0.5 })).toMatchObject({ status: 400 });
  });
});

test('an image is explained patch by patch, and its elements share what their patch is given', async () => {
  const { rows } = await explain('image', [[8, 8, 0, 0, 8, 8, 0, 4]], { patch: 2 });
  expect(rows[0]).toMatchObject({
    attributions: [
      [
        [1, 1, 0.125, 0.125],
        [1, 1, 0.125, 0.125],
      ],
    ],
    gap: 0,
  });
});

test('one input of several is explained, the others stay', async () => {
  const inputs = ['a', 'b'].map((name, at) => ({ name, datatype: 'FP32', shape: [1, 1], data: [at + 2] }));
  const { rows, json } = await send('product', { inputs, parameters: { input: 'b' } });
  expect(json).toMatchObject({ input: 'b' });
  expect(rows[0]).toMatchObject({ value: 6, baseline_value: 0, attributions: [6] });
});

test('bytes are explained as well as JSON', async () => {
  const body = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
  const headers = { 'Inference-Header-Content-Length': '0' };
  const { rows } = await send('linear', '', { body, headers });
  expect(rows[0]).toMatchObject({ attributions: [1, 4, 12] });
});

describe('mistakes', () => {
  test.each<[string, string, object, string]>([
    ['an unknown parameter', 'linear', { patches: 1 }, "no parameter 'patches'"],
    ['an unknown method', 'linear', { method: 'magic' }, "none of 'occlusion', 'integrated'"],
    ['steps of what has none', 'linear', { steps: 2 }, "belongs to the method 'integrated'"],
    ['steps without number', 'linear', { method: 'integrated', steps: 1e9 }, 'from 1 to 256'],
    ['a class that is not there', 'linear', { target: 2 }, "'target' is not a whole number from 0 to 1"],
    ['classes for other rows', 'linear', { target: [0, 1, 0] }, '3 classes for 1 rows'],
    ['a baseline of another width', 'linear', { baseline: [1, 2] }, 'it takes 1, or 3'],
    ['a baseline that is no number', 'linear', { baseline: 'mean' }, 'is not a number or null'],
    ['a missing value on the way', 'linear', { method: 'integrated', baseline: null }, 'use occlusion'],
    ['an output that is not there', 'linear', { output: 'z' }, "the model has 'y' (FP32)"],
    ['an input that is not there', 'linear', { input: 'z' }, "the model has 'x' (FP32)"],
    ['a patch of a table', 'linear', { patch: 2 }, 'is for images'],
    ['a patch of three sizes', 'linear', { patch: [1, 1, 1] }, "'patch' is not a size"],
  ])('%s', async (_, model, parameters, sentence) => {
    const { status, json } = await explain(model, [[1, 2, 3]], parameters);
    expect({ status, error: json.error }).toEqual({ status: 400, error: expect.stringContaining(sentence) });
  });

  test('rows that a model does not take one by one', async () => {
    const three = [
      [1, 2],
      [1, 2],
      [1, 2],
    ];
    expect((await explain('fixed', three)).json.error).toContain('no axis for single rows');
  });

  test('outputs that are more than a list', async () => {
    const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, 1, 1], data: [1] }];
    expect((await send('cube', { inputs })).json.error).toContain('one number or one list a row');
  });

  test('more than a server should compute for one request', async () => {
    const rows = Array.from({ length: 40 }, () => [1, 2, 3, 4, 5, 6]);
    const { status, json } = await explain('mlp', rows, { method: 'integrated', steps: 256 });
    expect({ status, error: json.error }).toEqual({
      ...{ status: 400, error: expect.stringContaining('this takes 122960 rows of the model, at most 16384') },
    });
  });

  test.each<[string, number[], string]>([
    ['rows', [9000, 2], 'this takes 18000 rows of the model'],
    ['features', [1, 20_000], 'a row has 20000 features'],
  ])('so many %s that they alone would fill the memory', async (_, shape, sentence) => {
    const body = new Uint8Array(shape[0]! * shape[1]! * 8);
    const head = JSON.stringify({
      inputs: [{ name: 'input_ids', datatype: 'INT64', shape, parameters: { binary_data_size: body.length } }],
    });
    const headers = { 'Inference-Header-Content-Length': String(head.length) };
    const { status, json } = await send('tokens', '', { body: Buffer.concat([Buffer.from(head), body]), headers });
    expect({ status, error: json.error }).toEqual({ status: 400, error: expect.stringContaining(sentence) });
  });

  test('no such model, no JSON, another method', async () => {
    expect((await send('nope', {})).status).toBe(404);
    expect((await send('linear', '{')).status).toBe(400);
    expect((await send('linear', '', { method: 'GET', body: null })).status).toBe(405);
  });
});
