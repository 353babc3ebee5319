import { describe, expect, test } from '@jest/globals';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { TextCodec } from '../../../../runtime/server/decoding/text-codec.ts';
import { echoTokenizer, echoTokenizerConfig } from '../../../support/echo-artefact.ts';

const codec = new TextCodec({ tokenizer: echoTokenizer, config: echoTokenizerConfig });
const options = { limit: 1000, special: true };

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
    expect(lengths).toEqual([1056, 1056, 9000, 2000]);
  });

  test('a token is bytes, whole character or not', () => {
    expect(codec.bytesOf(0xf0)).toEqual([0xf0]);
    expect(codec.bytesOf(32)).toEqual([32]);
    expect(codec.bytesOf(256)).toEqual([...Buffer.from('<end>')]);
  });
});
