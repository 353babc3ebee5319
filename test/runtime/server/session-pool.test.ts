import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { SessionPool, type PoolOptions } from '../../../runtime/server/session-pool.ts';
import type { Tensor } from '../../../runtime/server/tensor.ts';
import { folderWith, until } from '../../support/model-server.ts';
import { identityModel, loopModel, mlpModel, type ElementType } from '../../support/onnx-model.ts';
import { WorkerWatch } from '../../support/worker-threads.ts';

const pools: SessionPool[] = [];

async function poolOver(model: Uint8Array, options: Partial<PoolOptions> = {}): Promise<SessionPool> {
  const path = join(await folderWith({ 'model.onnx': model }), 'model.onnx');
  const pool = new SessionPool({
    path,
    intraOpThreads: 1,
    providers: ['cpu'],
    isolation: 'thread',
    instances: 1,
    onDeath: () => undefined,
    onRevival: () => undefined,
    restartDelayMs: () => 1,
    ...options,
  });
  pools.push(pool);
  return pool;
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

const x = (): Tensor => ({ name: 'x', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) });

describe('execution providers', () => {
  // No provider of CUDA lies beside ONNX Runtime here.
  test('the CPU takes over from one that cannot run, and says why', async () => {
    const loaded = await (await poolOver(mlpModel([4, 8, 3]), { providers: ['cuda', 'cpu'] })).start();
    expect(loaded).toMatchObject({ provider: 'cpu', passedOver: expect.stringMatching(/^cuda: .*shared library/) });
  });

  test('one that was asked for alone is not replaced', async () => {
    const pool = await poolOver(mlpModel([4, 8, 3]), { providers: ['cuda'] });
    await expect(pool.start()).rejects.toThrow('shared library');
  });

  test('what is no model is told as such, whatever is tried first', async () => {
    const pool = await poolOver(Buffer.from('not a model'), { providers: ['cuda', 'cpu'] });
    await expect(pool.start()).rejects.toThrow('Protobuf parsing failed');
  });
});

describe('sessions in threads', () => {
  test('a session tells its signature and runs', async () => {
    const pool = await poolOver(mlpModel([4, 8, 3]));
    expect(await pool.start()).toEqual({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 3] }],
      provider: 'cpu',
      batchAxis: true,
    });
    const worker = pool.acquire()!;
    const input: Tensor = { name: 'x', datatype: 'FP32', shape: [2, 4], data: new Float32Array(8) };
    const { outputs, computeMs } = await worker.run([input], ['logits']);
    expect(outputs[0]).toMatchObject({ name: 'logits', datatype: 'FP32', shape: [2, 3] });
    expect(outputs[0]!.data).toHaveLength(6);
    expect(computeMs).toBeGreaterThan(0);
    pool.release(worker);
  });

  test('a row of many rows is run without giving the others away', async () => {
    const pool = await poolOver(mlpModel([4, 8, 3]));
    await pool.start();
    const worker = pool.acquire()!;
    const rows = Float32Array.from({ length: 8 }, (_, index) => index);
    const input: Tensor = { name: 'x', datatype: 'FP32', shape: [1, 4], data: rows.subarray(4) };
    const first = await worker.run([input], ['logits']);
    expect([...rows]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect((await worker.run([input], ['logits'])).outputs[0]?.data).toEqual(first.outputs[0]?.data);
    pool.release(worker);
  });

  test('a run that cannot be sent is refused, and the next one is answered', async () => {
    const pool = await poolOver(mlpModel([4, 8, 3]));
    await pool.start();
    const worker = pool.acquire()!;
    const given = new Float32Array(4);
    const input: Tensor = { name: 'x', datatype: 'FP32', shape: [1, 4], data: given };
    structuredClone(given.buffer, { transfer: [given.buffer] });
    await expect(worker.run([input], ['logits'])).rejects.toThrow();
    const { outputs } = await worker.run([{ ...input, data: new Float32Array(4) }], ['logits']);
    expect(outputs[0]?.shape).toEqual([1, 3]);
    pool.release(worker);
  });

  test.each([
    ['FP32', Float32Array.of(1.5, -2)],
    ['FP64', Float64Array.of(1.5, -2)],
    ['FP16', Uint16Array.of(0x3c00, 0xc000)],
    ['INT8', Int8Array.of(-1, 2)],
    ['INT16', Int16Array.of(-1, 2)],
    ['INT32', Int32Array.of(-1, 2)],
    ['INT64', BigInt64Array.of(-(2n ** 63n), 2n)],
    ['UINT8', Uint8Array.of(255, 2)],
    ['UINT16', Uint16Array.of(65535, 2)],
    ['UINT32', Uint32Array.of(4294967295, 2)],
    ['UINT64', BigUint64Array.of(2n ** 64n - 1n, 2n)],
    ['BOOL', Uint8Array.of(1, 0)],
    ['BYTES', ['ü', '']],
  ] as [ElementType, Float32Array<ArrayBuffer>][])('%s goes through a session unchanged', async (datatype, data) => {
    const pool = await poolOver(identityModel(datatype));
    await pool.start();
    const expected = Array.from(data);
    const { outputs } = await pool.acquire()!.run([{ name: 'x', datatype, shape: [1, 2], data }], ['y']);
    expect(Array.from(outputs[0]!.data as Float32Array)).toEqual(expected);
    expect(outputs[0]).toMatchObject({ datatype, shape: [1, 2] });
  });

  test('no rows at all', async () => {
    const pool = await poolOver(mlpModel([4, 8, 3]));
    await pool.start();
    const input: Tensor = { name: 'x', datatype: 'FP32', shape: [0, 4], data: new Float32Array(0) };
    const { outputs } = await pool.acquire()!.run([input], ['logits']);
    expect(outputs[0]!.shape).toEqual([0, 3]);
  });

  test('a file that is no model is a sentence, and leaves nothing behind', async () => {
    const pool = await poolOver(Buffer.from('not a model'), { instances: 2 });
    await expect(pool.start()).rejects.toThrow('failed');
    expect(pool.size).toBe(0);
  });

  test('a model cut in half is a sentence', async () => {
    const model = mlpModel([64, 256, 10]);
    const pool = await poolOver(model.subarray(0, model.length / 2));
    await expect(pool.start()).rejects.toThrow();
  });

  test('as many sessions as instances, each held once', async () => {
    const pool = await poolOver(identityModel('FP32'), { instances: 2 });
    await pool.start();
    const [first, second] = [pool.acquire(), pool.acquire()];
    expect(first).toBeDefined();
    expect(second).toBeDefined();
    expect(first).not.toBe(second);
    expect(pool.acquire()).toBeUndefined();
    pool.release(first!);
    expect(pool.acquire()).toBe(first);
  });

  test('further runs wait in the workers that have fewest, and no more than asked for', async () => {
    const pool = await poolOver(identityModel('FP32'), { instances: 2 });
    await pool.start();
    const workers = Array.from({ length: 4 }, () => pool.acquire(2));
    expect(new Set(workers.slice(0, 2)).size).toBe(2);
    expect(new Set(workers.slice(2)).size).toBe(2);
    expect(pool.acquire(2)).toBeUndefined();
    pool.release(workers[1]!);
    expect(pool.acquire()).toBeUndefined();
    expect(pool.acquire(2)).toBe(workers[1]);
  });

  test('runs in a row are answered in turn, also by a pool that closes', async () => {
    const pool = await poolOver(identityModel('FP32'));
    await pool.start();
    const worker = pool.acquire(2)!;
    const rows = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
    const runs = rows.map((data) => worker.run([{ ...x(), data: data.slice() }], ['y']));
    await pool.close();
    expect((await Promise.all(runs)).map(({ outputs }) => outputs[0]!.data)).toEqual(rows);
  });

  test('a run that waits in the worker says for how long', async () => {
    const pool = await poolOver(loopModel());
    await pool.start();
    const worker = pool.acquire(2)!;
    const rounds = (count: number): Tensor => ({
      ...{ name: 'x', datatype: 'INT64', shape: [1] },
      data: BigInt64Array.of(BigInt(count)),
    });
    const [first, second] = await Promise.all([1 << 18, 1].map((count) => worker.run([rounds(count)], ['y'])));
    expect(second!.waitedMs).toBeGreaterThan(first!.waitedMs);
    expect(second!.waitedMs).toBeGreaterThan(second!.computeMs);
  });

  test('an error of the model is the caller’s, and the session lives on', async () => {
    const pool = await poolOver(identityModel('FP32', [1, 2]));
    await pool.start();
    const worker = pool.acquire()!;
    const wrong: Tensor = { ...x(), shape: [2, 1] };
    await expect(worker.run([wrong], ['y'])).rejects.toMatchObject({ fault: { kind: 'invalid' } });
    expect((await worker.run([x()], ['y'])).outputs[0]!.data).toEqual(Float32Array.of(1, 2));
  });

  test('a dead worker fails its request with 503 and is replaced', async () => {
    const deaths: number[] = [];
    let revivals = 0;
    const pool = await poolOver(identityModel('FP32'), {
      onDeath: (live) => deaths.push(live),
      onRevival: () => {
        revivals += 1;
      },
    });
    await pool.start();
    const watch = new WorkerWatch();
    const worker = pool.acquire()!;
    await worker.run([x()], ['y']);
    const ending = watch.killAll();
    watch.stop();
    // The one that it runs, and the one that waits there.
    for (const run of [worker.run([x()], ['y']), worker.run([x()], ['y'])]) {
      await expect(run).rejects.toMatchObject({ fault: { kind: 'unavailable' } });
    }
    await ending;
    await expect(worker.run([x()], ['y'])).rejects.toMatchObject({ fault: { kind: 'unavailable' } });
    pool.release(worker);
    await until(() => revivals === 1);
    expect(deaths).toEqual([0]);
    expect(pool.size).toBe(1);
    const next = pool.acquire()!;
    expect(next).not.toBe(worker);
    expect((await next.run([x()], ['y'])).outputs).toHaveLength(1);
  });

  test('closing waits for a replacement that is being loaded', async () => {
    const { promise: died, resolve: onDeath } = Promise.withResolvers<number>();
    const pool = await poolOver(identityModel('FP32'), { onDeath });
    await pool.start();
    const watch = new WorkerWatch();
    await pool.acquire()!.run([x()], ['y']);
    await watch.killAll();
    await died;
    await sleep(5);
    await pool.close();
    watch.stop();
    expect([...watch.seen].map(({ threadId }) => threadId)).toEqual([-1, -1]);
  });
});
