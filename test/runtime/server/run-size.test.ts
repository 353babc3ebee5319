import { afterEach, describe, expect, test } from '@jest/globals';
import { mostRows, placesOf, runSize, runsOf } from '../../../runtime/server/run-size.ts';
import type { Datatype } from '../../../runtime/server/tensor.ts';
import { post } from '../../support/http-caller.ts';
import { modelOptions, serveModels, type LiveServer } from '../../support/model-server.ts';
import { identityModel, onnxModel } from '../../support/onnx-model.ts';

const MiB = 2 ** 20;

/** A quarter of the memory, at 64 bytes a place, has room for two rows of 512; all of it for eight. */
const memoryBytes = 128 * MiB;

test.each<[string, number[], number[], Datatype, number]>([
  ['tokens take the square of their length', [-1, -1], [9, 512], 'INT64', 2],
  ['also where the model fixes it', [-1, 512], [9, 512], 'INT32', 2],
  ['short ones next to nothing', [-1, -1], [9, 16], 'INT64', 2048],
  ['one row always runs', [-1, -1], [9, 4096], 'INT64', 1],
  ['of more axes the longest open one counts', [-1, 3, -1, -1], [9, 3, 16, 512], 'FP32', 2],
  ['and none that is fixed: it may be sound', [-1, 1, 160_000], [9, 1, 160_000], 'FP32', Infinity],
  ['as rows of plain numbers are', [-1, -1], [9, 160_000], 'FP32', Infinity],
  ['what has no rows cannot have fewer', [2, -1], [2, 512], 'INT64', Infinity],
])('most rows of a run: %s', (_what, dims, shape, datatype, most) => {
  const spec = { name: 'x', datatype, shape: dims };
  expect(mostRows(placesOf(memoryBytes, 1), [spec], [{ shape }])).toBe(most);
});

test('sessions that run beside each other share the memory', () => {
  const spec = { name: 'x', datatype: 'INT64', shape: [-1, -1] } as const;
  expect(mostRows(placesOf(memoryBytes, 2), [spec], [{ shape: [9, 512] }])).toBe(1);
});

describe('of inputs that do not agree on their rows', () => {
  const size = runSize(memoryBytes, 1, { apart: true, lengths: { square: 512, plain: Infinity } });
  const spec = { name: 'x', datatype: 'INT64', shape: [-1, -1] } as const;
  const tensor = (rows: number) => ({ ...spec, shape: [rows, 512], data: new BigInt64Array(rows * 512) });
  const runs = (rows: number) => runsOf(size, [spec, spec], { inputs: [tensor(rows), tensor(1)], outputs: [] });

  test('none are parted', () => expect(runs(8).parts).toBeUndefined());
  test('too many are refused', () => expect(() => runs(9)).toThrow('9 rows of a length of 512'));
});

describe('a server with little memory', () => {
  let server: LiveServer | undefined;

  afterEach(() => server?.stop());

  const limits = { memoryBytes, instances: 1 };

  async function infer(rows: number, changes: object = {}) {
    const input = {
      name: 'x',
      datatype: 'INT64',
      shape: [rows, 512],
      data: Array.from({ length: rows * 512 }, (_, i) => i),
    };
    return post(`${server!.url}/v2/models/m/infer`, { inputs: [input], ...changes });
  }

  const sizes = (): readonly (readonly [number, number])[] =>
    [...server!.engine.find('m').statistics.batches].map(([rows, { count }]) => [rows, count] as const);

  test.each([
    ['joined', modelOptions.maxBatch],
    ['not joined', 1],
  ])('runs many long rows in parts, and answers them as one: %s', async (_how, maxBatch) => {
    server = await serveModels(
      { 'm/model.onnx': identityModel('INT64', ['batch', 'length']) },
      { ...limits, maxBatch },
    );
    const { status, json } = await infer(5);
    expect(status).toBe(200);
    expect(json.outputs).toMatchObject([{ shape: [5, 512], data: Array.from({ length: 5 * 512 }, (_, i) => i) }]);
    expect(new Map(sizes())).toEqual(new Map([[2, 2], [1, 1]])); // prettier-ignore
    expect(server.engine.find('m').statistics.succeeded).toBe(1);
  });

  test('joins no more of them than have room', async () => {
    server = await serveModels({ 'm/model.onnx': identityModel('INT64', ['batch', 'length']) }, limits);
    await Promise.all(Array.from({ length: 12 }, () => infer(1)));
    expect(sizes().every(([rows]) => rows <= 2)).toBe(true);
  });

  test('refuses those that it cannot part, with the number that it takes', async () => {
    const value = (name: string) => ({ name, type: 'INT64' as const, shape: ['batch', 'length'] });
    const bytes = onnxModel({
      ...{ inputs: [value('x')], outputs: [value('y')] },
      weights: [{ name: 'axes', shape: [1], data: BigInt64Array.of(0n) }],
      nodes: [
        { op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['s'] },
        { op: 'Sub', inputs: ['x', 's'], outputs: ['y'] },
      ],
    });
    server = await serveModels({ 'm/model.onnx': bytes }, limits);
    expect((await infer(8)).status).toBe(200);
    const { status, json } = await infer(9);
    expect(status).toBe(400);
    expect(json.error).toBe(
      'the request has 9 rows of a length of 512; the memory limit has room for 8 of them at once',
    );
  });
});
