import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { StopFilter, TokenText } from '../../../../runtime/server/decoding/text-stream.ts';

/** Every byte is a token. */
const decode = (tokens: readonly number[]): string => Buffer.from(tokens).toString();

describe('text of tokens', () => {
  test('is whole characters in every piece, and all of it in the end', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!text.includes('\u{fffd}'));
        const stream = new TokenText(decode);
        const pieces = [...Buffer.from(text)].map((token) => stream.push(token));
        expect(pieces.join('') + stream.flush()).toBe(text);
        expect(pieces.every((piece) => !piece.includes('\u{fffd}'))).toBe(true);
      }),
    );
  });

  test('that breaks off within a character ends with the sign for it', () => {
    const stream = new TokenText(decode);
    expect([0x61, 0xf0, 0x9f].map((token) => stream.push(token))).toEqual(['a', '', '']);
    expect(stream.flush()).toBe('\u{fffd}');
  });

  test('that never becomes a character is not held for ever', () => {
    const stream = new TokenText(decode);
    const pieces = Array.from({ length: 9 }, () => stream.push(0xff));
    expect(pieces.slice(0, 7).join('')).toBe('');
    expect(pieces[7]).toBe('\u{fffd}'.repeat(8));
  });

  test('does not grow dearer where tokens are no text', () => {
    let most = 0;
    const special = (tokens: readonly number[]): string => {
      most = Math.max(most, tokens.length);
      return tokens.map((token) => (token === 0 ? '' : 'a')).join('');
    };
    const stream = new TokenText(special);
    expect(Array.from({ length: 1000 }, (_, index) => stream.push(index % 500 === 499 ? 1 : 0)).join('')).toBe('aa');
    expect(most).toBeLessThan(20);
  });

  test('goes on from the prompt where tokenizers treat the first token otherwise', () => {
    // As SentencePiece: a space before every word, none at the beginning.
    const words = ['one', 'two'];
    const spaced = (tokens: readonly number[]): string => tokens.map((token) => words[token]).join(' ');
    expect(new TokenText(spaced, [0]).push(1)).toBe(' two');
    expect(new TokenText(spaced).push(1)).toBe('two');
  });
});

describe('stops', () => {
  test('end the text wherever its pieces are cut', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 30 });
    const stop = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        text,
        fc.array(stop, { maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 5 })),
        (all, stops, cuts) => {
          const filter = new StopFilter(stops);
          let sent = '';
          let stopped = false;
          for (let at = 0, turn = 0; at < all.length && !stopped; turn += 1) {
            const length = cuts[turn] ?? 1;
            const released = filter.push(all.slice(at, at + length));
            sent += released.text;
            stopped = released.stopped;
            at += length;
          }
          if (!stopped) sent += filter.flush();
          expect(stopped).toBe(stops.some((word) => all.includes(word)));
          // A piece that holds several stops ends at the first of them; pieces before could not know.
          if (!stopped) expect(sent).toBe(all);
          else expect(all.startsWith(sent) && stops.every((word) => !sent.includes(word))).toBe(true);
        },
      ),
    );
  });

  test('are held back as far as they may begin, no further', () => {
    const filter = new StopFilter(['END', 'never']);
    expect(filter.push('the EN')).toEqual({ text: 'the ', stopped: false });
    expect(filter.push('X')).toEqual({ text: 'ENX', stopped: false });
    expect(filter.push(' EN')).toEqual({ text: ' ', stopped: false });
    expect(filter.push('D of it')).toEqual({ text: '', stopped: true });
  });
});
