import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { InferenceSession } from 'onnxruntime-node';
import { createSession, optionsOf } from '../../../runtime/server/onnx.ts';
import { folderWith } from '../../support/model-server.ts';
import { externalModel, onnxModel, type Value } from '../../support/onnx-model.ts';

/** 0 plus the weight of a model that has it in such a file; a 7 lies in its folder and in the one above. */
async function sumWith(fileOf: (folder: string) => string): Promise<unknown> {
  const seven = Buffer.from(Float32Array.of(7).buffer);
  const folder = await folderWith({ 'seven.bin': seven, 'model/seven.bin': seven });
  const path = join(folder, 'model', 'model.onnx');
  await writeFile(path, externalModel(fileOf(folder)));
  const session = await createSession({ path, intraOpThreads: 1, providers: ['cpu'] });
  const [y] = await session.run([{ name: 'x', datatype: 'FP32', shape: [1], data: new Float32Array(1) }], ['y']);
  await session.release();
  return y?.data[0];
}

test('a model may have weights in a file beside it', async () => {
  expect(await sumWith(() => 'seven.bin')).toBe(7);
});

test.each<[string, (folder: string) => string]>([
  ['above it', () => '../seven.bin'],
  ['at an absolute path', (folder) => join(folder, 'seven.bin')],
])('but no file %s', async (_where, fileOf) => {
  await expect(sumWith(fileOf)).rejects.toThrow(/External data path/);
});

const row = { type: 'FP32', shape: ['batch', 4] } as const;

test.each<[string, Value, Value, string, string]>([
  [
    'a list of tensors',
    { ...row, name: 'x' },
    { ...row, name: 'y', isSequence: true },
    'SplitToSequence',
    "'y' is not a tensor",
  ],
  [
    'halves of another kind',
    { ...row, name: 'x', type: 'BF16' },
    { ...row, name: 'y', type: 'BF16' },
    'Identity',
    'an input or output has the element type bfloat16, which cannot be served',
  ],
])('a model with %s is refused in a sentence', async (_, input, output, op, sentence) => {
  const model = onnxModel({ inputs: [input], outputs: [output], nodes: [{ op, inputs: ['x'], outputs: ['y'] }] });
  const path = join(await folderWith({ 'model.onnx': model }), 'model.onnx');
  await expect(createSession({ path, intraOpThreads: 1, providers: ['cpu'] })).rejects.toThrow(sentence);
});

/** x · weights · 2, as attention scales its scores: whether the scale became a part of the product. */
async function isScaledWithin(asked: { readonly writesTokens?: boolean }): Promise<boolean> {
  const model = onnxModel({
    inputs: [
      { name: 'x', type: 'FP32', shape: ['batch', 1, 4] },
      { name: 'keys', type: 'FP32', shape: ['batch', 4, 'length'] },
    ],
    outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 1, 'length'] }],
    nodes: [
      { op: 'Mul', inputs: ['x', 'two'], outputs: ['twice'] },
      { op: 'MatMul', inputs: ['twice', 'keys'], outputs: ['y'] },
    ],
    weights: [{ name: 'two', shape: [1], data: Float32Array.of(2) }],
  });
  const folder = await folderWith({ 'model.onnx': model });
  const optimizedModelFilePath = join(folder, 'optimised.onnx');
  const session = await InferenceSession.create(join(folder, 'model.onnx'), {
    ...optionsOf('cpu', { intraOpThreads: 1, providers: ['cpu'], ...asked }),
    optimizedModelFilePath,
  });
  await session.release();
  return (await readFile(optimizedModelFilePath)).includes('FusedMatMul');
}

test('keys are not copied for their scale in a model that writes tokens', async () => {
  expect([await isScaledWithin({}), await isScaledWithin({ writesTokens: true })]).toEqual([true, false]);
});
