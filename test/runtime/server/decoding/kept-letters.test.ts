import { describe, expect, test } from '@jest/globals';
import { lettersPerToken } from '../../../../runtime/server/decoding/kept-letters.ts';
import { echoTokenizer } from '../../../support/echo-artefact.ts';

const split = { type: 'Split', pattern: { Regex: '\\p{L}+' }, behavior: 'Isolated', invert: false };
const inParts = (...pretokenizers: object[]) => ({ pre_tokenizer: { type: 'Sequence', pretokenizers } });
const byteLevel = echoTokenizer.pre_tokenizer;
const addedToken = echoTokenizer.added_tokens[0]!;

const of = (changes: object, config: Readonly<Record<string, unknown>> = {}): number =>
  lettersPerToken({ tokenizer: { ...echoTokenizer, ...changes }, config }, 10, true);

describe('letters of a text for each of its tokens', () => {
  test.each<[string, object, number]>([
    ['bytes', {}, 10],
    ['bytes of words', inParts(split, { type: 'Digits', individual_digits: true }, byteLevel), 10],
    ['bytes of composed letters', { normalizer: { type: 'NFC' } }, 40],
  ])('are those of the longest token where tokens are %s', (_what, changes, most) => {
    expect(of(changes)).toBe(most);
  });

  test.each<[string, object]>([
    ['drops blanks and control characters', { normalizer: { type: 'BertNormalizer', clean_text: true } }],
    ['strips blanks', { normalizer: { type: 'Sequence', normalizers: [{ type: 'Strip' }] } }],
    ['drops what is between words', { pre_tokenizer: { type: 'BertPreTokenizer' } }],
    ['drops that in a part', inParts({ type: 'WhitespaceSplit' }, byteLevel)],
    ['drops what it splits by', inParts({ ...split, behavior: 'Removed' }, byteLevel)],
    ['drops what does not match', inParts({ ...split, invert: true }, byteLevel)],
    ['is not of bytes', { pre_tokenizer: split }],
    ['has none', { pre_tokenizer: null }],
    ['has unknown words', { model: { ...echoTokenizer.model, type: 'WordPiece' } }],
    ['has tokens that take blanks', { added_tokens: [{ ...addedToken, rstrip: true }] }],
  ])('may be any number where a tokenizer %s', (_what, changes) => {
    expect(of(changes)).toBe(Infinity);
  });

  test('may be any number where the other file says that blanks go, or a byte is no token', () => {
    expect(of({}, { remove_space: true })).toBe(Infinity);
    expect(lettersPerToken({ tokenizer: echoTokenizer, config: {} }, 10, false)).toBe(Infinity);
  });
});
