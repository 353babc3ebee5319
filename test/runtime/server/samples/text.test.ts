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

test('words are cut into pieces, ended, cut off and filled up as the trainer does it', async () => {
  // The trainer's own test reads the same file.
  const golden = JSON.parse(readFileSync('test/golden/texts/word-pieces.json', 'utf8')) as Golden;
  const { tokenizer, contextLength, padding, texts, rows } = golden;
  const codec = new TextCodec({ tokenizer, config: {} });
  const elements = await readTexts(texts, codec, { kind: 'text', contextLength, padding }, () => undefined);
  const read = texts.map((_, row) => [...elements.slice(row * contextLength, (row + 1) * contextLength)]);
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
  await expect(readTexts(['a', 'b', 'c', 'd'], codec, preprocessing, goesOn)).rejects.toThrow('gone');
});
