import { describe, expect, test } from '@jest/globals';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { TextCodec } from '../../../../runtime/server/decoding/text-codec.ts';
import { echoTokenizer, echoTokenizerConfig } from '../../../support/echo-artefact.ts';

const codec = new TextCodec({ tokenizer: echoTokenizer, config: echoTokenizerConfig });
const options = { limit: 1000, special: true };

/** Words of BERT's kind: blanks are no tokens, and one is a word that is not in the vocabulary, however long it is. */
const words = new TextCodec({
  tokenizer: {
    ...echoTokenizer,
    added_tokens: [],
    normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, lowercase: true },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##' },
    model: {
      ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
      vocab: { '[UNK]': 0, a: 1, '##a': 2, hello: 3, world: 4 },
    },
  },
  config: {},
});
const goesOn = (): void => undefined;

describe('text and tokens', () => {
  test('go both ways', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (text) => {
        fc.pre(!/<(?:end|user|bot)>/.test(text));
        const tokens = codec.encode(text, options)!;
        expect(tokens).toEqual([...Buffer.from(text)]);
        expect(codec.decode(tokens)).toBe(text);
      }),
    );
  });

  test('special ones are read, and not written unless they stand alone', () => {
    expect(codec.encode('a<end>', options)).toEqual([97, 256]);
    expect(codec.decode([97, 256])).toBe('a');
    expect(codec.textOf(256)).toBe('<end>');
  });

  test('a text that is surely too long is not even encoded', () => {
    expect(codec.encode('x'.repeat(61), { limit: 10, special: true })).toBeUndefined();
    expect(codec.encode('x'.repeat(60), { limit: 10, special: true })).toHaveLength(60);
  });

  test.each<[string, string, readonly number[]]>([
    ['blanks', ' '.repeat(400) + 'hello world', [3, 4]],
    ['line feeds', '\n'.repeat(400) + 'hello world', [3, 4]],
    ['control characters', 'hello' + '\u0001'.repeat(400) + ' world', [3, 4]],
    ['a word that is longer than any known one', 'x'.repeat(400) + ' hello', [0, 3]],
    ['such a word, of which the start would be many tokens', 'a'.repeat(5000) + ' hello', [0, 3]],
    ['thousands of blanks', ' '.repeat(20_000) + 'hello world', [3, 4]],
  ])('a text with %s is as long as its tokens are', async (_what, text, tokens) => {
    expect(words.encode(text, { limit: 8, special: true })).toEqual(tokens);
    expect(await words.encodeStart(text, 8, goesOn)).toEqual(tokens);
  });

  test('the first tokens of a text are those of the whole', async () => {
    const pieces = ['hello', ' ', '\n', ' '.repeat(900), 'a'.repeat(90), 'a'.repeat(900), 'world '.repeat(300), 'é'];
    const texts = fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 40 }), async (text, count) => {
        const whole = words.encode(text, { limit: Infinity, special: true })!;
        expect(await words.encodeStart(text, count, goesOn)).toEqual(whole.slice(0, count));
        const within = words.encode(text, { limit: count, special: true });
        if (whole.length <= count) expect(within).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  test('of a text that is much too long the start alone is encoded', () => {
    const long = 'y'.repeat(100);
    const token = { ...echoTokenizer.added_tokens[0]!, id: 259, content: long };
    const tokenizer = { ...echoTokenizer, added_tokens: [...echoTokenizer.added_tokens, token] };
    const wide = new TextCodec({ tokenizer, config: echoTokenizerConfig });
    const prototype = Tokenizer.prototype as unknown as Record<'encode', (text: string, ...rest: unknown[]) => unknown>;
    const { encode } = prototype;
    const lengths: number[] = [];
    prototype.encode = function (text, ...rest) {
      lengths.push(text.length);
      return encode.call(this, text, ...rest);
    };
    try {
      expect(wide.encode('x'.repeat(9000), { limit: 100, special: true })).toBeUndefined();
      expect(wide.encode(long.repeat(90), { limit: 100, special: true })).toHaveLength(90);
      expect(wide.encode('x'.repeat(2000), { limit: 100, special: true })).toHaveLength(2000);
    } finally {
      prototype.encode = encode;
    }
    expect(lengths).toEqual([1856, 1856, 9000, 2000]);
  });

  test('a token is bytes, whole character or not', () => {
    expect(codec.bytesOf(0xf0)).toEqual([0xf0]);
    expect(codec.bytesOf(32)).toEqual([32]);
    expect(codec.bytesOf(256)).toEqual([...Buffer.from('<end>')]);
  });
});
