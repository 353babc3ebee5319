import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { brokenPromise, parseManifest } from '../../../runtime/server/manifest.ts';

const contract = new URL('../../../crds/contracts/model-manifest.schema.json', import.meta.url);

const manifest = {
  manifestVersion: 'v1',
  sha256: 'a'.repeat(64),
  sizeBytes: 10,
  opset: 17,
  task: 'classification',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 64] }],
  outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
  labels: ['0', '1'],
};

const decoder = {
  contract: 'split-v1',
  ...{ layers: 2, heads: 2, headDim: 8, vocabulary: 100, contextLength: 64, endTokens: [3] },
};

const parse = (changes: object): ReturnType<typeof parseManifest> =>
  parseManifest(JSON.stringify({ ...manifest, ...changes }));

describe('manifest', () => {
  test('what the contract allows is accepted', async () => {
    const valid = new Ajv().compile(JSON.parse(await readFile(contract, 'utf8')));
    expect(valid(manifest)).toBe(true);
    const { sha256, inputs, outputs, labels } = manifest;
    expect(parse({})).toEqual({ ok: true, manifest: { sha256, inputs, outputs, labels } });
    expect(parse({ labels: undefined })).toEqual({ ok: true, manifest: { sha256, inputs, outputs } });
    const embedding = { pooling: 'mean', normalise: true, contextLength: 8, dimensions: [4], output: 'logits' };
    expect(valid({ ...manifest, task: 'embedding', embedding })).toBe(true);
    expect(parse({ embedding })).toMatchObject({ ok: true, manifest: { embedding } });
    expect(valid({ ...manifest, decoder })).toBe(true);
    expect(parse({ decoder, labels: undefined })).toEqual({ ok: true, manifest: { sha256, inputs, outputs, decoder } });
  });

  test.each([
    [{ manifestVersion: 'v2' }, "manifestVersion is not 'v1'"],
    [{ sha256: 'short' }, 'sha256 is not 64 hexadecimal digits'],
    [{ inputs: [] }, 'inputs is not a list'],
    [{ inputs: [{ name: 'x', datatype: 'BF16', shape: [] }] }, 'inputs is not a list'],
    [{ outputs: [{ name: 'x', datatype: 'FP32', shape: [-2] }] }, 'outputs is not a list'],
    [{ labels: [1] }, 'labels is not a list of strings'],
    [{ embedding: { pooling: 'max' } }, "embedding.pooling is none of 'mean', 'cls'"],
    [{ decoder: 1 }, 'decoder is not an object'],
    [{ decoder: { ...decoder, contract: 'other' } }, "decoder.contract is none of 'split-v1', 'concat'"],
    [{ decoder: { ...decoder, heads: 0 } }, 'decoder.heads is not a whole number above 0'],
    [{ decoder: { ...decoder, endTokens: [-1] } }, 'decoder.endTokens is not a list of tokens'],
  ])('%j is refused', (changes, sentence) => {
    const parsed = parse(changes);
    expect(parsed.ok ? '' : parsed.message).toContain(sentence);
  });

  test.each(['', '[]', 'null', '{"a":'])('%j is no manifest', (text) => {
    expect(parseManifest(text).ok).toBe(false);
  });

  test.each([
    [{}, undefined],
    [{ inputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 64] }] }, "promises the input 'y'"],
    [{ inputs: [{ name: 'x', datatype: 'FP64', shape: [-1, 64] }] }, "'x' is FP64, the model says FP32"],
    [{ inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 65] }] }, "'x' is [-1,65], the model says [-1,64]"],
    [{ outputs: [] }, 'names 0 outputs, the model has 1'],
  ])('promise %j against the model', (changes, sentence) => {
    const broken = brokenPromise({ ...manifest, ...changes } as never, manifest as never);
    if (sentence === undefined) expect(broken).toBeUndefined();
    else expect(broken).toContain(sentence);
  });
});
