import { afterEach, describe, expect, test } from '@jest/globals';
import { Budget } from '../../../runtime/server/budget.ts';
import { slotBytes, type Geometry } from '../../../runtime/server/decoding/geometry.ts';
import { Engine } from '../../../runtime/server/engine.ts';
import { Memory } from '../../../runtime/server/memory.ts';
import type { Model } from '../../../runtime/server/model.ts';
import { folderRepository } from '../../../runtime/server/repository.ts';
import { echoArtefact } from '../../support/echo-artefact.ts';
import { folderWith, modelOptions, until } from '../../support/model-server.ts';
import { identityModel } from '../../support/onnx-model.ts';

/** As much of a model as a budget looks at. */
function model(name: string, version: string, usedAt: number, idle = true): Model {
  return { name, version, usedAt, idle, bytes: 1, memory: { loadBytes: 2 } } as unknown as Model;
}

const newcomer = { name: 'new', models: [model('new', '1', 9)], replaced: [], mayEvict: true };
const budgetOf = (bytes: number): Budget => new Budget(bytes, new Memory(2 ** 30));

describe('versions of a name', () => {
  const other = model('other', '1', 3);

  test('leave together, and come back as one', () => {
    const versions = [model('fraud', '1', 1), model('fraud', '2', 2)];
    const budget = budgetOf(3);
    expect(budget.makeRoom(newcomer, { models: [...versions, other], retiring: [] })).toEqual(versions);
    expect([budget.evictions, budget.absence('fraud')]).toEqual([2, { why: "it made room for 'new'", returns: true }]);
  });

  test('stay as long as one of them is in use', () => {
    const versions = [model('fraud', '1', 1, false), model('fraud', '2', 2)];
    expect(budgetOf(3).makeRoom(newcomer, { models: [...versions, other], retiring: [] })).toEqual([other]);
  });

  test('are as young as the youngest', () => {
    const versions = [model('fraud', '1', 1), model('fraud', '2', 4)];
    expect(budgetOf(3).makeRoom(newcomer, { models: [...versions, other], retiring: [] })).toEqual([other]);
  });
});

test('what retires takes its memory until it has ended', () => {
  const [served, retiring] = [model('a', '1', 1), model('b', '1', 0)];
  const budget = budgetOf(2);
  expect(budget.makeRoom(newcomer, { models: [served], retiring: [] })).toEqual([]);
  expect(budget.makeRoom(newcomer, { models: [served], retiring: [retiring] })).toEqual([served]);
  const two = { ...newcomer, models: [model('new', '1', 9), model('new', '2', 9)] };
  expect(() => budget.makeRoom(two, { models: [served], retiring: [retiring] })).toThrow('models in use have 1');
});

describe('an engine whose models have a budget', () => {
  const file = identityModel('FP32');
  const engines: Engine[] = [];
  afterEach(() => Promise.all(engines.splice(0).map((engine) => engine.stop())));

  /** With room for so many models; some of them may not have been loaded yet. */
  async function started(folders: readonly string[], room: number, memoryBytes = 2 ** 34): Promise<Engine> {
    const folder = await folderWith(Object.fromEntries(folders.map((name) => [`${name}/model.onnx`, file])));
    const options = {
      ...modelOptions,
      memoryBytes,
      modelControl: 'explicit',
      modelsBytes: room * file.length,
    } as const;
    const engine = new Engine(folderRepository(folder), options);
    engines.push(engine);
    await engine.start();
    return engine;
  }
  const filled = (engine: Engine): Promise<void> => until(() => engine.notReady === undefined);
  const served = ({ models }: Engine): readonly string[] =>
    models.map(({ name, version }) => `${name}/${version}`).sort();

  test('lets all versions of a model go or none, and brings all of them back', async () => {
    const engine = await started(['a/1', 'a/2', 'b'], 2);
    await filled(engine);
    engine.ready('a', '1');
    await engine.recall('b');
    expect(served(engine)).toEqual(['b/1']);
    await engine.recall('a');
    expect(served(engine)).toEqual(['a/1', 'a/2']);
  });

  test('does not wait for the last answer of one that is unloaded before it loads another', async () => {
    const engine = await started(['a', 'b', 'c'], 2);
    await filled(engine);
    const model = engine.find('a');
    const { promise: lastAnswer, resolve: answered } = Promise.withResolvers<void>();
    const retire = model.retire.bind(model);
    model.retire = async () => {
      await lastAnswer;
      await retire();
    };
    let isUnloaded = false;
    const unloaded = engine.unload('a').then(() => {
      isUnloaded = true;
    });
    try {
      await until(() => served(engine).join() === 'b/1');
      void engine.recall('c');
      // What still answers takes its memory, so that b makes room.
      await until(() => served(engine).join() === 'c/1', 30_000);
      expect(isUnloaded).toBe(false);
    } finally {
      answered();
      await unloaded;
    }
  });

  test('lets who asks for one that is not reached yet wait for it, and leaves away what is unloaded by then', async () => {
    const engine = await started(['a', 'b', 'c'], 3);
    const entry = (await engine.index()).find(({ name }) => name === 'c');
    expect(entry?.reason).toBe('Unloaded: not loaded yet');
    const recalled = engine.recall('c');
    expect(recalled).toBeDefined();
    await Promise.all([recalled, engine.unload('b')]);
    await filled(engine);
    expect(served(engine)).toEqual(['a/1', 'c/1']);
  });

  test('lets models go also where the memory of the process has no room to load others beside them', async () => {
    // Each takes twice its file while it is loaded: a third does not fit beside two.
    const engine = await started(['a', 'b', 'c'], 10, (96 << 20) + 3 * file.length);
    await filled(engine);
    expect(served(engine)).toEqual(['a/1', 'b/1']);
    expect(engine.budget.absence('c')?.why).toContain("model 'c' lacks ");
    engine.ready('b');
    await engine.recall('c');
    expect(served(engine)).toEqual(['b/1', 'c/1']);
  });

  test('counts a language model with its one session from the first on, however many others have', async () => {
    const artefact = echoArtefact();
    const fileBytes = artefact['echo/model.onnx']?.length ?? 0;
    const { decoder } = JSON.parse(String(artefact['echo/manifest.json'])) as { readonly decoder: Geometry };
    const modelsBytes = fileBytes + slotBytes(decoder);
    const instances = Math.ceil(modelsBytes / fileBytes) + 1;
    const options = { ...modelOptions, modelControl: 'explicit', slots: 1, modelsBytes, instances } as const;
    const engine = new Engine(folderRepository(await folderWith(artefact)), options);
    engines.push(engine);
    await engine.start();
    await filled(engine);
    expect(engine.budget.absence('echo')).toBeUndefined();
    expect(engine.find('echo').bytes).toBe(modelsBytes);
  });

  test('is ready where there is nothing to load', async () => {
    const engine = await started([], 1);
    await until(() => engine.notReady === undefined, 5000);
    expect(engine.models).toEqual([]);
  });
});
