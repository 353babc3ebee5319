import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { MainThreadSession, openOnMainThread, type Known, type Measured } from '../../../runtime/server/main-thread.ts';
import type { Tensor } from '../../../runtime/server/tensor.ts';
import { folderWith } from '../../support/model-server.ts';
import type { Session } from '../../../runtime/server/onnx.ts';
import {
  identityModel,
  mlpModel,
  onnxModel,
  type ElementType,
  type Graph,
  type Value,
} from '../../support/onnx-model.ts';

const open: MainThreadSession[] = [];

afterAll(() => Promise.all(open.map((session) => session.close())));

async function sessionOver(model: Uint8Array, known: Known): Promise<MainThreadSession | undefined> {
  const path = join(await folderWith({ 'model.onnx': model }), 'model.onnx');
  const session = await openOnMainThread(
    { path, bytes: model.byteLength, intraOpThreads: 1, providers: ['cpu'], isolation: 'thread' },
    known,
  );
  if (session !== undefined) open.push(session);
  return session;
}

const x = (rows: number): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [rows, 2],
  data: new Float32Array(rows * 2).fill(0.5),
});

const rows = ['rows', 1] as const;

/** Takes any x [rows, 1] for a number, `count`; the nodes make of that, and of x as floats, y [rows, 1]. */
const counting = (type: ElementType, nodes: Graph['nodes'], shape: Value['shape'] = rows): Buffer =>
  onnxModel({
    inputs: [{ name: 'x', type, shape: rows }],
    outputs: [{ name: 'y', type: 'FP32', shape }],
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['floats'], attributes: { to: 1 } },
      { op: 'Cast', inputs: ['floats'], outputs: ['whole'], attributes: { to: 7 } },
      { op: 'ReduceMax', inputs: ['whole'], outputs: ['most'], attributes: { keepdims: 0 } },
      { op: 'Reshape', inputs: ['most', 'one'], outputs: ['count'] },
      ...nodes,
    ],
    weights: [{ name: 'one', shape: [1], data: BigInt64Array.of(1n) }],
  });

const scalar = (name: string, type: ElementType): Value => ({ name, type, shape: [] });
const same = (from: string, to: string): Graph['nodes'][0] => ({ op: 'Identity', inputs: [from], outputs: [to] });

const rounds: Graph = {
  inputs: [scalar('round', 'INT64'), scalar('on', 'BOOL'), { name: 'before', type: 'FP32', shape: rows }],
  outputs: [scalar('still', 'BOOL'), { name: 'after', type: 'FP32', shape: rows }],
  nodes: [same('on', 'still'), same('before', 'after')],
};
const looped = { op: 'Loop', inputs: ['most', '', 'floats'], attributes: { body: rounds } };
const result: Graph['outputs'] = [{ name: 'chosen', type: 'FP32', shape: rows }];
/** With the loop in one of its branches. */
const chosen: Graph['nodes'] = [
  { op: 'Cast', inputs: ['most'], outputs: ['isAny'], attributes: { to: 9 } },
  {
    ...{ op: 'If', inputs: ['isAny'], outputs: ['y'] },
    attributes: {
      then_branch: { inputs: [], outputs: result, nodes: [{ ...looped, outputs: ['chosen'] }] },
      else_branch: { inputs: [], outputs: result, nodes: [same('floats', 'chosen')] },
    },
  },
];
const numbers = { op: 'ConstantOfShape', inputs: ['count'] };
/** Adds the largest of many to each row. */
const summed = (made: string): Graph['nodes'] => [
  { op: 'ReduceMax', inputs: [made], outputs: ['top'], attributes: { keepdims: 0 } },
  { op: 'Add', inputs: ['floats', 'top'], outputs: ['y'] },
];

describe('what may run on the main thread', () => {
  test.each<[string, Uint8Array, Measured | undefined, boolean]>([
    ['what was short', mlpModel([2, 4, 2]), { computeMs: 0.1, elements: 8 }, true],
    ['not what was long', mlpModel([2, 4, 2]), { computeMs: 0.3, elements: 8 }, false],
    ['not what could not be measured', mlpModel([2, 4, 2]), undefined, false],
    ['not a model that takes long to open', mlpModel([2, 100_000, 2]), { computeMs: 0.1, elements: 8 }, false],
    ['but whole numbers', identityModel('INT64', ['batch', 2]), { computeMs: 0.1, elements: 8 }, true],
  ])('%s', async (_what, model, measured, yes) => {
    expect((await sessionOver(model, measured)) !== undefined).toBe(yes);
  });

  const types = ['FP32', 'FP64', 'INT64', 'INT32', 'INT8', 'UINT8', 'UINT64', 'BOOL'] as const;
  test.each<[string, Graph['nodes'], Value['shape']]>([
    ['answers with as many numbers as its caller says', [{ ...numbers, outputs: ['y'] }], ['numbers']],
    ['works with so many', [{ ...numbers, outputs: ['many'] }, ...summed('many')], rows],
    ['lays them out', [{ op: 'Expand', inputs: ['floats', 'count'], outputs: ['many'] }, ...summed('many')], rows],
    ['repeats itself so often', [{ ...looped, outputs: ['y'] }], rows],
    ['may repeat itself so often', chosen, rows],
  ])('no model that %s, whatever the type of that number', async (_what, nodes, shape) => {
    for (const type of types) {
      const model = counting(type, nodes, shape);
      expect([type, await sessionOver(model, { computeMs: 0.1, elements: 1 })]).toEqual([type, undefined]);
      expect([type, await sessionOver(model, 'untried')]).toEqual([type, undefined]);
    }
  });

  test('but one that only computes with it', async () => {
    const model = counting('FP32', [same('floats', 'y')]);
    expect(await sessionOver(model, { computeMs: 0.1, elements: 1 })).toBeDefined();
  });

  test('no batch larger than the one that was measured', async () => {
    const session = (await sessionOver(identityModel('FP32', ['batch', 2]), { computeMs: 0, elements: 8 }))!;
    expect([1, 4, 5].map((rows) => session.takes([x(rows)]))).toEqual([true, true, false]);
  });
});

describe('what may be tried on the main thread', () => {
  const wide = (columns: number): Buffer => identityModel('FP32', ['batch', columns]);
  const enlarging = onnxModel({
    inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 2] }],
    outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 2] }],
    nodes: [
      { op: 'Shape', inputs: ['x'], outputs: ['size'] },
      { op: 'Expand', inputs: ['x', 'size'], outputs: ['y'] },
    ],
  });

  test.each<[string, Uint8Array, boolean]>([
    ['a small row', mlpModel([2, 4, 2]), true],
    ['not a large one', wide(20_000), false],
    ['not rows whose length is open', identityModel('FP32', ['batch', 'length']), false],
    ['not a graph that enlarges what it gets', enlarging, false],
    ['not a model that takes long to open', mlpModel([2, 100_000, 2]), false],
  ])('%s', async (_what, model, yes) => {
    expect((await sessionOver(model, 'untried')) !== undefined).toBe(yes);
  });

  test('keeps to what was measured, if that was short', async () => {
    const session = (await sessionOver(identityModel('FP32', ['batch', 2]), { computeMs: 0, elements: 8 }))!;
    expect(session.keepTo({ computeMs: 0.3, elements: 4 })).toBe(false);
    expect(session.keepTo(undefined)).toBe(false);
    expect(session.keepTo({ computeMs: 0.1, elements: 4 })).toBe(true);
    expect([2, 3].map((rows) => session.takes([x(rows)]))).toEqual([true, false]);
  });
});

test('a run gives outputs and its time, and a fault is the caller’s', async () => {
  const session = (await sessionOver(identityModel('FP32', [1, 2]), { computeMs: 0, elements: 8 }))!;
  const { outputs, computeMs } = await session.run([x(1)], ['y']);
  expect(outputs[0]).toMatchObject({ name: 'y', shape: [1, 2], data: Float32Array.of(0.5, 0.5) });
  expect(computeMs).toBeGreaterThan(0);
  await expect(session.run([x(2)], ['y'])).rejects.toMatchObject({ fault: { kind: 'invalid' } });
});

test('halves pass unchanged although this thread has Float16Array', async () => {
  const session = (await sessionOver(identityModel('FP16', ['batch', 2]), { computeMs: 0, elements: 8 }))!;
  const halves: Tensor = { name: 'x', datatype: 'FP16', shape: [1, 2], data: Uint16Array.of(0x3c00, 0xc000) };
  const { outputs } = await session.run([halves], ['y']);
  expect(outputs[0]!.data).toEqual(Uint16Array.of(0x3c00, 0xc000));
  expect(typeof Float16Array).toBe('function');
});

describe('runs that are longer than they were', () => {
  /** By the CPU's time, which goes on only while this thread has it. */
  function block(ms: number): void {
    const start = process.threadCpuUsage();
    for (let used = 0; used < ms;) {
      const { user, system } = process.threadCpuUsage(start);
      used = (user + system) / 1000;
    }
  }

  /** Runs as ONNX Runtime does, in a turn of its own. */
  function sessionOf(work: () => void, fault?: Error): MainThreadSession {
    const session: Session = {
      loaded: { inputs: [], outputs: [], provider: 'cpu', batchAxis: true },
      run: () =>
        new Promise((resolve, reject) => {
          setImmediate(() => {
            work();
            if (fault === undefined) resolve([]);
            else reject(fault);
          });
        }),
      release: () => Promise.resolve(),
    };
    return new MainThreadSession(session, 8);
  }

  test('are fewer in one turn', async () => {
    let runMs = 0;
    const session = sessionOf(() => block(runMs));
    const runs = async (count: number): Promise<number> => {
      for (let run = 0; run < count; run += 1) await session.run([x(1)], ['y']);
      return session.atOnce;
    };
    expect(session.atOnce).toBe(1);
    expect(await runs(200)).toBeGreaterThan(1);
    runMs = 1;
    expect(await runs(60)).toBe(1);
  });

  test('are the last', async () => {
    let runMs = 0;
    const session = sessionOf(() => block(runMs));
    await session.run([x(1)], ['y']);
    expect(session.takes([x(1)])).toBe(true);
    runMs = 150;
    // The first is told by the clock, which is not believed.
    await session.run([x(1)], ['y']);
    expect(session.takes([x(1)])).toBe(true);
    await session.run([x(1)], ['y']);
    expect(session.takes([x(1)])).toBe(false);
  });

  test('are the last, be it that they fail', async () => {
    const session = sessionOf(() => block(150), new Error('too large'));
    await expect(session.run([x(1)], ['y'])).rejects.toThrow('too large');
    await expect(session.run([x(1)], ['y'])).rejects.toThrow('too large');
    expect(session.takes([x(1)])).toBe(false);
  });

  test('are not taken for a stop of the process, as of a container that has used up its share of the CPU', async () => {
    const stopped = new Int32Array(new SharedArrayBuffer(4));
    const session = sessionOf(() => void Atomics.wait(stopped, 0, 0, 150));
    for (let stops = 0; stops < 3; stops += 1) {
      expect((await session.run([x(1)], ['y'])).computeMs).toBeGreaterThan(100);
      expect(session.takes([x(1)])).toBe(true);
    }
  });

  test('are not taken for what others did before', async () => {
    const session = sessionOf(() => undefined);
    setImmediate(() => block(150));
    const { computeMs } = await session.run([x(1)], ['y']);
    expect(computeMs).toBeLessThan(100);
    expect(session.takes([x(1)])).toBe(true);
  });
});
