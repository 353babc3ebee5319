/** Requests of the OpenAI API that are right in most places and wrong in some. */
import fc from 'fast-check';
import { schemas } from '../support/schemas.ts';
import { anyText, nested, type Attack } from './arbitrary.ts';

/** One member that is wrong is enough for a refusal: most are right, or nothing would be written. */
const often = <T>(usual: fc.Arbitrary<T>, ...others: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: usual, weight: 30 }, ...others.map((arbitrary) => ({ arbitrary, weight: 1 })));

const edges = fc.constantFrom<unknown>(0, -1, -0.5, 1e9, 2 ** 31, 2 ** 53, 1e308, '1', null, [], {});
const few = (max: number): fc.Arbitrary<unknown> => often<unknown>(fc.integer({ min: 1, max }), edges);
const between = (min: number, max: number): fc.Arbitrary<unknown> =>
  often<unknown>(fc.double({ min, max, noNaN: true }), edges);
const words = often<unknown>(fc.constantFrom('abcdefgh', 'éü🙂abcd', ''), fc.string({ unit: 'binary', maxLength: 60 }));
const tokens = fc.array(fc.integer({ min: -1, max: 300 }), { maxLength: 20 });
const message = often<unknown>(
  fc.record({ role: often<unknown>(fc.constantFrom('user', 'system', 'assistant', 'tool'), nested), content: words }),
  fc.record({ role: fc.constant('user'), content: fc.array(fc.record({ type: fc.constant('text'), text: words })) }),
  nested,
);

const long = 50_000;
/** Lists and values that are long each: where the work were their product, nothing would be answered for minutes. */
const longSchemas = fc.constantFrom<unknown>(
  { enum: new Array(long).fill(1), const: 'a'.repeat(4 * long) },
  { type: new Array(long).fill('string'), enum: new Array(long).fill(1) },
  { type: new Array(2 * long).fill('object') },
  { required: new Array(long).fill('a'), additionalProperties: false },
  { properties: { ['a'.repeat(long)]: { enum: new Array(long).fill('') } } },
);

const options = {
  prompt: often<unknown>(words, tokens, fc.array(words, { maxLength: 3 }), fc.array(tokens, { maxLength: 3 }), nested),
  messages: often<unknown>(fc.array(message, { maxLength: 4 }), nested),
  max_tokens: few(8),
  max_completion_tokens: few(8),
  n: few(3),
  stream: often<unknown>(fc.boolean(), edges),
  stream_options: often<unknown>(fc.record({ include_usage: fc.boolean() }), nested),
  stop: often<unknown>(fc.constantFrom('c', ['h', 'abc'], '🙂'), anyText, nested),
  logprobs: often<unknown>(fc.constantFrom(true, false, 0, 3), edges),
  top_logprobs: few(5),
  temperature: between(0, 2),
  top_p: between(0, 1),
  top_k: few(40),
  seed: often<unknown>(fc.integer(), edges),
  presence_penalty: between(-2, 2),
  repetition_penalty: between(0.01, 5),
  logit_bias: often<unknown>(fc.dictionary(fc.nat(300).map(String), between(-100, 100), { maxKeys: 3 }), nested),
  echo: often<unknown>(fc.boolean(), edges),
  response_format: fc.oneof(
    fc.constantFrom<unknown>({ type: 'text' }, { type: 'json_object' }),
    fc
      .oneof({ arbitrary: often<unknown>(schemas, nested), weight: 8 }, { arbitrary: longSchemas, weight: 1 })
      .map((schema) => ({ type: 'json_schema', json_schema: { name: 'x', schema } })),
    nested,
  ),
  tools: often<unknown>(fc.constant(undefined), nested),
};

const { max_tokens, temperature, top_p, top_k, seed, stop, presence_penalty, logit_bias } = options;
const generation = often<unknown>(
  fc.record(
    {
      text_input: words,
      parameters: often<unknown>(
        fc.record(
          { max_tokens, temperature, top_p, top_k, seed, stop, presence_penalty, logit_bias },
          { requiredKeys: [] },
        ),
        nested,
      ),
      id: anyText,
      max_tokens,
    },
    { requiredKeys: ['text_input'] },
  ),
  nested,
);

const model = often<unknown>(fc.constant('echo'), fc.constantFrom('mlp', 'nobody', '', 7));
const embedding = often<unknown>(
  fc.record(
    {
      model: often<unknown>(fc.constant('vectors'), model),
      input: often<unknown>(
        words,
        tokens,
        fc.array(words, { maxLength: 3 }),
        fc.array(tokens, { maxLength: 3 }),
        nested,
      ),
      encoding_format: often<unknown>(fc.constantFrom('float', 'base64'), anyText, edges),
      dimensions: often<unknown>(fc.constant(4), few(5)),
    },
    { requiredKeys: ['model', 'input'] },
  ),
  nested,
);

const body = often<unknown>(
  fc
    .tuple(fc.record({ model }), fc.record(options, { requiredKeys: [] }))
    .map(([named, rest]) => ({ ...named, ...rest })),
  nested,
);

/** POST to a path. */
const posted = (path: string, given: fc.Arbitrary<unknown>): fc.Arbitrary<Attack> =>
  fc.record({
    method: fc.constant('POST'),
    path: fc.constant(path),
    headers: fc.constant({ 'content-type': 'application/json' }),
    body: given.map((value) => Buffer.from(JSON.stringify(value))),
  });

/** POST to one of the paths that write text, in either protocol, or give embeddings. */
export const openaiAttack: fc.Arbitrary<Attack> = fc.oneof(
  { arbitrary: posted('/v1/completions', body), weight: 2 },
  { arbitrary: posted('/v1/chat/completions', body), weight: 3 },
  { arbitrary: posted('/v1/embeddings', embedding), weight: 1 },
  { arbitrary: posted('/v2/models/echo/generate', generation), weight: 1 },
  { arbitrary: posted('/v2/models/echo/generate_stream', generation), weight: 1 },
);
