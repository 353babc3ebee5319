/** Answers in JSON as a caller gets them, from a real model. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { echoArtefact, echoTokenizer } from '../../../../support/echo-artefact.ts';
import { serveModels, type LiveServer } from '../../../../support/model-server.ts';
import { ask, eventsOf, type TextAnswer } from '../../../../support/openai-caller.ts';

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels(echoArtefact());
});

afterAll(() => server.stop());

const chat = (body: object): Promise<TextAnswer> => {
  const messages = [{ role: 'user', content: 'x 345678' }];
  return ask(`${server.url}/v1/chat/completions`, { model: 'echo', messages, temperature: 0, ...body });
};

describe('answers in JSON', () => {
  const schema = {
    type: 'object',
    properties: {
      count: { type: 'integer' },
      kind: { enum: ['é', 'new'] },
      next: { anyOf: [{ $ref: '#' }, { type: 'null' }] },
    },
    required: ['count', 'kind', 'next'],
    additionalProperties: false,
  };
  const format = { type: 'json_schema', json_schema: { name: 'item', strict: true, schema } };
  // The model is fond of what it read; these letters make it end.
  const ending = { logit_bias: { 34: 30, 58: 20, 125: 40 } };
  const withoutBlanks = { 9: -100, 10: -100, 13: -100, 32: -100 };

  test('are what their schema says, each of several, and alike in a stream', async () => {
    const body = {
      response_format: format,
      temperature: 1.5,
      seed: 3,
      n: 3,
      max_tokens: 200,
      logit_bias: { 110: 30, ...withoutBlanks },
    };
    const { status, json } = await chat(body);
    expect(status).toBe(200);
    for (const { message, finish_reason } of json.choices) {
      expect(finish_reason).toBe('stop');
      const value = JSON.parse(message.content) as Record<string, unknown>;
      expect(Object.keys(value)).toEqual(['count', 'kind', 'next']);
      expect(Number.isInteger(value['count'])).toBe(true);
      expect(['é', 'new']).toContain(value['kind']);
    }
    const events = eventsOf(await chat({ ...body, stream: true }));
    const texts = json.choices.map((_, index) =>
      events
        .flatMap(({ choices }) => choices)
        .filter((choice) => choice.index === index)
        .map(({ delta }) => delta.content ?? '')
        .join(''),
    );
    expect(texts).toEqual(json.choices.map(({ message }) => message.content));
  });

  test('are objects, with the model’s own probabilities', async () => {
    const { json } = await chat({
      ...ending,
      response_format: { type: 'json_object' },
      logprobs: true,
      top_logprobs: 1,
    });
    const [choice] = json.choices;
    expect(choice?.finish_reason).toBe('stop');
    expect(JSON.parse(choice!.message.content)).toBeInstanceOf(Object);
    expect(choice!.logprobs.content.map(({ token }) => token).join('')).toBe(choice!.message.content);
    // After "x 345678" comes a space.
    expect(choice!.logprobs.content[0]!.top_logprobs[0]!.token).toBe(' ');
  });

  test('that are cut by a limit or a stop say so', async () => {
    const cut = await chat({ response_format: format, max_tokens: 3 });
    expect(cut.json.choices[0]).toMatchObject({ finish_reason: 'length' });
    expect(cut.json.usage.completion_tokens).toBe(3);
    const stopped = await chat({ response_format: format, stop: 'kind', max_tokens: 60, logit_bias: withoutBlanks });
    expect(stopped.json.choices[0]).toMatchObject({ finish_reason: 'stop' });
    expect(stopped.json.choices[0]!.message.content.trim()).toMatch(/^{\s*"count"[^k]*$/);
  });

  test.each([
    [
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { pattern: 'a' } } } },
      "'pattern' at #/pattern",
    ],
    [{ response_format: { type: 'json_object' }, ignore_eos: true }, "'ignore_eos' is for text"],
  ])('%j is refused', async (body, sentence) => {
    const { status, json } = await chat(body);
    expect(status).toBe(400);
    expect(json.error.message).toContain(sentence);
  });

  test('need a model whose tokens spell JSON', async () => {
    const vocab = { ...echoTokenizer.model.vocab, '}': 300 };
    const files = {
      ...echoArtefact(),
      'echo/tokenizer.json': JSON.stringify({ ...echoTokenizer, model: { ...echoTokenizer.model, vocab } }),
    };
    const poor = await serveModels(files);
    try {
      const messages = [{ role: 'user', content: 'x' }];
      const body = { model: 'echo', messages, response_format: { type: 'json_object' } };
      const { status, json } = await ask(`${poor.url}/v1/chat/completions`, body);
      expect([status, json.error.param]).toEqual([400, 'response_format']);
      expect(json.error.message).toContain('the model has no token for "}" alone');
    } finally {
      await poor.stop();
    }
  });
});
