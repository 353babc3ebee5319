import { describe, expect, test } from '@jest/globals';
import { Refusal } from '../../../../../runtime/server/protocol/errors.ts';
import { grammarOfSchema } from '../../../../../runtime/server/decoding/grammar/schema.ts';

function refusal(schema: unknown, strict = false): string {
  try {
    grammarOfSchema(schema, strict);
  } catch (error) {
    if (error instanceof Refusal) {
      expect(error.fault).toMatchObject({ kind: 'invalid', parameter: 'response_format' });
      return error.message;
    }
    throw error;
  }
  return 'accepted';
}

const nested = (levels: number): unknown =>
  levels === 0 ? { type: 'null' } : { type: 'array', items: nested(levels - 1) };

function deep(levels: number): unknown {
  let value: unknown = 0;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
}

/** Choices, each of the one before and a value of its own; the leaf first, so that none lies deep. */
function chain(length: number): unknown {
  const choice = (index: number) => ({ anyOf: [{ $ref: `#/$defs/${String(index - 1)}` }, { const: index }] });
  const all = Array.from(
    { length },
    (_, index) => [String(index), index === 0 ? { const: 0 } : choice(index)] as const,
  );
  return { $defs: Object.fromEntries(all), anyOf: all.map(([name]) => ({ $ref: `#/$defs/${name}` })) };
}

test('the largest number and the most alternatives that can be kept to are taken', () => {
  expect(refusal({ enum: [Number.MAX_SAFE_INTEGER, 0.1, -0.5] })).toBe('accepted');
  const lists = Array.from({ length: 256 }, (_, most) => ({ items: { $ref: '#' }, type: 'array', maxItems: most }));
  expect(refusal({ anyOf: lists })).toBe('accepted');
});

/** A list, and how often one of its elements was read. */
function counted(list: readonly unknown[]) {
  let reads = 0;
  const get = (target: readonly unknown[], key: string | symbol): unknown => {
    if (typeof key === 'string' && /^\d+$/.test(key)) reads += 1;
    return Reflect.get(target, key);
  };
  return { list: new Proxy(list, { get }), reads: () => reads };
}

/** A value, and how often it was written. */
function writable(text: string) {
  let times = 0;
  const toJSON = (): string => {
    times += 1;
    return text;
  };
  return { value: { toJSON }, times: () => times };
}

/** All ways to write a name of so many tildes in a reference. */
const spellings = (tildes: number): readonly string[] =>
  tildes === 0 ? [''] : spellings(tildes - 1).flatMap((rest) => [`~${rest}`, `~0${rest}`]);

describe('the work that a schema makes grows with its length alone', () => {
  const many = 1000;

  test('a constant is written once, however many values are listed beside it', () => {
    const constant = writable('a');
    expect(refusal({ enum: new Array(many).fill('a'), const: constant.value })).toBe('accepted');
    expect(constant.times()).toBe(1);
  });

  test('a list of types is read once, however many values are listed beside it', () => {
    const type = counted([...new Array<string>(many).fill('number'), 'string']);
    expect(refusal({ type: type.list, enum: new Array(many).fill('a') })).toBe('accepted');
    expect(type.reads()).toBeLessThan(10 * many);
  });

  test.each(['string', 'object', 'array'])('a type that is named over and over is %s all the same', (type) => {
    const often = new Array<string>(200_000).fill(type);
    expect(grammarOfSchema({ type: often }, false)).toEqual(grammarOfSchema({ type }, false));
  });

  test('a definition is read once, in however many ways its name is written', () => {
    const values = counted(new Array(many).fill(''));
    const anyOf = spellings(8).map((name) => ({ $ref: `#/$defs/${name}` }));
    expect(refusal({ anyOf, $defs: { '~~~~~~~~': { enum: values.list } } })).toBe('accepted');
    expect(values.reads()).toBeLessThan(10 * many);
  });

  test('no more values are written than there may be letters', () => {
    const value = writable('x'.repeat(98));
    expect(refusal({ enum: new Array(50 * many).fill(value.value) })).toContain('more than 120000 letters');
    expect(value.times()).toBe(1201);
  });
});

describe('a schema is refused with what is wrong and where', () => {
  test.each<[unknown, string]>([
    [{ type: 'string', pattern: 'a' }, "the keyword 'pattern' at #/pattern"],
    [{ properties: { 'a/b': { format: 'date' } } }, "the keyword 'format' at #/properties/a~1b/format"],
    [{ items: { minimum: 1 } }, "the keyword 'minimum' at #/items/minimum"],
    [{ allOf: [] }, "the keyword 'allOf' at #/allOf"],
    [{ anyOf: [{}, { oneOf: [] }] }, "the keyword 'oneOf' at #/anyOf/1/oneOf"],
    [{ anyOf: [{}], type: 'object' }, "the keyword 'type' beside 'anyOf' at #/type"],
    [{ $ref: '#', type: 'object' }, "the keyword 'type' beside '$ref' at #/type"],
    [{ enum: [{}], properties: {} }, "the keyword 'properties' beside 'enum' at #/properties"],
    [{ items: { $defs: {} } }, "the keyword '$defs' at #/items/$defs"],
    [{ $ref: '#/$defs/a' }, "a reference to '#/$defs/a', which is neither '#' nor one of '#/$defs/...', at #/$ref"],
    [{ $ref: 'https://example.com' }, "a reference to 'https://example.com', which is neither"],
    [{ $ref: 7 }, 'a reference that is no string at #/$ref'],
    [{ $ref: '#' }, 'a reference that comes back to itself before any letter at #'],
    [
      { anyOf: [{ type: 'null' }, { $ref: '#/$defs/a' }], $defs: { a: { anyOf: [{ $ref: '#' }] } } },
      'a reference that',
    ],
    [{ type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] }, 'it has no instance of at most 32 levels'],
    [{ type: 'array', items: { $ref: '#' }, minItems: 1 }, 'it has no instance of at most 32 levels'],
    [nested(65), 'more than 64 schemas, one within the other, at #/items/items'],
    [{ type: 'text' }, 'something else than object, array, string, number, integer, boolean, null at #/type'],
    [{ type: [] }, 'something else than object'],
    [{ enum: [] }, 'a schema that nothing fits at #'],
    [{ enum: 'a' }, 'no list of values at #/enum'],
    [{ enum: [1], type: 'string' }, 'a schema that nothing fits at #'],
    [{ enum: [1, 2], const: 3 }, 'a schema that nothing fits at #'],
    [{ properties: { a: false } }, 'a schema that nothing fits at #/properties/a'],
    [{ properties: { a: 7 } }, 'something that is no schema at #/properties/a'],
    [{ properties: [] }, 'no object of schemas at #/properties'],
    [{ required: 'a' }, 'no list of names at #/required'],
    [{ required: ['a'], additionalProperties: false }, "a property 'a' that there must not be at #/required"],
    [{ anyOf: [] }, 'no list of schemas at #/anyOf'],
    [{ minItems: -1 }, 'no whole number at #/minItems'],
    [{ minItems: 2, maxItems: 1 }, 'more than the most at #/minItems'],
    [{ enum: ['x'.repeat(120_000)] }, 'more than 120000 letters of names and values at #'],
    [{ anyOf: Array(10_001).fill({ type: 'null' }) }, 'more than 10000 schemas at #/anyOf/9999'],
    [chain(1000), 'more than 256 alternatives of one value at #'],
    [chain(250), 'more than 50000 alternatives at #'],
    [
      { anyOf: Array.from({ length: 257 }, (_, most) => ({ type: 'array', items: { $ref: '#' }, maxItems: most })) },
      'more than 256 alternatives of one value at #',
    ],
    [{ minItems: 1e15 }, 'more than 100000 items at #/minItems'],
    [{ const: 2 ** 53 }, 'the number 9007199254740992, as numbers beyond 2^53 have lost their last digits, at #'],
    [{ enum: [1, { a: [-1e300] }] }, 'the number -1e+300, as'],
    [{ items: { const: Infinity } }, 'the number Infinity, as numbers beyond 2^53'],
    [{ minItems: Infinity }, 'no whole number at #/minItems'],
    [{ const: deep(100) }, 'a value of more than 64 levels at #'],
    ['object', 'something that is no schema at #'],
  ])('%.80j', (schema, sentence) => {
    expect(refusal(schema)).toContain(`the schema cannot be guaranteed: ${sentence}`);
  });

  test.each([false, true])('of which no more is told than the beginning of a long one (strict: %j)', (strict) => {
    const name = 'a'.repeat(5000);
    const properties = { [name]: { pattern: 'a' } };
    const message = refusal({ type: 'object', properties, required: [name], additionalProperties: false }, strict);
    expect(message).toMatch(/ at #\/properties\/a+$/);
    expect(message.length).toBeLessThan(1200);
  });

  const object = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  };

  test.each<[unknown, string]>([
    [{ ...object, additionalProperties: undefined }, 'something else than false at #/additionalProperties'],
    [{ ...object, required: [] }, "no 'a', which is a property, at #/required"],
    [{ ...object, properties: { a: {} } }, "no 'type' at #/properties/a"],
    [{ ...object, properties: { a: { type: 'array' } } }, "no 'type' at #/properties/a/items"],
    [{ ...object, properties: { a: { type: ['object', 'null'] } } }, 'something else than false at #/properties/a'],
    [{ type: 'string' }, "a root that is no 'object' at #"],
    [{ anyOf: [object] }, "a root that is no 'object' at #"],
  ])('and so is %.100j where strict asks for more', (schema, sentence) => {
    expect(refusal(schema, true)).toContain(`'strict' asks for another schema: there is ${sentence}`);
    expect(refusal(JSON.parse(JSON.stringify(schema)))).toBe('accepted');
  });

  test('and strict is content with what it asks for', () => {
    const properties = { a: { anyOf: [{ $ref: '#' }, { $ref: '#/$defs/b' }] } };
    expect(refusal({ ...object, properties, $defs: { b: { enum: ['x', null] } } }, true)).toBe('accepted');
  });
});
