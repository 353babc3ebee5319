import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { openOnMainThread, type MainThreadSession, type Measured } from '../../../runtime/server/main-thread.ts';
import type { Tensor } from '../../../runtime/server/tensor.ts';
import { folderWith } from '../../support/model-server.ts';
import { identityModel, mlpModel } from '../../support/onnx-model.ts';

const open: MainThreadSession[] = [];

afterAll(() => Promise.all(open.map((session) => session.close())));

async function sessionOver(model: Uint8Array, measured?: Measured): Promise<MainThreadSession | undefined> {
  const path = join(await folderWith({ 'model.onnx': model }), 'model.onnx');
  const session = await openOnMainThread({ path, intraOpThreads: 1, isolation: 'thread' }, measured);
  if (session !== undefined) open.push(session);
  return session;
}

const x = (rows: number): Tensor => ({
  name: 'x',
  datatype: 'FP32',
  shape: [rows, 2],
  data: new Float32Array(rows * 2).fill(0.5),
});

describe('what may run on the main thread', () => {
  test.each<[string, Uint8Array, Measured | undefined, boolean]>([
    ['what was short', mlpModel([2, 4, 2]), { computeMs: 0.1, elements: 8 }, true],
    ['not what was long', mlpModel([2, 4, 2]), { computeMs: 0.3, elements: 8 }, false],
    ['not what could not be measured', mlpModel([2, 4, 2]), undefined, false],
    ['not a file that takes long to open', mlpModel([2, 100_000, 2]), { computeMs: 0.1, elements: 8 }, false],
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
