import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { SessionPool } from '../../../runtime/server/session-pool.ts';
import type { SessionWorker } from '../../../runtime/server/session-worker.ts';
import { warmUp } from '../../../runtime/server/warm-up.ts';
import type { Loaded } from '../../../runtime/server/worker-protocol.ts';
import { folderWith } from '../../support/model-server.ts';
import { onnxModel, type ElementType, type Node, type Weight } from '../../support/onnx-model.ts';

const batch = { name: 'axes', shape: [1], data: BigInt64Array.of(0n) };
const one = { name: 'one', shape: [1], data: Float32Array.of(1) };

/** x [batch, 2] → y; `graph` says how. */
function model(nodes: readonly Node[], type: ElementType = 'FP32', weights: readonly Weight[] = []): Buffer {
  const value = (name: string) => ({ name, type, shape: ['batch', 2] });
  return onnxModel({ inputs: [value('x')], outputs: [value('y')], nodes, weights });
}

/** Most rows of a joined batch, of 32 that are allowed. */
async function joined(bytes: Buffer): Promise<number> {
  const path = join(await folderWith({ 'model.onnx': bytes }), 'model.onnx');
  const pool = new SessionPool({
    ...{ path, intraOpThreads: 1, providers: ['cpu'], isolation: 'thread', instances: 1, restartDelayMs: () => 1 },
    ...{ onDeath: () => undefined, onRevival: () => undefined },
  });
  const loaded = await pool.start();
  try {
    return (await pool.withAll((workers) => warmUp(workers, loaded, 32))).maxBatch;
  } finally {
    await pool.close();
  }
}

const keep = { axes: [0], keepdims: 1 };

test.each<[string, Buffer]>([
  [
    'a sum of all rows, to which zeros add nothing',
    model(
      [
        { op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['s'] },
        { op: 'Sub', inputs: ['x', 's'], outputs: ['y'] },
      ],
      'FP32',
      [batch],
    ),
  ],
  [
    'the largest of all rows',
    model([
      { op: 'ReduceMax', inputs: ['x'], outputs: ['m'], attributes: keep },
      { op: 'Sub', inputs: ['x', 'm'], outputs: ['y'] },
    ]),
  ],
  [
    'their length, where a row of zeros alone has no direction',
    model([
      { op: 'ReduceL2', inputs: ['x'], outputs: ['l'], attributes: keep },
      { op: 'Div', inputs: ['x', 'l'], outputs: ['y'] },
    ]),
  ],
  [
    'what only large rows say to others',
    model(
      [
        { op: 'Sub', inputs: ['x', 'one'], outputs: ['d'] },
        { op: 'Relu', inputs: ['d'], outputs: ['r'] },
        { op: 'ReduceMax', inputs: ['r'], outputs: ['m'], attributes: keep },
        { op: 'Add', inputs: ['x', 'm'], outputs: ['y'] },
      ],
      'FP32',
      [one],
    ),
  ],
  [
    'codes that are told the sum of all',
    model(
      [
        { op: 'ReduceSum', inputs: ['x', 'axes'], outputs: ['s'] },
        { op: 'Sub', inputs: ['x', 's'], outputs: ['y'] },
      ],
      'INT64',
      [batch],
    ),
  ],
  [
    'halves that share a softmax',
    model([{ op: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: 0 } }], 'FP16'),
  ],
])('rows are not joined where they touch: %s', async (_what, bytes) => {
  expect(await joined(bytes)).toBe(1);
});

test('rows that are looked up are joined, though the table has no place for large numbers', async () => {
  const places = { name: 'places', shape: [4], data: Float32Array.of(3, 1, 4, 1) };
  const nodes = [
    { op: 'Cast', inputs: ['x'], outputs: ['i'], attributes: { to: 7 } },
    { op: 'Gather', inputs: ['places', 'i'], outputs: ['y'] },
  ];
  expect(await joined(model(nodes, 'FP32', [places]))).toBe(32);
});

test.each<ElementType>(['FP32', 'FP64', 'INT64', 'FP16'])(
  'rows of %s that leave each other alone are',
  async (type) => {
    expect(await joined(model([{ op: 'Neg', inputs: ['x'], outputs: ['y'] }], type))).toBe(32);
  },
);

test.each([
  ['once the machine lets it', 0.6, 40, 0.1, 41],
  ['no oftener than it may help', 0.6, Infinity, 0.6, 49],
  ['a few times where it is far from short', 1.5, Infinity, 1.5, 9],
  ['twice where it is long', 3, Infinity, 3, 3],
])(
  'a busy machine does not decide: the largest batch is timed %s',
  async (_what, busyMs, busyRuns, computeMs, runs) => {
    const value = { name: 'x', datatype: 'FP32', shape: [1, 2] } as const;
    const loaded: Loaded = { inputs: [value], outputs: [value], provider: 'cpu', batchAxis: false };
    let done = 0;
    const run: SessionWorker['run'] = (inputs) => {
      done += 1;
      return Promise.resolve({ outputs: inputs, waitedMs: 0, computeMs: done <= busyRuns ? busyMs : 0.1 });
    };
    expect((await warmUp([{ run }], loaded, 32)).largest).toEqual({ computeMs, elements: 2 });
    expect(done).toBe(runs);
  },
);

describe('on a GPU', () => {
  const value = { name: 'x', datatype: 'FP32', shape: [-1, 2] } as const;
  const loaded: Loaded = { inputs: [value], outputs: [value], provider: 'cuda', batchAxis: true };
  type Runner = Pick<SessionWorker, 'run'>;

  /** A worker that gives back what it is given, in 2 ms, or in so many where the batch is of another size than the last one. */
  function mirror(switchedMs: number): Runner {
    let last = 0;
    return {
      run: (inputs) => {
        const rows = inputs[0]?.shape[0] ?? 0;
        const computeMs = rows === last ? 2 : switchedMs;
        last = rows;
        return Promise.resolve({ outputs: inputs, waitedMs: 0, computeMs });
      },
    };
  }

  test.each([
    ['are joined where their number may change at no cost', 2, 32],
    ['are not joined where each change of their number costs a hundred runs', 200, 1],
  ])('rows %s, whether other dimensions are open or not', async (_what, switchedMs, maxBatch) => {
    expect((await warmUp([mirror(switchedMs)], loaded, 32)).maxBatch).toBe(maxBatch);
    const open = { ...value, shape: [-1, -1] };
    const opened = { ...loaded, inputs: [open], outputs: [open] };
    expect((await warmUp([mirror(switchedMs)], opened, 32)).maxBatch).toBe(maxBatch);
  });
});
