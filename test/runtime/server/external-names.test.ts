import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ExternalNames, isInside } from '../../../runtime/server/external-names.ts';
import { mlpModel, onnxModel } from '../../support/onnx-model.ts';

const weight = (name: string, file?: string) => {
  return { name, shape: [1], data: Float32Array.of(1), ...(file !== undefined && { file }) };
};

/** A sum of weights, some of them in files of their own. */
function modelOf(files: readonly (string | undefined)[]): Buffer {
  const weights = files.map((file, index) => weight(`w${String(index)}`, file));
  const value = (name: string) => ({ name, type: 'FP32', shape: [1] }) as const;
  const nodes = [{ op: 'Sum', inputs: ['x', ...weights.map(({ name }) => name)], outputs: ['y'] }];
  return onnxModel({ inputs: [value('x')], outputs: [value('y')], nodes, weights });
}

/** What is found where the file comes in pieces of so many bytes. */
function found(model: Buffer, pieceBytes: number): readonly string[] {
  const external = new ExternalNames();
  for (let at = 0; at < model.length; at += pieceBytes) external.push(model.subarray(at, at + pieceBytes));
  return external.names;
}

test('files are found once each, however the model is cut into pieces', () => {
  const long = `${'deep/'.repeat(40)}w.bin`;
  const model = modelOf(['model.onnx.data', undefined, 'b.bin', 'model.onnx.data', long, 'größe.bin']);
  const pieces = fc.integer({ min: 1, max: model.length });
  fc.assert(
    fc.property(pieces, (pieceBytes) => {
      expect(found(model, pieceBytes)).toEqual(['model.onnx.data', 'b.bin', long, 'größe.bin']);
    }),
  );
});

test('a model with its weights in itself names none', () => {
  expect(found(mlpModel([4, 8, 2]), 100)).toEqual([]);
});

test('whatever the bytes are, none are waited for without end', () => {
  const mark = Buffer.from('\n\u0008location\u0012\u00ff\u00ff', 'latin1');
  expect(found(Buffer.concat([mark, Buffer.alloc(1 << 16), modelOf(['b.bin'])]), 4096)).toEqual(['b.bin']);
});

test('a hostile file names no more than a model can have', () => {
  const names = Array.from({ length: 10_001 }, (_, index) => `w${String(index)}`);
  expect(found(modelOf(names), 1 << 16)).toHaveLength(10_000);
});

test.each([
  ['model.onnx.data', true],
  ['weights/0.bin', true],
  ['../w', false],
  ['a/../../w', false],
  ['/etc/passwd', false],
  ['a//b', false],
  ['', false],
  ['x'.repeat(256), false],
  ['a\\..\\b', false],
])('%p stays inside: %p', (path, inside) => {
  expect(isInside(path)).toBe(inside);
});
