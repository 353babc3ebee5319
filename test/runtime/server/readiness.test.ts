import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { Engine, type ModelControl } from '../../../runtime/server/engine.ts';
import type { InferenceRequest } from '../../../runtime/server/protocol/request.ts';
import { folderRepository } from '../../../runtime/server/repository.ts';
import { folderWith, modelOptions, until } from '../../support/model-server.ts';
import { identityModel } from '../../support/onnx-model.ts';

const engines: Engine[] = [];

async function engineOver(folder: string, modelControl: ModelControl = 'none'): Promise<Engine> {
  const engine = new Engine(folderRepository(folder), { ...modelOptions, modelControl });
  engines.push(engine);
  await engine.start();
  return engine;
}

afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
});

/** A new one each time: a model may give its numbers away. */
const request = (): InferenceRequest => {
  return {
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: new Float32Array(2) }],
    outputs: [{ name: 'y', binary: false }],
  };
};

test.each(['1 is there', '2 is there', 'nothing else is'])(
  'a newest version that cannot be loaded leaves those alone that can, where %s',
  async (what) => {
    const whole = { '1 is there': ['1'], '2 is there': ['1', '2'] }[what] ?? [];
    const files = Object.fromEntries(whole.map((version) => [`m/${version}/model.onnx`, identityModel('FP32')]));
    const engine = await engineOver(await folderWith({ ...files, 'm/10/model.onnx': 'half a file' }));
    await until(() => engine.models.every(({ notReady }) => notReady?.reason !== 'Loading'));
    const [newest = '10'] = whole.toReversed();
    expect(engine.find('m').version).toBe(newest);
    expect(() => engine.ready('m', '10')).toThrow('the model is not ready');
    const sentence = expect.stringContaining("model 'm' is not ready: LoadFailed");
    const isServed = whole.length > 0;
    expect([engine.notReady, engine.passedOver]).toEqual(
      isServed ? [undefined, expect.stringContaining('version 10 of ')] : [sentence, undefined],
    );
    if (isServed) expect((await engine.find('m').infer(request())).outputs).toHaveLength(1);
  },
);

test('such a version answers once it can be loaded', async () => {
  const folder = await folderWith({ 'm/1/model.onnx': identityModel('FP32'), 'm/2/model.onnx': 'half a file' });
  const engine = await engineOver(folder, 'poll');
  await until(() => engine.notReady === undefined);
  expect(engine.find('m').version).toBe('1');
  await writeFile(join(folder, 'm/2/model.onnx'), identityModel('FP32'));
  const looked = engine.rescan();
  await until(() => {
    expect(engine.notReady).toBeUndefined();
    return engine.passedOver === undefined;
  });
  await looked;
  expect(engine.find('m').version).toBe('2');
});
