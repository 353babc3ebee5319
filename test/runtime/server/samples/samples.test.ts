import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { TextCodec } from '../../../../runtime/server/decoding/text-codec.ts';
import { unavailable } from '../../../../runtime/server/protocol/errors.ts';
import type { Preprocessing } from '../../../../runtime/server/samples/preprocessing.ts';
import { samplesOf } from '../../../../runtime/server/samples/samples.ts';
import type { Upload } from '../../../../runtime/server/samples/upload.ts';
import type { Datatype } from '../../../../runtime/server/tensor.ts';
import { echoTokenizer } from '../../../support/echo-artefact.ts';
import { strict } from '../../../support/sample-tables.ts';

const picture = readFileSync('test/golden/pictures/grey.png');
const codec = new TextCodec({ tokenizer: echoTokenizer, config: {} });
const image: Preprocessing = {
  ...{ kind: 'image', channels: 3, height: 20, width: 10, layout: 'channelsFirst' },
  ...{ range: [0, 1], mean: [0, 0, 0], deviation: [1, 1, 1] },
};
const text: Preprocessing = { kind: 'text', contextLength: 8, padding: 256 };

const parts = (...files: readonly (Buffer | string)[]): Upload => ({
  kind: 'parts',
  parts: files.map((file) => Buffer.from(file as string)),
});
const json = (body: object): Upload => ({ kind: 'json', body: body as Readonly<Record<string, unknown>> });

/** What a request held when its samples were there, each time in a row, and the samples. */
async function held(preprocessing: Preprocessing, datatype: Datatype, upload: Upload) {
  const bytes: number[] = [];
  const share = { make: (more: number) => void bytes.push(more) };
  const input = { name: 'x', datatype, shape: [-1] };
  const samples = await samplesOf(upload, { input, preprocessing, codec, caller: { aborted: false }, share });
  return { bytes, samples };
}

describe('samples are held as the model takes them, all at once before the first', () => {
  const csv = '1,Oslo\n'.repeat(1000);
  test.each<[string, Preprocessing, Datatype, Upload, readonly number[], number]>([
    ['pictures', image, 'FP32', parts(picture, picture), [4 * 1200], 1200],
    ['pictures in JSON', image, 'UINT8', json({ images: [picture.toString('base64')] }), [600], 600],
    ['texts', text, 'INT64', json({ texts: ['a', 'b', 'c'] }), [8 * 24], 24],
    ['texts of a form', text, 'INT32', parts('a', 'b'), [4 * 16], 16],
    // Rows are numbers of 64 bits first.
    ['rows', strict, 'FP32', json({ rows: [{ age: 1, city: 'Oslo' }] }), [12 * 2], 2],
    ['a CSV, as it grows,', strict, 'FP64', parts(csv), [8 * 1024, 8 * 1024], 2000],
    ['the same', strict, 'FP32', parts(csv), [4 * 1024, 4 * 1024], 2000],
  ])('%s', async (_what, preprocessing, datatype, upload, bytes, length) => {
    const found = await held(preprocessing, datatype, upload);
    expect([found.bytes, found.samples.data.length]).toEqual([bytes, length]);
  });

  test('and no picture is looked at for which there is no room', async () => {
    const full = unavailable('full');
    const share = {
      make: () => {
        throw full;
      },
    };
    const input = { name: 'x', datatype: 'FP32', shape: [-1] } as const;
    const reader = { input, preprocessing: image, codec, caller: { aborted: false }, share };
    await expect(samplesOf(parts('no picture'), reader)).rejects.toBe(full);
  });
});

test('tokens are what they are in 64 bits, and rows are filled up', async () => {
  const { samples } = await held(text, 'INT64', json({ texts: ['ab', ''] }));
  const filled = (...tokens: readonly number[]): bigint[] =>
    [...tokens, ...Array<number>(8).fill(256)].slice(0, 8).map(BigInt);
  expect([...samples.data]).toEqual([...filled(97, 98), ...filled()]);
});
