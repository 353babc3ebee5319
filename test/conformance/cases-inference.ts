/** What a request may say, and every way in which one can be wrong. */
import type { Body, Case, Expected } from './case.ts';

const rows = [1, 2, 3, 4, 5, 6, 7, 8];
const x = { name: 'x', shape: [2, 4], datatype: 'FP32', data: rows };
const a = { name: 'a', shape: [1, 2], datatype: 'FP32', data: [5, 7] };
const b = { name: 'b', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
const floats = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

const json = (value: unknown): Body => ({ kind: 'json', value });

const infer = (name: string, model: string, body: Body, expected: Expected, rest: object = {}): Case => ({
  name: `inference: ${name}`,
  request: { path: `/v2/models/${model}/infer`, body, ...rest },
  expected,
});

const ok = (outputs: readonly object[]): Expected => ({ status: 200, json: { outputs } });
const sum = { name: 'sum', datatype: 'FP32', shape: [1, 2], data: [6, 9] };
const difference = { name: 'difference', datatype: 'FP32', shape: [1, 2], data: [4, 5] };

const scheduledBy = (parameters: object): Body => json({ inputs: [a, b], parameters });

const requests: readonly Case[] = [
  infer('the id comes back', 'mlp', json({ id: 'ü\n"', inputs: [x] }), {
    status: 200,
    json: { model_name: 'mlp', id: 'ü\n"', outputs: [{ name: 'logits', datatype: 'FP32', shape: [2, 3] }] },
  }),
  infer('no outputs named are all outputs', 'arithmetic', json({ inputs: [a, b] }), ok([sum, difference])),
  infer('inputs in any order', 'arithmetic', json({ inputs: [b, a] }), ok([sum, difference])),
  infer(
    'outputs are those asked for',
    'arithmetic',
    json({ inputs: [a, b], outputs: [{ name: 'difference' }] }),
    ok([difference]),
  ),
  infer(
    'null stands for what may be left out',
    'arithmetic',
    json({ inputs: [a, b], parameters: null, outputs: null }),
    ok([sum, difference]),
  ),
  infer('unknown parameters are no mistake', 'mlp', json({ inputs: [x], parameters: { mine: 1 } }), { status: 200 }),
  infer(
    'no rows give no rows',
    'mlp',
    json({ inputs: [{ ...x, shape: [0, 4], data: [] }] }),
    ok([{ name: 'logits', shape: [0, 3], data: [] }]),
  ),
  infer(
    'three axes, nested',
    'cube',
    json({
      inputs: [
        {
          name: 'x',
          shape: [1, 2, 3],
          datatype: 'FP32',
          data: [
            [
              [1, 2, 3],
              [4, 5, 6],
            ],
          ],
        },
      ],
    }),
    ok([{ name: 'y', shape: [1, 2, 3] }]),
  ),
  infer('no Content-Type is needed', 'mlp', { kind: 'text', text: JSON.stringify({ inputs: [x] }) }, { status: 200 }),
  infer('a body under gzip', 'mlp', json({ inputs: [x] }), { status: 200 }, { coding: 'gzip' }),
  infer('a body under deflate', 'mlp', json({ inputs: [x] }), { status: 200 }, { coding: 'deflate' }),
  {
    name: 'inference: a version by its number',
    request: { path: '/v2/models/two_versions/versions/1/infer', body: json({ inputs: [{ ...b, name: 'x' }] }) },
    expected: { status: 200, json: { model_name: 'two_versions', model_version: '1' } },
  },
  {
    name: 'inference: without a number the newest version answers',
    request: { path: '/v2/models/two_versions/infer', body: json({ inputs: [{ ...b, name: 'x' }] }) },
    expected: { status: 200, json: { model_version: '2' } },
  },
];

const scheduled: readonly Case[] = [
  infer(
    'a priority and a timeout that does not pass',
    'arithmetic',
    scheduledBy({ priority: 1, timeout: 60_000_000 }),
    ok([sum, difference]),
  ),
  infer(
    'a priority and a timeout of 0 are none',
    'arithmetic',
    scheduledBy({ priority: 0, timeout: 0 }),
    ok([sum, difference]),
  ),
].map((found) => ({ ...found, extension: 'schedule_policy' }));

const head = (size: number, more: object = {}): object => ({
  inputs: [{ name: 'x', shape: [2, 4], datatype: 'FP32', parameters: { binary_data_size: size }, ...more }],
});
const binary = (body: Omit<Extract<Body, { kind: 'binary' }>, 'kind'>): Body => ({ kind: 'binary', ...body });
const two = { name: 'a', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } };

const extension: readonly Case[] = [
  infer(
    'two tensors of bytes in the order of the JSON',
    'arithmetic',
    binary({ head: { inputs: [{ ...two, name: 'b' }, two] }, tail: floats([1, 2, 5, 7]) }),
    ok([sum, difference]),
  ),
  infer(
    'one tensor of bytes beside one of JSON',
    'arithmetic',
    binary({ head: { inputs: [two, b] }, tail: floats([5, 7]) }),
    ok([sum, difference]),
  ),
  infer(
    'one output of bytes beside one of JSON',
    'arithmetic',
    json({ inputs: [a, b], outputs: [{ name: 'sum', parameters: { binary_data: true } }, { name: 'difference' }] }),
    {
      status: 200,
      json: { outputs: [{ name: 'sum', parameters: { binary_data_size: 8 } }, difference] },
      floats: [6, 9],
    },
  ),
  infer(
    'an output may refuse the bytes that the request asks for',
    'arithmetic',
    json({
      inputs: [a, b],
      parameters: { binary_data_output: true },
      outputs: [{ name: 'sum', parameters: { binary_data: false } }],
    }),
    ok([sum]),
  ),
  infer('a body that is the only input', 'id_FP32', { kind: 'raw', bytes: floats([1, 2]) }, { status: 'mistake' }),
  infer(
    'a body that is the only input, one open dimension',
    'mlp',
    { kind: 'raw', bytes: floats(rows) },
    { status: 200, json: { outputs: [{ name: 'logits', shape: [2, 3] }] } },
  ),
  infer('a raw body that ends in a row', 'mlp', { kind: 'raw', bytes: floats(rows.slice(1)) }, { status: 'mistake' }),
  infer(
    'a raw body for a model of two inputs',
    'arithmetic',
    { kind: 'raw', bytes: floats([1, 2]) },
    { status: 'mistake' },
  ),
  infer(
    'a length of the JSON beyond the body',
    'mlp',
    binary({ head: head(32), tail: floats(rows), headLength: 100_000 }),
    { status: 'mistake' },
  ),
  infer(
    'a length of the JSON that is too short',
    'mlp',
    binary({ head: head(32), tail: floats(rows), headLength: 10 }),
    { status: 'mistake' },
  ),
  infer(
    'a length of the JSON that is no number',
    'mlp',
    binary({ head: head(32), tail: floats(rows), headLength: 'x' }),
    { status: 'mistake' },
  ),
  infer('a negative length of the JSON', 'mlp', binary({ head: head(32), tail: floats(rows), headLength: '-1' }), {
    status: 'mistake',
  }),
  infer('a size beyond the body', 'mlp', binary({ head: head(64), tail: floats(rows) }), { status: 'mistake' }),
  infer('a negative size', 'mlp', binary({ head: head(-32), tail: floats(rows) }), { status: 'mistake' }),
  infer('bytes and data for one input', 'mlp', binary({ head: head(32, { data: rows }), tail: floats(rows) }), {
    status: 'mistake',
  }),
  infer('a body that breaks off', 'mlp', binary({ head: head(32), tail: floats(rows).subarray(0, 31) }), {
    status: 'mistake',
  }),
  infer(
    'strings that end in the middle of one',
    'id_BYTES',
    binary({
      head: { inputs: [{ name: 'x', shape: [1, 1], datatype: 'BYTES', parameters: { binary_data_size: 6 } }] },
      tail: Buffer.of(9, 0, 0, 0, 97, 98),
    }),
    { status: 'mistake' },
  ),
].map((found) => ({ ...found, extension: 'binary_tensor_data' }));

const mistake = (name: string, body: Body, rest: object = {}): Case =>
  infer(name, 'mlp', body, { status: 'mistake' }, rest);
const text = (found: string): Body => ({ kind: 'text', text: found });

const mistakes: readonly Case[] = [
  mistake('an empty body', text('')),
  mistake('what is no JSON', text('{"inputs": [')),
  mistake('JSON that is no object', json([1])),
  mistake('no inputs', json({})),
  mistake('inputs that are no list', json({ inputs: x })),
  mistake('an input that is no object', json({ inputs: [7] })),
  mistake('no input at all', json({ inputs: [] })),
  mistake('an input without a name', json({ inputs: [{ ...x, name: undefined }] })),
  mistake('an unknown input', json({ inputs: [{ ...x, name: 'z' }] })),
  mistake('an unknown input beside the right one', json({ inputs: [x, { ...x, name: 'z' }] })),
  mistake('an input twice', json({ inputs: [x, x] })),
  mistake('an input without a shape', json({ inputs: [{ ...x, shape: undefined }] })),
  mistake('a shape of too few axes', json({ inputs: [{ ...x, shape: [8] }] })),
  mistake('a shape that the model does not take', json({ inputs: [{ ...x, shape: [4, 2] }] })),
  mistake('a negative length', json({ inputs: [{ ...x, shape: [-1, 4] }] })),
  mistake('a length with a fraction', json({ inputs: [{ ...x, shape: [0.5, 4] }] })),
  mistake('a shape of words', json({ inputs: [{ ...x, shape: ['2', '4'] }] })),
  mistake(
    'a tiny request whose shape asks for terabytes',
    json({ inputs: [{ ...x, shape: [2 ** 34, 4], data: [1] }] }),
  ),
  mistake(
    'a shape beyond every integer',
    text('{"inputs":[{"name":"x","shape":[1e300,4],"datatype":"FP32","data":[1]}]}'),
  ),
  mistake('too few elements', json({ inputs: [{ ...x, data: rows.slice(1) }] })),
  mistake('too many elements', json({ inputs: [{ ...x, data: [...rows, 9] }] })),
  mistake(
    'ragged rows',
    json({
      inputs: [
        {
          ...x,
          data: [
            [1, 2, 3],
            [4, 5, 6, 7, 8],
          ],
        },
      ],
    }),
  ),
  mistake('no data', json({ inputs: [{ ...x, data: undefined }] })),
  mistake('data that are no list', json({ inputs: [{ ...x, data: 'AAAA' }] })),
  mistake('another datatype than the model has', json({ inputs: [{ ...x, datatype: 'FP64' }] })),
  mistake('a datatype that nobody has', json({ inputs: [{ ...x, datatype: 'FP7' }] })),
  mistake('NaN, which is no JSON', text('{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[NaN]}]}')),
  mistake('an unknown output', json({ inputs: [x], outputs: [{ name: 'z' }] })),
  mistake('outputs that are no list', json({ inputs: [x], outputs: 'logits' })),
  mistake('an id that is a number', json({ id: 7, inputs: [x] })),
  mistake('parameters that are no object', json({ inputs: [x], parameters: 7 })),
  mistake('a body that only claims to be gzip', json({ inputs: [x] }), { headers: { 'Content-Encoding': 'gzip' } }),
  mistake('a coding that nobody knows', json({ inputs: [x] }), { headers: { 'Content-Encoding': 'xyz' } }),
  mistake('brackets without end', text('['.repeat(100_000))),
  mistake('bytes that are no UTF-8', { kind: 'binary', head: {}, tail: Buffer.of(0xff, 0xfe), headLength: 4 }),
  infer(
    'an index that the model cannot look up',
    'gather',
    json({ inputs: [{ name: 'x', shape: [1], datatype: 'INT64', data: [99] }] }),
    { status: 'mistake' },
  ),
  infer('a model that is not there', 'nope', json({ inputs: [x] }), { status: 'mistake' }),
  {
    name: 'inference: a version that is not there',
    request: { path: '/v2/models/mlp/versions/9/infer', body: json({ inputs: [x] }) },
    expected: { status: 'mistake' },
  },
  { name: 'inference: GET is a mistake', request: { path: '/v2/models/mlp/infer' }, expected: { status: 'mistake' } },
];

/** After everything else: the server must have survived it. */
const afterwards: readonly Case[] = [
  {
    name: 'afterwards: the server is alive and ready',
    request: { path: '/v2/health/ready' },
    expected: { status: 200 },
  },
  infer('answers as before', 'mlp', json({ inputs: [x] }), { status: 200 }),
];

export const inferenceCases: readonly Case[] = [...requests, ...scheduled, ...extension, ...mistakes, ...afterwards];
