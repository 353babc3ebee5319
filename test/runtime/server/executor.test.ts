import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Executor } from '../../../runtime/server/executor.ts';
import type { Tensor } from '../../../runtime/server/tensor.ts';
import { folderWith } from '../../support/model-server.ts';
import { mlpModel } from '../../support/onnx-model.ts';
import { WorkerWatch } from '../../support/worker-threads.ts';

let watch: WorkerWatch;
const opened: Executor[] = [];

beforeEach(() => {
  watch = new WorkerWatch();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((executor) => executor.close()));
  watch.stop();
});

async function executorOver(model: Uint8Array, instances = 1): Promise<{ executor: Executor; path: string }> {
  const path = join(await folderWith({ 'model.onnx': model }), 'model.onnx');
  const executor = await Executor.open({
    ...{ path, bytes: model.byteLength, instances },
    ...{ intraOpThreads: 1, providers: ['cpu'], isolation: 'thread' },
    onDeath: () => undefined,
    onRevival: () => undefined,
    restartDelayMs: () => 1,
  });
  opened.push(executor);
  return { executor, path };
}

const x = (rows: number, width: number): Tensor[] => [
  { name: 'x', datatype: 'FP32', shape: [rows, width], data: new Float32Array(rows * width).fill(0.5) },
];

const rowsOf = async (executor: Executor, rows: number, width: number): Promise<number | undefined> =>
  (await executor.run(x(rows, width), ['logits'])).outputs[0]?.shape[0];

describe('a tiny model', () => {
  const tiny = mlpModel([4, 8, 3]);

  test('needs no worker, and takes as many batches at once as it would have', async () => {
    const { executor } = await executorOver(tiny, 3);
    expect((await executor.warmUp(8)).maxBatch).toBe(8);
    expect(executor).toMatchObject({ onMainThread: true, size: 3 });
    expect(await rowsOf(executor, 8, 4)).toBe(8);
    expect(watch.seen.size).toBe(0);
  });

  test('takes small batches on the main thread beside each other, however few workers it would have', async () => {
    const { executor } = await executorOver(tiny);
    await executor.warmUp(8);
    for (let run = 0; run < 200; run += 1) await rowsOf(executor, 8, 4);
    expect(executor.sizeFor(x(8, 4), false)).toBeGreaterThan(1);
    expect(executor.sizeFor(x(9, 4), false)).toBe(1);
  });

  test('gets workers with the first batch that is too large for the main thread', async () => {
    const { executor } = await executorOver(tiny, 2);
    await executor.warmUp(8);
    expect(await Promise.all([rowsOf(executor, 9, 4), rowsOf(executor, 10, 4)])).toEqual([9, 10]);
    expect(watch.seen.size).toBe(2);
    expect(executor.size).toBe(2);
  });

  test('refuses such a batch where no worker can start, and the next one tries again', async () => {
    const { executor, path } = await executorOver(tiny);
    await executor.warmUp(8);
    await rename(path, `${path}.away`);
    await expect(rowsOf(executor, 9, 4)).rejects.toMatchObject({ fault: { kind: 'unavailable' } });
    expect(executor.size).toBe(1);
    await rename(`${path}.away`, path);
    expect(await rowsOf(executor, 9, 4)).toBe(9);
  });
});

test('a small model that runs for long has workers, and is warmed up there', async () => {
  const { executor } = await executorOver(mlpModel([16, 1024, 16]));
  await executor.warmUp(4096);
  expect(executor).toMatchObject({ onMainThread: false, size: 1 });
  expect(await rowsOf(executor, 2, 16)).toBe(2);
  expect(watch.seen.size).toBe(1);
});

test('the next batch waits in the worker while runs are brief, if it is final, and behind none that may be long', async () => {
  const { executor } = await executorOver(mlpModel([16, 1024, 16]));
  await executor.warmUp(4096);
  const sizes = (): readonly number[] => [true, false].map((isFinal) => executor.sizeFor(x(1, 16), isFinal));
  expect(sizes()).toEqual([1, 1]);
  // On a busy machine a brief run may take long.
  while (sizes()[0] === 1) await rowsOf(executor, 1, 16);
  expect(sizes()).toEqual([2, 1]);
  const larger = rowsOf(executor, 1 << 16, 16);
  expect(sizes()).toEqual([1, 1]);
  await larger;
  expect(sizes()).toEqual([2, 1]);
});

test('a large model has workers from the beginning', async () => {
  const { executor } = await executorOver(mlpModel([2, 100_000, 2]));
  await executor.warmUp(1);
  expect(executor).toMatchObject({ onMainThread: false, size: 1 });
});

test('what is no model is told as such, once', async () => {
  await expect(executorOver(Buffer.from('not a model'))).rejects.toThrow('Protobuf parsing failed');
});

test('may be closed twice, and while its workers start', async () => {
  const { executor } = await executorOver(mlpModel([4, 8, 3]));
  await executor.warmUp(8);
  const run = rowsOf(executor, 9, 4).catch(() => undefined);
  await Promise.all([executor.close(), executor.close()]);
  await run;
  expect(executor.size).toBe(0);
});
