import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Automaton, complete } from '../../../../../runtime/server/decoding/grammar/automaton.ts';
import { Masks, type Mask } from '../../../../../runtime/server/decoding/grammar/masks.ts';
import { anyObject, grammarOfSchema } from '../../../../../runtime/server/decoding/grammar/schema.ts';
import { byteTokens, tokenBytes } from '../../../../support/token-bytes.ts';

const schema = {
  type: 'object',
  properties: { name: { enum: ['Ann', 'Bob é'] }, tags: { type: 'array', items: { type: 'string' } } },
  required: ['name'],
};
const automata = [new Automaton(anyObject), new Automaton(grammarOfSchema(schema, false))];

/** Pieces of JSON, of strings, and of characters. */
const fragment = fc.oneof(
  fc.constantFrom(
    '"',
    '":',
    '", "',
    '}}',
    '],',
    '{"',
    ' [',
    'null',
    'true}',
    '12',
    '.5e',
    '\\',
    '\\u00',
    'name": "',
    'é',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const token = fc
  .tuple(fc.array(fragment, { maxLength: 3 }), fc.nat(2))
  .map(([parts, cut]) => Buffer.from(parts.join('')).subarray(cut));

const isAllowed = (mask: Mask, index: number): boolean => ((mask[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;

describe('a mask', () => {
  test('has exactly the tokens that the automaton takes, wherever in a text it stands', () => {
    const choices = fc.array(fc.nat(), { maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 60 }),
        fc.constantFrom(...automata),
        choices,
        (others, automaton, picks) => {
          const tokens = [...byteTokens, ...others, Buffer.alloc(0)];
          const end = tokens.length;
          const masks = new Masks(tokenBytes([...tokens, Buffer.alloc(0)]), [end]);
          let state = automaton.start;
          for (const pick of picks) {
            const mask = masks.mask(automaton, state);
            const expected = tokens.map((bytes) => bytes.length > 0 && automaton.accepts(state, bytes) !== undefined);
            expect(tokens.map((_, index) => isAllowed(mask, index))).toEqual(expected);
            expect(isAllowed(mask, end)).toBe(complete(state));
            const possible = tokens.filter((_, index) => expected[index]);
            if (possible.length === 0) return;
            state = automaton.accepts(state, possible[pick % possible.length]!)!;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('has no token that ends a string in the middle of a character or of an escape', () => {
    const tokens = [
      [0xc3, 0x22],
      [0xf0, 0x9f, 0x22, 0x3a],
      [0x5c, 0x75, 0x22],
      [0x5c, 0x22],
      [0xc3, 0xa9, 0x22],
    ];
    const masks = new Masks(tokenBytes(tokens.map((bytes) => Uint8Array.from(bytes))), []);
    const [automaton] = automata;
    const mask = masks.mask(automaton!, automaton!.accepts(automaton!.start, Buffer.from('{"'))!);
    expect(tokens.map((_, index) => isAllowed(mask, index))).toEqual([false, false, false, true, true]);
  });

  test('is made once for a state', () => {
    const masks = new Masks(tokenBytes(byteTokens), []);
    const [automaton] = automata;
    const state = automaton!.accepts(automaton!.start, Buffer.from('{"a": ['))!;
    expect(masks.mask(automaton!, state)).toBe(masks.mask(automaton!, state));
  });

  test('has the end where the text may end alone, also beyond the tokens that spell something', () => {
    const automaton = new Automaton(grammarOfSchema({ type: 'integer' }, false));
    const masks = new Masks(tokenBytes(byteTokens), [700]);
    const after = (text: string): Mask => masks.mask(automaton, automaton.accepts(automaton.start, Buffer.from(text))!);
    expect(isAllowed(after('-'), 700)).toBe(false);
    expect(isAllowed(after('-1'), 700)).toBe(true);
    expect(isAllowed(after('-1'), 0x30)).toBe(true);
  });
});
