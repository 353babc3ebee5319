import { describe, expect, test } from '@jest/globals';
import { bytesOfToken } from '../../../../runtime/server/decoding/grammar/vocabulary.ts';
import { anyObject, grammarOfSchema } from '../../../../runtime/server/decoding/grammar/schema.ts';
import { TextCodec } from '../../../../runtime/server/decoding/text-codec.ts';
import { requireSpelling, TokenSpelling } from '../../../../runtime/server/decoding/token-spelling.ts';
import { echoTokenizer, echoTokenizerConfig } from '../../../support/echo-artefact.ts';

const geometry = { contract: 'split-v1' as const, layers: 1, heads: 1, headDim: 1, contextLength: 8, endTokens: [0] };

/** A tokenizer as sentencepiece's are converted: a token that begins with ▁ begins with a space, but at the start of a text. */
function spaced(pieces: readonly string[], added: readonly object[] = []): TextCodec {
  const vocab = Object.fromEntries(['<end>', '<unk>', '▁', 'a', ...pieces].map((piece, id) => [piece, id]));
  const parts = [
    { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    { type: 'Strip', content: ' ', start: 1, stop: 0 },
  ];
  const normalizer = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const model = { type: 'BPE', vocab, merges: [], unk_token: '<unk>', byte_fallback: true, fuse_unk: true };
  const decoder = { type: 'Sequence', decoders: parts };
  const special = { id: 0, content: '<end>', special: true, normalized: false };
  const tokenizer = {
    ...echoTokenizer,
    added_tokens: [special, ...added],
    normalizer,
    pre_tokenizer: null,
    decoder,
    model,
  };
  return new TextCodec({ tokenizer, config: {} });
}

async function spellings(codec: TextCodec, vocabulary: number): Promise<readonly string[]> {
  const { tokens } = await new TokenSpelling(codec, { ...geometry, vocabulary }).vocabulary();
  return Array.from({ length: vocabulary }, (_, token) => Buffer.from(bytesOfToken(tokens, token)).toString('latin1'));
}

describe('the bytes of tokens', () => {
  test('are one each where the tokens are bytes; special tokens, and numbers without a token, have none', async () => {
    const codec = new TextCodec({ tokenizer: echoTokenizer, config: echoTokenizerConfig });
    const expected = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
    expected[0] = '';
    expect(await spellings(codec, 261)).toEqual([...expected, '', '', '', '', '']);
  });

  test('have the space that they begin with', async () => {
    const found = await spellings(spaced(['▁true', '{"', '<0x22>', '<0x80>', '<0x90>', '<0xA0>', '<0xC3>']), 11);
    expect(found).toEqual(['', '<unk>', ' ', 'a', ' true', '{"', '"', '\x80', '\x90', '\xa0', '\xc3']);
  });

  test('are whole characters where one that is begun might never be finished', async () => {
    expect(await spellings(spaced(['<0xC3>', '<0x80>', 'é']), 7)).toEqual(['', '<unk>', ' ', 'a', '', '', 'Ã©']);
  });

  test('are the text of tokens that were added and are not special', async () => {
    const added = [{ id: 4, content: '<tool> é', special: false, normalized: false }];
    expect((await spellings(spaced([], added), 5))[4]).toBe('<tool> Ã©');
  });
});

describe('a grammar', () => {
  const refusalOf = async (schema: unknown, letters: string): Promise<string> => {
    const vocabulary = await new TokenSpelling(spaced(Array.from(letters)), {
      ...geometry,
      vocabulary: 40,
    }).vocabulary();
    try {
      requireSpelling(schema === undefined ? anyObject : grammarOfSchema(schema, false), vocabulary);
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
    return 'accepted';
  };

  test.each<[unknown, string, string]>([
    [undefined, '{}[]:,"0123456789truefalsn', 'accepted'],
    [undefined, '{}[]:,0123456789truefalsn', 'the model has no token for "\\""'],
    [{ type: 'integer' }, '0123456789', 'accepted'],
    [{ type: 'integer' }, '012345678', 'the model has no token for "9" alone'],
    [{ const: 'xy' }, '"x', 'the model has no token for "y" alone'],
    [{ properties: { z: {} }, type: 'object' }, '{}[]:,"0123456789truefalsn', 'the model has no token for "z" alone'],
  ])('%j needs its letters as tokens: %s', async (schema, letters, sentence) => {
    expect(await refusalOf(schema, letters)).toContain(sentence);
  });
});
