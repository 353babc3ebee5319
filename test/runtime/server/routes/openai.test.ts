import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { contextLength } from '../../../support/echo-decoder.ts';
import { echoArtefact, echoTokenizerConfig } from '../../../support/echo-artefact.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { ask, eventsOf, read, type TextAnswer } from '../../../support/openai-caller.ts';
import { mlpModel } from '../../../support/onnx-model.ts';

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({
    ...echoArtefact(),
    ...echoArtefact('plain'),
    'plain/tokenizer_config.json': JSON.stringify({ ...echoTokenizerConfig, chat_template: undefined }),
    'mlp/model.onnx': mlpModel([4, 8, 3]),
  });
});

afterAll(() => server.stop());

const complete = (body: object, init?: RequestInit): Promise<TextAnswer> =>
  ask(`${server.url}/v1/completions`, { model: 'echo', prompt: 'one two ', temperature: 0, ...body }, init);

const chat = (body: object): Promise<TextAnswer> => {
  const messages = [{ role: 'user', content: 'x 345678' }];
  return ask(`${server.url}/v1/chat/completions`, { model: 'echo', messages, temperature: 0, ...body });
};

describe('completions', () => {
  test('are written on from the prompt', async () => {
    const { status, json } = await complete({});
    expect(status).toBe(200);
    expect(json).toMatchObject({
      id: expect.stringMatching(/^cmpl-[0-9a-f]{32}$/),
      object: 'text_completion',
      created: expect.any(Number),
      model: 'echo',
      choices: [{ index: 0, text: 'one two one two ', logprobs: null, finish_reason: 'length' }],
      usage: { prompt_tokens: 8, completion_tokens: 16, total_tokens: 24 },
    });
  });

  test('of several prompts, text or tokens, several times each', async () => {
    const { json } = await complete({ prompt: ['one two ', 'alphabet'], n: 2, max_tokens: 8 });
    expect(json.choices.map(({ text }) => text)).toEqual(['one two ', 'one two ', 'alphabet', 'alphabet']);
    expect(json.usage).toMatchObject({ prompt_tokens: 16, completion_tokens: 32 });
    // What two choices have in common counts once.
    const fresh = await complete({ prompt: 'zebra zebra ', n: 2, max_tokens: 1 });
    expect(fresh.json.usage).toMatchObject({ prompt_tokens: 12, prompt_tokens_details: { cached_tokens: 0 } });
    const tokens = await complete({ prompt: [[...Buffer.from('alphabet')]], max_tokens: 3 });
    expect(tokens.json.choices[0]!.text).toBe('alp');
  });

  test('end at a stop string, which is not part of them', async () => {
    const { json } = await complete({ stop: ['two', 'never'] });
    expect(json.choices[0]!).toMatchObject({ text: 'one ', finish_reason: 'stop' });
  });

  test('end where the model ends them', async () => {
    const { json } = await complete({ prompt: 'one two<end>' });
    expect(json.choices[0]!).toMatchObject({ text: 'one two', finish_reason: 'stop' });
    expect(json.usage.completion_tokens).toBe(8);
  });

  test('are the same for the same seed, and differ for another', async () => {
    const at = async (seed: number): Promise<string> => {
      const { json } = await complete({ temperature: 2, top_p: 0.95, seed, max_tokens: 40 });
      return json.choices[0]!.text;
    };
    expect(await at(7)).toBe(await at(7));
    expect(await at(7)).not.toBe(await at(8));
  });

  test('tell log probabilities', async () => {
    const { json } = await complete({ logprobs: 2, max_tokens: 3 });
    const { tokens, token_logprobs, top_logprobs, text_offset } = json.choices[0]!.logprobs;
    expect(tokens).toEqual(['o', 'n', 'e']);
    expect(text_offset).toEqual([0, 1, 2]);
    // e^16 against e^14 of <end> and 257 times e^0.
    expect(token_logprobs[0]).toBeCloseTo(16 - Math.log(Math.exp(16) + Math.exp(14) + 257), 4);
    expect(Object.keys(top_logprobs[0]!)).toEqual(['o', '<end>']);
  });

  test('of a large seed differ from each other', async () => {
    const { json } = await complete({ temperature: 2, top_p: 0.95, seed: 2 ** 60, n: 3, max_tokens: 40 });
    expect(new Set(json.choices.map(({ text }) => text)).size).toBe(3);
  });

  test.each([
    ['a bias', { logit_bias: { 111: -100, 256: -100 } }, /^[^o]+$/],
    ['a penalty', { frequency_penalty: 2, logit_bias: { 256: -100 }, max_tokens: 240 }, /^(?!(one two ){30}).*$/s],
    ['one candidate, which leaves chance nothing,', { top_k: 1, temperature: 2 }, /^one two one two $/],
    ['a nucleus of one,', { top_p: 0.01, temperature: 2 }, /^one two one two $/],
  ])('%s has its effect', async (_what, body, text) => {
    expect((await complete(body)).json.choices[0]!.text).toMatch(text);
  });
});

describe('streams', () => {
  test('bring the text in pieces, then why it ended, then the usage', async () => {
    const answer = await complete({ stream: true, stream_options: { include_usage: true } });
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const events = eventsOf(answer);
    expect(
      events
        .slice(0, -1)
        .map(({ choices }) => choices[0]!.text)
        .join(''),
    ).toBe('one two one two ');
    expect(events.slice(0, -2).map(({ choices }) => choices[0]!.finish_reason)).toEqual(Array(16).fill(null));
    expect(events.at(-2)!.choices[0]!.finish_reason).toBe('length');
    expect(events.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 8, completion_tokens: 16 } });
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
    // As upstream: until then it is null, and it is not there where nobody asks.
    expect(new Set<unknown>(events.slice(0, -1).map(({ usage }) => usage))).toEqual(new Set([null]));
    expect(eventsOf(await complete({ stream: true })).some((event) => 'usage' in event)).toBe(false);
  });

  test('hold a character back until it is whole', async () => {
    const events = eventsOf(await complete({ prompt: '😀ü12', stream: true, max_tokens: 16 }));
    const pieces = events.map(({ choices }) => choices[0]!.text).filter((text) => text !== '');
    expect(pieces).toEqual(['😀', 'ü', '1', '2', '😀', 'ü', '1', '2']);
  });

  test('hold back what may become a stop', async () => {
    const events = eventsOf(await complete({ stream: true, stop: 'two two' }));
    expect(events.map(({ choices }) => choices[0]!.text).join('')).toBe('one two one two ');
    const stopped = eventsOf(await complete({ stream: true, stop: 'two one' }));
    expect(stopped.map(({ choices }) => choices[0]!.text).join('')).toBe('one ');
    expect(stopped.at(-1)!.choices[0]!.finish_reason).toBe('stop');
  });

  test('of chats begin with the role', async () => {
    const events = eventsOf(await chat({ stream: true, max_tokens: 8, logprobs: true, top_logprobs: 1 }));
    expect(events[0]!.choices[0]!.delta).toEqual({ role: 'assistant', content: '' });
    const deltas = events.slice(1, -1).map(({ choices }) => choices[0]!);
    expect(deltas.map(({ delta }) => delta.content).join('')).toBe(' 345678');
    expect(deltas[0]!.logprobs.content[0]).toMatchObject({ token: ' ', bytes: [32], top_logprobs: [{ token: ' ' }] });
    expect(events.at(-1)!.choices[0]).toMatchObject({ delta: {}, finish_reason: 'length' });
  });

  test('that nobody reads any more are not written on', async () => {
    const controller = new AbortController();
    const model = server.engine.find('echo').language!;
    const response = await fetch(`${server.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'echo', prompt: 'one two ', stream: true, max_tokens: 240, temperature: 0 }),
      signal: controller.signal,
    });
    await response.body!.getReader().read();
    const before = server.engine.find('echo').decodingStatistics.totals.endings.cancelled;
    controller.abort();
    await until(() => model.decoder.pending === 0);
    expect(server.engine.find('echo').decodingStatistics.totals.endings.cancelled).toBe(before + 1);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const aborted = /^vllm:request_success_total\{.*finished_reason="abort".*\} (\d+)$/m.exec(metrics)?.[1];
    expect(aborted).toBe(String(before + 1));
  });
});

describe('chat completions', () => {
  test('answer by the model’s template', async () => {
    const { json } = await chat({ max_completion_tokens: 8, logprobs: true });
    expect(json).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      object: 'chat.completion',
      choices: [
        { index: 0, message: { role: 'assistant', content: ' 345678', refusal: null }, finish_reason: 'length' },
      ],
    });
    expect(json.choices[0]!.logprobs.content).toHaveLength(8);
    // <user>, eight letters, <bot>
    expect(json.usage.prompt_tokens).toBe(10);
  });

  test('read parts of text as one', async () => {
    const parts = [
      { type: 'text', text: 'x 34' },
      { type: 'text', text: '5678' },
    ];
    const { json } = await chat({ messages: [{ role: 'user', content: parts }], max_tokens: 8 });
    expect(json.choices[0]!.message.content).toBe(' 345678');
  });

  test('write to the end of the context unless told otherwise', async () => {
    const { json } = await chat({ logit_bias: { 256: -100, 257: -100, 258: -100 } });
    expect(json.usage.total_tokens).toBe(contextLength);
  });
});

describe('mistakes', () => {
  test.each([
    [{ model: 'nope' }, 404, null, "there is no model 'nope'"],
    [{ model: 'mlp' }, 400, 'model', 'is not a language model'],
    [{ prompt: undefined }, 400, 'prompt', "'prompt' is missing"],
    [{ prompt: '' }, 400, 'prompt', 'the prompt is empty'],
    [{ prompt: [259] }, 400, 'prompt', 'the model has no token 259'],
    [{ temperature: 3 }, 400, 'temperature', 'not a number from 0 to 2'],
    [{ n: 0 }, 400, 'n', "'n' is not a number"],
    [{ logit_bias: { 259: 1 } }, 400, 'logit_bias', 'the model has no token 259; it has 259'],
    [{ stop: [''] }, 400, 'stop', "'stop' is not"],
    [{ suffix: 'x' }, 400, 'suffix', 'not offered'],
    [{ response_format: { type: 'json_object' } }, 400, 'response_format', 'is for chat completions'],
    [{ stream_options: {} }, 400, 'stream_options', 'for streams alone'],
  ])('%j is refused by name', async (body, status, param, sentence) => {
    const answer = await complete(body);
    expect(answer.status).toBe(status);
    expect(answer.json.error).toMatchObject({ type: 'invalid_request_error', param });
    expect(answer.json.error.message).toContain(sentence);
  });

  test.each([
    [256, 'context is 256 tokens and must hold the answer too; the prompt has 256'],
    [100_000, 'the prompt has many more'],
  ])('a prompt of %i letters is too long', async (letters, sentence) => {
    const { status, json } = await complete({ prompt: 'x'.repeat(letters) });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ param: 'prompt', code: 'context_length_exceeded' });
    expect(json.error.message).toContain(sentence);
  });

  test.each([
    ['POST', '/v1/completions', '{"model', 400, 'not JSON'],
    ['POST', '/v1/completions', '', 400, 'no body'],
    ['GET', '/v1/completions', undefined, 405, 'POST is'],
    ['POST', '/v1/models', '{}', 405, 'GET, HEAD is'],
    ['GET', '/v1/models/nope', undefined, 404, "no model 'nope'"],
    ['GET', '/v1/nothing', undefined, 404, 'nothing at'],
    ['POST', '/v1/embeddings', '{"model": "echo", "input": "a"}', 400, 'gives no embeddings'],
    [
      'POST',
      '/v1/chat/completions',
      '{"model": "plain", "messages": [{"role": "user", "content": "a"}]}',
      400,
      'no chat',
    ],
    [
      'POST',
      '/v1/chat/completions',
      '{"model": "echo", "messages": [{"role": "tool", "content": "a"}]}',
      400,
      'no tools here',
    ],
    [
      'POST',
      '/v1/chat/completions',
      '{"model": "echo", "messages": [{"role": "x", "content": "a"}]}',
      400,
      'messages[0].role',
    ],
  ])('%s %s %s has the shape of the API', async (method, path, body, status, sentence) => {
    const answer = await read(await fetch(`${server.url}${path}`, { method, ...(body !== undefined && { body }) }));
    expect(answer.status).toBe(status);
    expect(answer.json.error).toMatchObject({ type: 'invalid_request_error' });
    expect(answer.json.error.message).toContain(sentence);
  });

  test('tensors are not for a language model', async () => {
    const answer = await ask(`${server.url}/v2/models/echo/infer`, {
      inputs: [],
    });
    expect(answer.status).toBe(400);
  });

  test('a server that writes few tokens writes no more, streamed or not, and refuses who asks for more', async () => {
    const brief = await serveModels(echoArtefact(), { maxOutputTokens: 5 });
    const messages = [{ role: 'user', content: 'x 345678' }];
    const asked = (body: object): Promise<TextAnswer> =>
      ask(`${brief.url}/v1/chat/completions`, { model: 'echo', messages, temperature: 0, ...body });
    try {
      expect((await asked({})).json).toMatchObject({
        choices: [{ message: { content: ' 3456' }, finish_reason: 'length' }],
        usage: { completion_tokens: 5 },
      });
      const streamed = eventsOf(await asked({ stream: true }));
      expect(streamed.map(({ choices }) => choices[0]!.delta.content ?? '').join('')).toBe(' 3456');
      const whole = { model: 'echo', prompt: 'one two ', temperature: 0 };
      expect((await ask(`${brief.url}/v1/completions`, whole)).json.choices[0]!.text).toBe('one t');
      for (const answer of [
        await asked({ max_tokens: 6 }),
        await ask(`${brief.url}/v1/completions`, { ...whole, max_tokens: 6 }),
      ]) {
        expect(answer.status).toBe(400);
        expect(answer.json.error).toMatchObject({
          ...{ type: 'invalid_request_error', param: 'max_tokens', code: 'invalid_value' },
          message: "'max_tokens' is 6; this server writes at most 5 tokens in an answer",
        });
      }
    } finally {
      await brief.stop();
    }
  });
});

test('the models are listed', async () => {
  const { json } = await read(await fetch(`${server.url}/v1/models`));
  expect(json).toMatchObject({ object: 'list', data: [{ id: 'echo', object: 'model', owned_by: 'limbeck' }, {}, {}] });
  expect(json.data[0]!.max_model_len).toBe(contextLength);
});
