import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Engine, type EngineOptions } from '../../../runtime/server/engine.ts';
import type { Model } from '../../../runtime/server/model.ts';
import type { InferenceRequest } from '../../../runtime/server/protocol/request.ts';
import { failed, folderRepository, type Fetched, type Repository } from '../../../runtime/server/repository.ts';
import { folderWith, modelOptions, until } from '../../support/model-server.ts';
import { gatherModel, identityModel, mlpModel, onnxModel, type Node } from '../../support/onnx-model.ts';
import { WorkerWatch } from '../../support/worker-threads.ts';

const engines: Engine[] = [];

async function engineOver(folder: string, options: Partial<EngineOptions> = {}): Promise<Engine> {
  const engine = new Engine(folderRepository(folder), { ...modelOptions, ...options });
  engines.push(engine);
  await engine.start();
  return engine;
}

async function modelFrom(
  files: Record<string, Uint8Array | string>,
  options: Partial<EngineOptions> = {},
): Promise<Model> {
  const engine = await engineOver(await folderWith(files), options);
  const model = engine.models[0]!;
  await until(() => model.notReady?.reason !== 'Loading');
  return model;
}

afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
});

const request = (rows: number, value = 1): InferenceRequest => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [rows, 2], data: new Float32Array(rows * 2).fill(value) }],
  outputs: [{ name: 'y', binary: false }],
});

/** x [batch, 2] → y by one operator. */
const operator = (node: Omit<Node, 'inputs' | 'outputs'>, shape: (number | string)[] = ['batch', 2]): Buffer =>
  onnxModel({
    inputs: [{ name: 'x', type: 'FP32', shape }],
    outputs: [{ name: 'y', type: 'FP32', shape }],
    nodes: [{ ...node, inputs: ['x'], outputs: ['y'] }],
  });

describe('batching is proven at load', () => {
  test.each([
    ['rows on their own', operator({ op: 'Softmax', attributes: { axis: 1 } }), 32],
    ['rows that touch each other', operator({ op: 'Softmax', attributes: { axis: 0 } }), 1],
    ['a fixed batch axis', operator({ op: 'Identity' }, [1, 2]), 1],
    [
      'an output without rows',
      onnxModel({
        inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 2] }],
        outputs: [{ name: 'y', type: 'FP32', shape: ['other', 1] }],
        nodes: [{ op: 'ReduceMax', inputs: ['x'], outputs: ['y'] }],
      }),
      1,
    ],
    ['dynamic width', identityModel('FP32'), 32],
    ['strings', identityModel('BYTES'), 32],
    ['halves', identityModel('FP16'), 32],
  ])('%s', async (_what, bytes, maxBatch) => {
    const model = await modelFrom({ 'm/model.onnx': bytes });
    expect(model.notReady).toBeUndefined();
    expect(model.facts).toMatchObject({ maxBatch, provider: 'cpu' });
  });

  test('tiny models run on the main thread, in batches as large as were measured', async () => {
    const model = await modelFrom({ 'm/model.onnx': operator({ op: 'Identity' }) });
    // On a machine that is busy beyond measure it may not be found to be short; the answers are the same.
    const results = await Promise.all([1, 32, 33].map((rows) => model.infer(request(rows, rows))));
    expect(results.map(({ outputs }) => outputs[0]!.data.at(-1))).toEqual([1, 32, 33]);
    expect(typeof model.facts?.onMainThread).toBe('boolean');
  });

  test('a model that cannot be joined still answers everybody, one by one', async () => {
    const model = await modelFrom({ 'm/model.onnx': operator({ op: 'Softmax', attributes: { axis: 0 } }) });
    const results = await Promise.all([1, 2, 4].map((rows) => model.infer(request(rows))));
    expect(results.map(({ outputs }) => outputs[0]!.data[0])).toEqual([1, 0.5, 0.25]);
    expect(model.statistics).toMatchObject({ executions: 3, inferences: 7, succeeded: 3 });
  });
});

describe('a model', () => {
  test('joins requests and gives each its own rows', async () => {
    const model = await modelFrom({ 'm/model.onnx': identityModel('FP32') });
    const rows = Array.from({ length: 40 }, (_, index) => (index % 3) + 1);
    const results = await Promise.all(rows.map((count, index) => model.infer(request(count, index))));
    results.forEach(({ outputs }, index) => {
      expect(outputs[0]).toMatchObject({ name: 'y', shape: [rows[index], 2] });
      expect(Array.from(outputs[0]!.data as Float32Array)).toEqual(new Array(rows[index]! * 2).fill(index));
    });
    expect(model.statistics.inferences).toBe(rows.reduce((a, b) => a + b));
    expect(model.statistics.executions).toBeLessThan(rows.length);
  });

  test('inputs that disagree on rows are refused', async () => {
    const both = ['a', 'b'].map((name) => ({ name, type: 'FP32' as const, shape: ['batch', 2] }));
    const model = await modelFrom({
      'm/model.onnx': onnxModel({
        inputs: both,
        outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 2] }],
        nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
      }),
    });
    const input = (name: string, rows: number) => ({ ...request(rows).inputs[0]!, name });
    const wrong = { inputs: [input('a', 1), input('b', 2)], outputs: [{ name: 'y', binary: false }] };
    await expect(model.infer(wrong)).rejects.toThrow("input 'b' has 2 rows, 'a' has 1");
    expect(model.statistics.failed).toBe(1);
  });

  test('two sessions answer at once', async () => {
    const model = await modelFrom({ 'm/model.onnx': mlpModel([2, 4, 2]) }, { instances: 2, maxBatch: 1 });
    const outputs = [{ name: 'logits', binary: false }];
    const results = await Promise.all([1, 1, 1, 1].map((rows) => model.infer({ ...request(rows), outputs })));
    expect(results).toHaveLength(4);
    expect(model.statistics.executions).toBe(4);
  });
});

describe('a model that is not there yet', () => {
  test('is waited for, and served when it comes', async () => {
    const folder = await folderWith({ 'm/notes.txt': '' });
    const engine = await engineOver(folder);
    const model = engine.find('m');
    await until(() => model.notReady?.reason === 'ArtefactMissing');
    expect(engine.notReady).toContain("model 'm' is not ready: ArtefactMissing:");
    await expect(model.infer(request(1))).rejects.toMatchObject({ fault: { kind: 'unavailable' } });
    await mkdir(join(folder, 'm'), { recursive: true });
    await writeFile(join(folder, 'm', 'model.onnx'), identityModel('FP32'));
    await until(() => engine.notReady === undefined);
    expect((await model.infer(request(1))).outputs).toHaveLength(1);
  });

  const manifest = (bytes: Uint8Array, changes: object = {}): string =>
    JSON.stringify({
      manifestVersion: 'v1',
      sha256: createHash('sha256').update(bytes).digest('hex'),
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1] }],
      ...changes,
    });
  const identity = identityModel('FP32');

  test.each([
    [
      'ManifestInvalid',
      {
        'm/model.onnx': identity,
        'm/manifest.json': manifest(identity, { outputs: [{ name: 'z', datatype: 'FP32', shape: [-1] }] }),
      },
    ],
    ['DigestMismatch', { 'm/model.onnx': identity, 'm/manifest.json': manifest(Buffer.from('other')) }],
    ['LoadFailed', { 'm/model.onnx': 'not a model' }],
    ['LoadFailed', { 'm/model.onnx': operator({ op: 'Reshape' }) }],
  ])('%s is told', async (reason, files) => {
    const model = await modelFrom(files);
    expect(model.notReady?.reason).toBe(reason);
    expect(model.facts).toBeUndefined();
  });

  test('labels come with the manifest', async () => {
    const model = await modelFrom({
      'm/model.onnx': identity,
      'm/manifest.json': manifest(identity, { labels: ['cat', 'dog'] }),
    });
    expect(model.facts?.labels).toEqual(['cat', 'dog']);
  });
});

describe('faults', () => {
  test('a model whose workers died is not ready until they are back', async () => {
    const watch = new WorkerWatch();
    const model = await modelFrom({ 'm/model.onnx': identityModel('FP32') });
    const ending = watch.killAll();
    watch.stop();
    await ending;
    await until(() => model.statistics.workerDeaths === 1);
    await until(() => model.notReady === undefined);
    expect((await model.infer(request(1))).outputs).toHaveLength(1);
  });

  test('one request with bad data does not fail its neighbours', async () => {
    const model = await modelFrom({ 'm/model.onnx': gatherModel() });
    const ask = (index: bigint): Promise<unknown> =>
      model.infer({
        inputs: [{ name: 'x', datatype: 'INT64', shape: [1], data: BigInt64Array.of(index) }],
        outputs: [{ name: 'y', binary: false }],
      });
    const outcomes = await Promise.allSettled([ask(1n), ask(99n), ask(2n)]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { fault: { kind: 'invalid' } } });
  });

  test('stopping while the model is missing ends at once', async () => {
    const engine = await engineOver(await folderWith({ 'm/notes.txt': '' }), { random: () => 1 });
    await until(() => engine.find('m').notReady?.reason === 'ArtefactMissing');
    await engine.stop();
    expect(engine.notReady).toBeDefined();
  });
});

describe('stopping while a model is loaded', () => {
  /** A model that is being fetched until it is given up. */
  function endless() {
    const begun = Promise.withResolvers<AbortSignal>();
    const fetch = (signal: AbortSignal): Promise<Fetched> => {
      begun.resolve(signal);
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(failed('StoreUnavailable', 'given up')), { once: true });
      });
    };
    const source = { name: 'm', version: '1', stamp: '', bytes: 1, fetch };
    return { begun: begun.promise, list: () => Promise.resolve([source]) };
  }
  const engineOf = (repository: Repository, options: Partial<EngineOptions>): Engine =>
    new Engine(repository, { ...modelOptions, modelControl: 'explicit', ...options });

  test('on request gives that up', async () => {
    const { begun, list } = endless();
    let listed = 0;
    // At the start there is none.
    const engine = engineOf({ list: async () => ((listed += 1) > 1 ? list() : []) }, {});
    await engine.start();
    const loaded = engine.load('m').catch((error: unknown) => String(error));
    const signal = await begun;
    await engine.stop();
    expect(signal.aborted).toBe(true);
    expect(await loaded).toContain('given up');
    expect(engine.models).toEqual([]);
  });

  test('at the start, under a budget, gives that up', async () => {
    const { begun, list } = endless();
    const engine = engineOf({ list }, { modelsBytes: 10 });
    await engine.start();
    const signal = await begun;
    await engine.stop();
    expect(signal.aborted).toBe(true);
  });
});

describe('names and versions', () => {
  test('the newest version answers unless one is named', async () => {
    const identity2 = identityModel('FP32');
    const engine = await engineOver(await folderWith({ 'm/2/model.onnx': identity2, 'm/10/model.onnx': identity2 }));
    expect(engine.find('m').version).toBe('10');
    expect(engine.find('m', '2').version).toBe('2');
    expect(engine.versionsOf('m').map(({ version }) => version)).toEqual(['10', '2']);
    expect(() => engine.find('m', '3')).toThrow("there is no version '3' of model 'm'");
    expect(() => engine.find('n')).toThrow("there is no model 'n'");
    expect(() => engine.find('n'.repeat(1000))).toThrow(/^there is no model 'n{200}'$/);
    expect(() => engine.find('m', '3'.repeat(1000))).toThrow(/^there is no version '3{200}' of model 'm'$/);
    await until(() => engine.notReady === undefined);
  });

  test('a look that was begun before another one is not followed after it', async () => {
    const folder = await folderWith({});
    const repository = folderRepository(folder);
    const slowly = Promise.withResolvers<void>();
    // At the start, and long before it is told, there is nothing.
    const looks = [() => [], () => slowly.promise.then(() => []), () => repository.list()];
    const list = async () => looks.shift()!();
    const engine = new Engine({ list }, { ...modelOptions, modelControl: 'poll' });
    engines.push(engine);
    await engine.start();
    const before = engine.rescan();
    await mkdir(join(folder, 'm'));
    await writeFile(join(folder, 'm/model.onnx'), identityModel('FP32'));
    await engine.rescan();
    slowly.resolve();
    await before;
    expect(engine.models.map(({ name }) => name)).toEqual(['m']);
  });

  test('a server without models is not ready', async () => {
    const engine = await engineOver(await folderWith({}));
    expect(engine.notReady).toBe('there is no model to serve');
  });
});
