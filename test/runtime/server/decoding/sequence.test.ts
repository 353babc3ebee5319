import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { Constraints } from '../../../../runtime/server/decoding/grammar/constraint.ts';
import { anyObject, grammarOfSchema } from '../../../../runtime/server/decoding/grammar/schema.ts';
import { bytesOfToken } from '../../../../runtime/server/decoding/grammar/vocabulary.ts';
import type { Assignment, End } from '../../../../runtime/server/decoding/messages.ts';
import { randomFrom, type Sampling } from '../../../../runtime/server/decoding/sampling.ts';
import { Sequence } from '../../../../runtime/server/decoding/sequence.ts';
import { byteTokens, tokenBytes } from '../../../support/token-bytes.ts';

const words = [
  '{"',
  '": ',
  '", "',
  '"}',
  'name',
  'tags',
  'null',
  'ist',
  '[]',
  ']}',
  ' é',
  '\n  ',
  '12',
  'true',
  '<end>',
];
const vocabulary = tokenBytes([...byteTokens, ...words.map((word) => Buffer.from(word === '<end>' ? '' : word))]);
const size = vocabulary.ends.length;
const endTokens = [size - 1];
const constraints = new Constraints(vocabulary, endTokens);

const plain = { presencePenalty: 0, frequencyPenalty: 0, repetitionPenalty: 1, bias: [], seed: 0 } as const;

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    kind: { enum: ['new', 'old'] },
    tags: { type: 'array', items: { anyOf: [{ type: 'integer' }, { $ref: '#' }] }, maxItems: 2 },
  },
  required: ['name', 'kind'],
  additionalProperties: false,
};
const fitsSchema = new Ajv2020().compile(schema);
const fitsAny = (value: unknown): boolean => typeof value === 'object' && value !== null;

interface Writing {
  readonly grammar: Assignment['grammar'];
  readonly seed: number;
  readonly sampling: Omit<Sampling, 'bias' | 'seed'>;
}

/** Writes with a model of nothing but noise, which now and then is fond of brackets, or it would never come to an end. */
function write({ grammar, seed, sampling }: Writing): { readonly text: string; readonly end: End } {
  const random = randomFrom(seed);
  const assignment = { id: 1, prompt: [0], maxTokens: 300, sampling: { ...sampling, bias: [], seed }, grammar };
  const sequence = new Sequence(assignment as Assignment, grammar && (() => constraints.begin(grammar)));
  const written: Uint8Array[] = [];
  for (;;) {
    const logits = Float32Array.from({ length: size }, () => 20 * random() - 10);
    if (random() < 0.7) for (const letter of '"}],:') logits[letter.charCodeAt(0)] = 12 + 2 * random();
    const { token } = sequence.choose(logits)!;
    written.push(bytesOfToken(vocabulary, token));
    const end = sequence.over({ contextLength: 10_000, endTokens });
    if (end !== undefined) return { text: Buffer.concat(written).toString('utf8'), end };
  }
}

describe('an answer under a grammar', () => {
  const sampling = fc.record({
    temperature: fc.constantFrom(0, 0.5, 1, 2),
    topP: fc.constantFrom(1, 0.5),
    topK: fc.constantFrom(0, 3, 100),
    presencePenalty: fc.constantFrom(0, 2),
    frequencyPenalty: fc.constantFrom(0, 1),
    repetitionPenalty: fc.constantFrom(1, 1.5),
  });

  test.each([
    ['any object', anyObject, fitsAny],
    ['an instance of a schema', grammarOfSchema(schema, false), fitsSchema],
  ] as const)('is %s where it ends by itself, however the model’s numbers fall', (_what, grammar, fits) => {
    let stopped = 0;
    fc.assert(
      fc.property(sampling, fc.integer(), (options, seed) => {
        const { text, end } = write({ grammar, seed, sampling: options });
        if (end.kind !== 'stop') return;
        stopped += 1;
        expect([text, fits(JSON.parse(text))]).toEqual([text, true]);
      }),
      { numRuns: 30 },
    );
    expect(stopped).toBeGreaterThan(10);
  });

  test('that is cut by its limit says so', () => {
    const sequence = new Sequence(
      {
        id: 1,
        prompt: [0],
        maxTokens: 2,
        sampling: { ...plain, temperature: 0, topP: 1, topK: 0 },
        grammar: anyObject,
      },
      () => constraints.begin(anyObject),
    );
    const fond = Float32Array.from({ length: size }, (_, token) => (token === 65 ? 9 : 0));
    // An object cannot begin with a letter.
    expect(sequence.choose(fond)?.token).not.toBe(65);
    expect(sequence.over({ contextLength: 100, endTokens })).toBeUndefined();
    expect(sequence.choose(fond)?.token).not.toBe(65);
    expect(sequence.over({ contextLength: 100, endTokens })).toEqual({ kind: 'length' });
  });

  test('takes no memory for its grammar before its first token', () => {
    const sampling = { ...plain, temperature: 0, topP: 1, topK: 0 };
    let begun = 0;
    const sequence = new Sequence({ id: 1, prompt: [0], maxTokens: 9, sampling, grammar: anyObject }, () => {
      begun += 1;
      return constraints.begin(anyObject);
    });
    expect(begun).toBe(0);
    for (let token = 0; token < 3; token += 1) sequence.choose(new Float32Array(size));
    expect(begun).toBe(1);
  });

  test('ends at its last bracket, whether or not the model has an end token', () => {
    const grammar = grammarOfSchema({ const: {} }, false);
    const sampling = { ...plain, temperature: 0, topP: 1, topK: 0 };
    for (const ends of [[], endTokens]) {
      const begin = () => new Constraints(vocabulary, ends).begin(grammar);
      const sequence = new Sequence({ id: 1, prompt: [0], maxTokens: 100, sampling, grammar }, begin);
      const fond = new Float32Array(size);
      for (const letter of '{}') fond[letter.charCodeAt(0)] = 1;
      expect([sequence.choose(fond)?.token, sequence.over({ contextLength: 9, endTokens: ends })]).toEqual([
        123,
        undefined,
      ]);
      expect([sequence.choose(fond)?.token, sequence.over({ contextLength: 9, endTokens: ends })]).toEqual([
        125,
        { kind: 'stop' },
      ]);
    }
  });

  test('tells the probabilities that the model gave, whatever was allowed', () => {
    const logits = Float32Array.from({ length: size }, (_, token) => (token === 65 ? 5 : 0));
    const assignment = { id: 1, prompt: [0], maxTokens: 9, logprobs: 1, grammar: anyObject };
    const options = { sampling: { ...plain, temperature: 0, topP: 1, topK: 0 } };
    const sequence = new Sequence({ ...assignment, ...options }, () => constraints.begin(anyObject));
    const { token, logprobs } = sequence.choose(logits)!;
    expect(token).not.toBe(65);
    const mass = Math.log(Math.exp(5) + size - 1);
    expect(logprobs?.logprob).toBeCloseTo(-mass, 4);
    expect(logprobs?.top).toEqual([{ token: 65, logprob: expect.closeTo(5 - mass, 4) }]);
  });
});
