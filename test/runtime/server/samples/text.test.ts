import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { TextCodec } from '../../../../runtime/server/decoding/text-codec.ts';
import { readTexts } from '../../../../runtime/server/samples/text.ts';

interface Golden {
  readonly tokenizer: Record<string, unknown>;
  readonly contextLength: number;
  readonly padding: number;
  readonly texts: readonly string[];
  readonly rows: readonly (readonly number[])[];
}

async function all(rows: AsyncIterable<Float64Array>): Promise<readonly (readonly number[])[]> {
  const read: number[][] = [];
  for await (const row of rows) read.push([...row]);
  return read;
}

test('words are cut into pieces, ended, cut off and filled up as the trainer does it', async () => {
  // The trainer's own test reads the same file.
  const golden = JSON.parse(readFileSync('test/golden/texts/word-pieces.json', 'utf8')) as Golden;
  const { tokenizer, contextLength, padding, texts, rows } = golden;
  const codec = new TextCodec({ tokenizer, config: {} });
  const read = await all(readTexts(texts, codec, { kind: 'text', contextLength, padding }, () => undefined));
  expect(read).toEqual(rows);
});

test('nothing more is cut once nobody waits for it', async () => {
  const { tokenizer } = JSON.parse(readFileSync('test/golden/texts/word-pieces.json', 'utf8')) as Golden;
  const codec = new TextCodec({ tokenizer, config: {} });
  let left = 2;
  const goesOn = (): void => {
    if (left === 0) throw new Error('gone');
    left -= 1;
  };
  const preprocessing = { kind: 'text', contextLength: 4, padding: 0 } as const;
  const read = all(readTexts(['a', 'b', 'c', 'd'], codec, preprocessing, goesOn));
  await expect(read).rejects.toThrow('gone');
});
