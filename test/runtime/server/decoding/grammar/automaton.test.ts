import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { Automaton, complete, finished, type State } from '../../../../../runtime/server/decoding/grammar/automaton.ts';
import type { Grammar } from '../../../../../runtime/server/decoding/grammar/grammar.ts';
import { anyObject, grammarOfSchema } from '../../../../../runtime/server/decoding/grammar/schema.ts';
import { randomFrom } from '../../../../../runtime/server/decoding/sampling.ts';
import { schemas } from '../../../../support/schemas.ts';
import { walk } from '../../../../support/walks.ts';

const any = new Automaton(anyObject);
const ajv = new Ajv2020({ strict: false });

/** Whether a text may come, and whether it may end there. */
function verdict(automaton: Automaton, text: string): 'impossible' | 'beginning' | 'whole' {
  const state = automaton.accepts(automaton.start, Buffer.from(text));
  if (state === undefined) return 'impossible';
  return complete(state) ? 'whole' : 'beginning';
}

const automatonOf = (schema: unknown): Automaton => new Automaton(grammarOfSchema(schema, false));

/** Three digits of an exponent are more than is written here. */
function moderate(_key: string, value: unknown): unknown {
  return typeof value === 'number' && /e[+-]\d{3}/.test(String(value)) ? -1.5e-7 : value;
}

const texts = fc
  .tuple(fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ stringUnit: 'binary' })), fc.nat(2))
  .map(([value, indent]) => JSON.stringify(value, moderate, indent));

describe('any object', () => {
  test('is accepted byte by byte as JSON.stringify writes it, and is whole at its end alone', () => {
    fc.assert(
      fc.property(texts, (text) => {
        let state = any.start;
        for (const byte of Buffer.from(text)) {
          const next = any.step(state, byte);
          if (next === undefined || complete(state)) throw new Error(`byte ${byte} of ${text} was refused`);
          state = next;
        }
        expect([complete(state), finished(state)]).toEqual([true, true]);
      }),
    );
  });

  test('is nothing else than what JSON.parse reads', () => {
    const changes = fc.tuple(fc.nat(), fc.nat(2), fc.constantFrom(...Buffer.from(' ,:"\\{}[]019.eE+-tuna\t\u0001é')));
    let whole = 0;
    fc.assert(
      fc.property(texts, fc.array(changes, { minLength: 1, maxLength: 3 }), (text, edits) => {
        const bytes = [...Buffer.from(text)];
        for (const [at, removed, byte] of edits) bytes.splice(at % bytes.length, removed, byte);
        const state = any.accepts(any.start, bytes);
        if (state === undefined || !complete(state)) return;
        whole += 1;
        const decoded = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes));
        expect(JSON.parse(decoded)).toBeInstanceOf(Object);
      }),
      { numRuns: 1000 },
    );
    expect(whole).toBeGreaterThan(10);
  });

  test.each([
    ['{"a":01', 'a zero before digits'],
    ['{"a":1.}', 'a point without digits'],
    ['{"a":.5', 'a point first'],
    ['{"a":+1', 'a plus'],
    ['{"a":--1', 'two signs'],
    ['{"a":1e}', 'an exponent without digits'],
    ['{"a":1e100', 'an exponent beyond what is finite'],
    [`{"a":${'1'.repeat(22)}`, 'digits without end'],
    ['{"a":tru}', 'half a word'],
    ['{"a":NaN', 'no number'],
    ['{"a":"\n', 'a line break in a string'],
    ['{"a":"\\x', 'an unknown escape'],
    ['{"a":"\\u12g', 'half an escape'],
    ['{"a"}', 'a name without a value'],
    ['{"a":1,}', 'a comma at the end'],
    ['{,', 'a comma at the start'],
    ['{"a":[1,]', 'a comma at the end of a list'],
    ['{"a":[,', 'a comma at the start of a list'],
    ['{"a":[1}', 'another bracket'],
    ['{a', 'a name without quotes'],
    ["{'a'", 'single quotes'],
    ['{} ', 'white space after the end'],
    ['{}{', 'a second value'],
    ['[', 'a list as the whole'],
    [`{${' '.repeat(21)}`, 'white space without end'],
    [`{"a":${'['.repeat(32)}`, 'lists without end'],
  ])('is never %s: %s', (text) => {
    expect(verdict(any, text)).toBe('impossible');
  });

  test.each([
    ['an overlong form', [0xc0, 0x80]],
    ['another overlong form', [0xe0, 0x80]],
    ['half a surrogate', [0xed, 0xa0]],
    ['beyond Unicode', [0xf4, 0x90]],
    ['a tail without a head', [0x80]],
    ['a head without its tail', [0xc3, 0x22]],
  ])('has no %s in a string', (_what, bytes) => {
    expect(any.accepts(any.start, [...Buffer.from('{"'), ...bytes])).toBeUndefined();
  });

  test('has as many levels as the limit', () => {
    expect(verdict(any, `{"a":${'['.repeat(31)}${']'.repeat(31)}}`)).toBe('whole');
  });
});

/** The grammar of a schema, undefined where nothing fits it. */
function fitting(schema: unknown): Grammar | undefined {
  try {
    return grammarOfSchema(schema, false);
  } catch (error) {
    if (
      error instanceof Error &&
      /nothing fits|no instance|must not be|more than the most|comes back to itself/.test(error.message)
    )
      return undefined;
    throw error;
  }
}

describe('a schema', () => {
  test('is fitted by every text that is written at random', () => {
    let walked = 0;
    fc.assert(
      fc.property(schemas, fc.integer(), (schema, seed) => {
        const grammar = fitting(schema);
        fc.pre(grammar !== undefined);
        const random = randomFrom(seed);
        const automaton = new Automaton(grammar);
        for (let time = 0; time < 5; time += 1) {
          const text = walk(automaton, schema, random);
          if (text === undefined) continue;
          walked += 1;
          if (!ajv.validate(schema, JSON.parse(text))) throw new Error(`${text}: ${ajv.errorsText()}`);
        }
      }),
      { numRuns: 80 },
    );
    expect(walked).toBeGreaterThan(100);
  });

  test.each<[string, object, string, string]>([
    ['the order of properties', { properties: { a: {}, b: {} } }, '{"b":1,"a"', 'impossible'],
    ['properties that may be left out', { properties: { a: {}, b: {} } }, '{"b":1}', 'whole'],
    ['a required one is not left out', { properties: { a: {}, b: {} }, required: ['a'] }, '{"b":', 'impossible'],
    ['a required one that nothing describes', { required: ['x'] }, '{"y":1}', 'impossible'],
    ['no others', { properties: { ab: {} }, additionalProperties: false }, '{"ax', 'impossible'],
    ['a name that only begins like one', { properties: { ab: {} }, additionalProperties: false }, '{"a"', 'impossible'],
    ['others beside', { properties: { ab: { type: 'null' } } }, '{"a":1,"ab":null,"abc":2}', 'whole'],
    ['a name by another spelling', { properties: { ab: { type: 'null' } } }, '{"\\u0061', 'impossible'],
    ['an escape in another name', { properties: { ab: { type: 'null' } } }, '{"x\\u0061":1}', 'whole'],
    ['others of one kind', { additionalProperties: { type: 'null' } }, '{"a":1', 'impossible'],
    [
      'one that may be left out where a required one is flatter',
      { properties: { a: {}, b: {} }, required: ['b'] },
      '{"a":[],"b":1}',
      'whole',
    ],
    ['none after the last', { properties: { a: {} }, additionalProperties: false }, '{"a":1,', 'impossible'],
    ['empty where nothing may be', { additionalProperties: false }, '{"', 'impossible'],
  ])('has %s', (_what, rest, text, expected) => {
    expect(verdict(automatonOf({ type: 'object', ...rest }), text)).toBe(expected);
  });

  test.each<[object, string, string]>([
    [{ type: 'integer' }, '1.', 'impossible'],
    [{ type: 'integer' }, '-12', 'whole'],
    [{ type: 'number' }, '1.', 'beginning'],
    [{ type: ['integer', 'number'] }, '1.5', 'whole'],
    [{ enum: [1, 12, 'x'] }, '1', 'whole'],
    [{ enum: [1, 12, 'x'] }, '12', 'whole'],
    [{ enum: [1, 12, 'x'] }, '13', 'impossible'],
    [{ enum: [1, 'x'], type: 'string' }, '1', 'impossible'],
    [{ const: { a: [1] } }, '{"a":[1]}', 'whole'],
    [{ const: null }, 'null', 'whole'],
    [{ type: 'array', items: { type: 'null' }, minItems: 2, maxItems: 3 }, '[null]', 'impossible'],
    [{ type: 'array', items: { type: 'null' }, minItems: 2, maxItems: 3 }, '[null, null]', 'whole'],
    [{ type: 'array', items: { type: 'null' }, minItems: 2, maxItems: 3 }, '[null,null,null,', 'impossible'],
    [{ type: 'array', maxItems: 0 }, '[1', 'impossible'],
    [
      {
        anyOf: [
          { type: 'array', items: { const: 1 } },
          { type: 'array', items: { const: 2 } },
        ],
      },
      '[2,1',
      'impossible',
    ],
    [
      {
        anyOf: [
          { type: 'array', items: { const: 1 } },
          { type: 'array', items: { const: 2 } },
        ],
      },
      '[2,2]',
      'whole',
    ],
    [{ title: 't', description: 'd', default: 0, examples: [], type: 'null' }, 'null', 'whole'],
  ])('%j says of %s that it is %s', (schema, text, expected) => {
    expect(verdict(automatonOf(schema), text)).toBe(expected);
  });

  const tree = {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
        required: ['next'],
        additionalProperties: false,
      },
    },
  };

  test('that refers to itself goes down to the limit, where only what ends is left', () => {
    const nested = (levels: number): string => '{"next":'.repeat(levels);
    expect(verdict(automatonOf(tree), `${nested(32)}null${'}'.repeat(32)}`)).toBe('whole');
    expect(verdict(automatonOf(tree), `${nested(32)}{`)).toBe('impossible');
  });

  test('with very many readings is followed through some of them', () => {
    const either = { anyOf: [0, 1, 2].map((only) => ({ type: 'array', items: { $ref: '#' }, minItems: only })) };
    expect(verdict(automatonOf(either), `${'['.repeat(30)}${']'.repeat(30)}`)).toBe('whole');
  });

  const lists = Array.from({ length: 256 }, (_, most) => ({
    ...{ type: 'array', items: { $ref: '#' }, maxItems: most + 1 },
  }));

  const follow = (automaton: Automaton, text: string) => (from: State) => automaton.accepts(from, Buffer.from(text));

  test('with as many alternatives as there may be takes no more work than it has readings', () => {
    // Each of 256 readings has 256 alternatives.
    const work = { most: 30 * 3 * 256, added: 0 };
    const automaton = new Automaton(grammarOfSchema({ anyOf: lists }, false), work);
    const [open] = automaton.ahead(automaton.start, follow(automaton, '['.repeat(30)));
    expect(open?.frames).toHaveLength(256);
    const [closed] = automaton.ahead(open!, follow(automaton, ']'.repeat(30)));
    expect([closed && complete(closed)]).toEqual([true]);
  });

  test('that takes too much work for one token goes on in fewer ways, of which there is always one', () => {
    for (const most of [700, 1]) {
      const automaton = new Automaton(grammarOfSchema({ anyOf: lists }, false), { most, added: 0 });
      const open = automaton.accepts(automaton.start, Buffer.from('[['))!;
      const [closed, from] = automaton.ahead(open, follow(automaton, ']]'));
      expect(from.frames.length).toBe(most === 1 ? 1 : 64);
      expect(closed && complete(closed)).toBe(true);
      expect(automaton.ahead(from, follow(automaton, '{'))[0]).toBeUndefined();
    }
  });

  test('is looked ahead from anew when it is followed in fewer ways', () => {
    const automaton = new Automaton(grammarOfSchema({ anyOf: lists }, false), { most: 700, added: 0 });
    const [, before] = automaton.ahead(automaton.start, () => undefined);
    automaton.ahead(automaton.accepts(automaton.start, Buffer.from('[['))!, follow(automaton, ']]'));
    const [, after] = automaton.ahead(automaton.start, () => undefined);
    expect(before).toBe(automaton.start);
    // A mask that was made for the one has tokens that the other does not take.
    expect(after).not.toBe(before);
    expect(automaton.accepts(after, Buffer.from('['))?.frames).toHaveLength(64);
  });

  test('that takes a little too much work for every token goes on in fewer ways at last', () => {
    const automaton = new Automaton(grammarOfSchema({ anyOf: lists }, false), { most: 5000, added: 100 });
    const counts: number[] = [];
    let at = automaton.accepts(automaton.start, Buffer.from('['))!;
    for (let token = 0; token < 20; token += 1) {
      const [next, from] = automaton.ahead(at, follow(automaton, '['));
      counts.push(from.frames.length);
      at = next!;
    }
    expect(counts[0]).toBe(256);
    expect(counts.at(-1)).toBeLessThan(256);
  });
});
