import { describe, expect, test } from '@jest/globals';
import { Refusal } from '../../../../../runtime/server/protocol/errors.ts';
import { chatRequestOf, completionRequestOf } from '../../../../../runtime/server/protocol/openai/request.ts';

const completion = (members: object, outputLimit = Infinity) =>
  completionRequestOf({ model: 'm', prompt: 'a', ...members }, outputLimit);
const chat = (members: object, outputLimit = Infinity) =>
  chatRequestOf({ model: 'm', messages: [{ role: 'user', content: 'a' }], ...members }, outputLimit);

function faultOf(call: () => unknown) {
  try {
    call();
  } catch (error) {
    if (error instanceof Refusal) return { ...error.fault, message: error.message };
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a request for completions', () => {
  test('has defaults', () => {
    expect(completion({})).toEqual({
      ...{ model: 'm', prompts: ['a'], count: 1, stream: false, streamUsage: false, maxTokens: 16 },
      ...{ stops: [], logprobs: undefined, ignoreEnd: false, level: 5 },
      sampling: {
        ...{ temperature: 1, topP: 1, topK: 0, presencePenalty: 0, frequencyPenalty: 0, repetitionPenalty: 1 },
        ...{ bias: [], seed: undefined },
      },
    });
  });

  test('takes null for absent', () => {
    const none = { stop: null, temperature: null, logprobs: null, logit_bias: null, stream_options: null, seed: null };
    expect(completion({ ...none, n: null, max_tokens: null, stream: null })).toEqual(completion({}));
  });

  test.each([
    ['a', ['a']],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
    [[1, 2], [[1, 2]]],
    [
      [[1, 2], 'b'],
      [[1, 2], 'b'],
    ],
  ])('the prompt %j is %j', (prompt, prompts) => {
    expect(completion({ prompt }).prompts).toEqual(prompts);
  });

  test.each([
    [{ model: 7 }, 'model'],
    [{ prompt: [] }, 'prompt'],
    [{ prompt: [1.5] }, 'prompt'],
    [{ prompt: [-1] }, 'prompt'],
    [{ prompt: Array(129).fill('a') }, 'prompt'],
    [{ stop: 'x'.repeat(1025) }, 'stop'],
    [{ stop: Array(17).fill('a') }, 'stop'],
    [{ n: 1.5 }, 'n'],
    [{ best_of: 2 }, 'best_of'],
    [{ logprobs: true }, 'logprobs'],
    [{ logprobs: 21 }, 'logprobs'],
    [{ logit_bias: { a: 1 } }, 'logit_bias'],
    [{ logit_bias: { 1: 101 } }, 'logit_bias'],
    [{ logit_bias: { '01': 1 } }, 'logit_bias'],
    [{ logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, token) => [token, 1])) }, 'logit_bias'],
    [{ top_p: -0.1 }, 'top_p'],
    [{ seed: '1' }, 'seed'],
    [{ stream: 'yes' }, 'stream'],
    [{ tools: [{}] }, 'tools'],
    [{ echo: true }, 'echo'],
    [{ guided_json: {} }, 'guided_json'],
    [{ structured_outputs: { regex: 'a' } }, 'structured_outputs'],
    [{ stop_token_ids: [7] }, 'stop_token_ids'],
    [{ min_p: 0.1 }, 'min_p'],
    [{ min_tokens: 1 }, 'min_tokens'],
    [{ use_beam_search: true }, 'use_beam_search'],
    [{ truncate_prompt_tokens: 3 }, 'truncate_prompt_tokens'],
    [{ continue_final_message: true }, 'continue_final_message'],
    [{ chat_template_kwargs: { enable_thinking: false } }, 'chat_template_kwargs'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [{ response_format: 'text' }, 'response_format'],
  ])('%j is refused by name', (members, parameter) => {
    expect(faultOf(() => completion(members))).toMatchObject({ kind: 'invalid', parameter });
  });

  test('what asks for nothing is no reason to refuse', () => {
    const asksNothing = {
      tools: [],
      echo: false,
      ...{ stop_token_ids: [], min_p: 0, min_tokens: 0, guided_json: null },
      suffix: '',
      response_format: { type: 'text' },
      best_of: 1,
      user: 'x',
    };
    expect(completion(asksNothing)).toEqual(completion({}));
  });

  test('what is no object is refused', () => {
    expect(faultOf(() => completionRequestOf([1], Infinity)).message).toBe('the request is not an object');
  });
});

describe('a request for a chat', () => {
  test('joins parts of text, and calls the developer by the older word', () => {
    const messages = [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { role: 'assistant', content: null },
      { role: 'user', content: 'c', name: 'x' },
    ];
    expect(chat({ messages }).messages).toEqual([
      { role: 'system', content: 'ab' },
      { role: 'assistant', content: '' },
      { role: 'user', content: 'c', name: 'x' },
    ]);
  });

  test.each([
    [{}, Infinity],
    [{ max_tokens: 3 }, 3],
    [{ max_tokens: 3, max_completion_tokens: 4 }, 4],
  ])('%j writes %p tokens', (members, maxTokens) => {
    expect(chat(members).maxTokens).toBe(maxTokens);
  });

  test.each([
    [{}, undefined],
    [{ logprobs: true }, 0],
    [{ logprobs: true, top_logprobs: 3 }, 3],
  ])('%j reports %p alternatives', (members, logprobs) => {
    expect(chat(members).logprobs).toBe(logprobs);
  });

  test.each([
    [{ messages: [] }, "'messages' is not a list"],
    [{ messages: [1] }, 'messages[0] is not an object'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, 'a part that is no text'],
    [{ messages: [{ role: 'user', content: 1 }] }, 'neither a string nor a list'],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content is missing'],
    [{ messages: [{ role: 'system', content: null }] }, 'messages[0].content is missing'],
    [{ top_logprobs: 2 }, "needs 'logprobs'"],
    [{ tool_choice: 'required' }, "'tool_choice' is not offered: this server writes text alone"],
    [{ tool_choice: { type: 'function' } }, "'tool_choice' is not offered"],
    [{ function_call: { name: 'f' } }, "'function_call' is not offered"],
    [{ modalities: ['text', 'audio'] }, `'modalities' is not ["text"]`],
    [{ modalities: 'audio' }, `'modalities' is not ["text"]`],
    [
      { messages: [{ role: 'assistant', content: null, tool_calls: [{ id: 'a' }] }] },
      'messages[0].tool_calls is not offered',
    ],
    [{ messages: [{ role: 'assistant', function_call: { name: 'f' } }] }, 'messages[0].function_call is not offered'],
  ])('%j is refused', (members, sentence) => {
    expect(faultOf(() => chat(members)).message).toContain(sentence);
  });
});

test.each([
  { tool_choice: 'auto', modalities: ['text'] },
  { tool_choice: 'none', function_call: 'none', modalities: null },
  { messages: [{ role: 'user', content: 'a', tool_calls: [], function_call: null }] },
])('%j asks for text alone', (members) => {
  expect(chat(members)).toEqual(chat({}));
});

test('of messages there may be ten thousand, and no more', () => {
  const messagesOf = (length: number) => Array.from({ length }, () => ({ role: 'user', content: '' }));
  expect(chat({ messages: messagesOf(10_000) }).messages).toHaveLength(10_000);
  expect(faultOf(() => chat({ messages: messagesOf(10_001) })).message).toBe("'messages' has more than 10000 messages");
});

describe('where the server writes at most 8 tokens', () => {
  test.each<[string, () => { readonly maxTokens: number }, number]>([
    ['a completion that does not say', () => completion({}, 8), 8],
    ['a completion of a server that writes more', () => completion({}, 100), 16],
    ['a completion of 8', () => completion({ max_tokens: 8 }, 8), 8],
    ['a chat that does not say', () => chat({}, 8), 8],
    ['a chat of 7', () => chat({ max_completion_tokens: 7 }, 8), 7],
    ['a chat whose older parameter does not count', () => chat({ max_completion_tokens: 7, max_tokens: 9 }, 8), 7],
  ])('%s has its tokens', (_what, request, tokens) => expect(request().maxTokens).toBe(tokens));

  test.each<[string, () => unknown, string]>([
    ['a completion', () => completion({ max_tokens: 9 }, 8), 'max_tokens'],
    ['a chat', () => chat({ max_completion_tokens: 9 }, 8), 'max_completion_tokens'],
    ['a chat by the older parameter', () => chat({ max_tokens: 9 }, 8), 'max_tokens'],
  ])('%s of more is refused by name', (_what, request, parameter) => {
    const message = `'${parameter}' is 9; this server writes at most 8 tokens in an answer`;
    expect(faultOf(request)).toEqual({ kind: 'invalid', parameter, code: 'invalid_value', message });
  });
});

test.each([
  [undefined, 5],
  [0, 5],
  [-1, 4],
  [4, 9],
  [-(2 ** 31), 1],
  [2 ** 31, 9],
])('the priority %p is of the level %d', (priority, level) => {
  expect(chat({ priority }).level).toBe(level);
  expect(completion({ priority }).level).toBe(level);
});

test('a priority that is no whole number is refused by name', () => {
  for (const priority of [0.5, '1', true])
    expect(faultOf(() => chat({ priority }))).toMatchObject({ kind: 'invalid', parameter: 'priority' });
});
