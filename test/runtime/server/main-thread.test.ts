import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { MainThreadSession, openOnMainThread, type Measured } from '../../../runtime/server/main-thread.ts';
import type { Tensor } from '../../../runtime/server/tensor.ts';
import { folderWith } from '../../support/model-server.ts';
import type { Session } from '../../../runtime/server/onnx.ts';
import { identityModel, mlpModel, onnxModel, type Graph } from '../../support/onnx-model.ts';

const open: MainThreadSession[] = [];

afterAll(() => Promise.all(open.map((session) => session.close())));

async function sessionOver(model: Uint8Array, measured?: Measured): Promise<MainThreadSession | undefined> {
  const path = join(await folderWith({ 'model.onnx': model }), 'model.onnx');
  const session = await openOnMainThread(
    { path, bytes: model.byteLength, intraOpThreads: 1, providers: ['cpu'], isolation: 'thread' },
    measured,
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

/** y = as many numbers as x says, or what else the nodes make of it. */
const counted = (nodes: Graph['nodes'], shape: Graph['outputs'][0]['shape']): Buffer =>
  onnxModel({
    inputs: [{ name: 'x', type: 'INT64', shape: [1] }],
    outputs: [{ name: 'y', type: 'FP32', shape }],
    nodes,
  });
const manyNumbers = { op: 'ConstantOfShape', inputs: ['x'] };
const largest = { op: 'ReduceMax', inputs: ['a'], outputs: ['y'], attributes: { keepdims: 1 } };

describe('what may run on the main thread', () => {
  test.each<[string, Uint8Array, Measured | undefined, boolean]>([
    ['what was short', mlpModel([2, 4, 2]), { computeMs: 0.1, elements: 8 }, true],
    ['not what was long', mlpModel([2, 4, 2]), { computeMs: 0.3, elements: 8 }, false],
    ['not what could not be measured', mlpModel([2, 4, 2]), undefined, false],
    ['not a model that takes long to open', mlpModel([2, 100_000, 2]), { computeMs: 0.1, elements: 8 }, false],
    [
      'not what answers as long as its caller says',
      counted([{ ...manyNumbers, outputs: ['y'] }], ['n']),
      { computeMs: 0.1, elements: 1 },
      false,
    ],
    [
      'not what works as long as its caller says',
      counted([{ ...manyNumbers, outputs: ['a'] }, largest], [1]),
      { computeMs: 0.1, elements: 1 },
      false,
    ],
    ['but whole numbers', identityModel('INT64', ['batch', 2]), { computeMs: 0.1, elements: 8 }, true],
  ])('%s', async (_what, model, measured, yes) => {
    expect((await sessionOver(model, measured)) !== undefined).toBe(yes);
  });

  test('no batch larger than the one that was measured', async () => {
    const session = (await sessionOver(identityModel('FP32', ['batch', 2]), { computeMs: 0, elements: 8 }))!;
    expect([1, 4, 5].map((rows) => session.takes([x(rows)]))).toEqual([true, true, false]);
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
  function block(ms: number): void {
    for (const end = performance.now() + ms; performance.now() < end;);
  }

  /** Runs as ONNX Runtime does, in a turn of its own, for as long as it is told. */
  function sessionOf(runMs: () => number, fault?: Error): MainThreadSession {
    const session: Session = {
      loaded: { inputs: [], outputs: [], provider: 'cpu', batchAxis: true },
      run: () =>
        new Promise((resolve, reject) => {
          setImmediate(() => {
            block(runMs());
            if (fault === undefined) resolve([]);
            else reject(fault);
          });
        }),
      release: () => Promise.resolve(),
    };
    return new MainThreadSession(session, 8);
  }

  test('are the last', async () => {
    let runMs = 0;
    const session = sessionOf(() => runMs);
    await session.run([x(1)], ['y']);
    expect(session.takes([x(1)])).toBe(true);
    runMs = 150;
    await session.run([x(1)], ['y']);
    expect(session.takes([x(1)])).toBe(false);
  });

  test('are the last, be it that they fail', async () => {
    const session = sessionOf(() => 150, new Error('too large'));
    await expect(session.run([x(1)], ['y'])).rejects.toThrow('too large');
    expect(session.takes([x(1)])).toBe(false);
  });

  test('are not taken for what others did before', async () => {
    const session = sessionOf(() => 0);
    setImmediate(() => block(150));
    const { computeMs } = await session.run([x(1)], ['y']);
    expect(computeMs).toBeGreaterThan(100);
    expect(session.takes([x(1)])).toBe(true);
  });
});
