/**
 * What an answer in JSON costs a step: choosing a token of 150,000 with and without a mask, in alternating rounds of the same
 * noise. The model is left out: what is compared is all that the mask can cost, and a model's step takes milliseconds on top.
 */
import { Constraints, type Constraint } from '../../runtime/server/decoding/grammar/constraint.ts';
import { grammarOfSchema } from '../../runtime/server/decoding/grammar/schema.ts';
import { bytesOfToken, type TokenBytes } from '../../runtime/server/decoding/grammar/vocabulary.ts';
import { randomFrom, type Sampling } from '../../runtime/server/decoding/sampling.ts';
import { Sequence } from '../../runtime/server/decoding/sequence.ts';
import { spread, spreadText, writeResult, type Spread } from '../measure.ts';

const size = 150_000;
const rounds = 9;
const steps = 120;

const schema = {
  type: 'array',
  minItems: 1000,
  items: {
    type: 'object',
    properties: {
      name: { type: 'string' },
      kind: { enum: ['person', 'place', 'thing'] },
      size: { type: 'number' },
      tags: { type: 'array', items: { type: 'string' }, maxItems: 3 },
      parent: { anyOf: [{ $ref: '#/$defs/parent' }, { type: 'null' }] },
    },
    required: ['name', 'kind', 'size', 'tags', 'parent'],
    additionalProperties: false,
  },
  $defs: { parent: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } },
};

const alphabet = Array.from('etaoinshrdlucmfwypvbgkqjxzéñ中я');

/** All bytes, and words as tokenizers have them: many with a space before, some with what JSON is made of, digits by threes. */
function vocabularyOf(random: () => number): TokenBytes {
  const tokens: Buffer[] = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte));
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] ?? list[0]!;
  const marks = [
    '"',
    '":',
    '",',
    '": "',
    '", "',
    '"}',
    '{"',
    '[{"',
    '}',
    '},',
    ']',
    ' {',
    '\n',
    '\n  ',
    '\\"',
    ':',
    ', ',
  ];
  for (let number = 0; number < 1000; number += 1) tokens.push(Buffer.from(String(number)));
  while (tokens.length < size) {
    const letters = Array.from({ length: 1 + Math.floor(random() * 9) }, () => pick(alphabet));
    const word = `${random() < 0.4 ? ' ' : ''}${letters.join('')}`;
    tokens.push(
      Buffer.from(random() < 0.02 ? pick([`${word}${pick(marks)}`, `${pick(marks)}${word}`, pick(marks)]) : word),
    );
  }
  let end = 0;
  return { bytes: Buffer.concat(tokens), ends: Uint32Array.from(tokens, ({ length }) => (end += length)) };
}

/** Noise in which what ends strings, lists and objects is likelier, so that all of the schema is met. */
function noise(random: () => number): Float32Array {
  const logits = Float32Array.from({ length: size }, () => 6 * random());
  for (const letter of '",]}:') logits[letter.charCodeAt(0)] = 5.8 + random();
  return logits;
}

/** Microseconds of a step, of some steps of one answer. */
function timed(sampling: Sampling, constraint: Constraint | undefined, given: readonly Float32Array[]): number {
  const sequence = new Sequence({ id: 1, prompt: [0], maxTokens: 1e9, sampling }, () => constraint);
  const start = performance.now();
  for (let step = 0; step < steps; step += 1) sequence.choose(given[step % given.length]!);
  return ((performance.now() - start) * 1000) / steps;
}

const random = randomFrom(1);
const vocabulary = vocabularyOf(random);
const begun = performance.now();
const constraints = new Constraints(vocabulary, [size - 1]);
const builtMs = performance.now() - begun;
const grammar = grammarOfSchema(schema, false);
const given = Array.from({ length: 24 }, () => noise(random));
const plain = { topK: 0, presencePenalty: 0, frequencyPenalty: 0, repetitionPenalty: 1, bias: [], seed: 1 } as const;
const ways = {
  greedy: { ...plain, temperature: 0, topP: 1 },
  'top-p 0.9': { ...plain, temperature: 0.7, topP: 0.9 },
} satisfies Record<string, Sampling>;

/** The first answer of a schema meets its masks for the first time; each round asks a schema that nobody has asked. */
function fresh(round: number): Constraint {
  return constraints.begin(grammarOfSchema({ ...schema, minItems: 2000 + round }, false));
}

const ratios: Record<string, Spread> = {};
const micros: Record<string, Spread> = {};
for (const [name, sampling] of Object.entries(ways)) {
  timed(sampling, constraints.begin(grammar), given);
  const found: Record<'free' | 'known' | 'first', number[]> = { free: [], known: [], first: [] };
  for (let round = 0; round < rounds; round += 1) {
    found.free.push(timed(sampling, undefined, given));
    found.known.push(timed(sampling, constraints.begin(grammar), given));
    found.first.push(timed(sampling, fresh(round), given));
  }
  for (const what of ['known', 'first'] as const)
    ratios[`${name}: ${what} / free`] = spread(found[what].map((each, round) => each / found.free[round]!));
  for (const [what, values] of Object.entries(found)) micros[`${name}: ${what}`] = spread(values);
}
console.log(`masks bench: ${size} tokens of ${vocabulary.bytes.length} bytes, built in ${builtMs.toFixed(0)} ms`);
console.log(
  `a token has ${bytesOfToken(vocabulary, size - 1).length} bytes or so; ${rounds} rounds of ${steps} steps, microseconds a step`,
);
for (const [name, figure] of Object.entries({ ...micros, ...ratios })) console.log(`${name} ${spreadText(figure)}`);
writeResult({
  name: 'masks',
  reference: 'the same choice without a mask, in the same run',
  ratios,
  ...{ micros, builtMs },
});
