import { describe, expect, test } from '@jest/globals';
import { generateRequestOf, generateShape } from '../../../../runtime/server/protocol/generate.ts';

const asked = { model: 'm', stream: false };
const requestOf = (body: unknown, outputLimit = Infinity) => generateRequestOf(body, asked, outputLimit);

describe('a request for a text', () => {
  test('has the parameters of completions, within or beside, and the protocol’s length', () => {
    expect(requestOf({ text_input: 'a', parameters: { stop: ['b'], temperature: 0 } })).toMatchObject({
      ...{ model: 'm', prompts: ['a'], stream: false, maxTokens: 20, stops: ['b'], sampling: { temperature: 0 } },
    });
    expect(requestOf({ text_input: 'a', max_tokens: 5 }).maxTokens).toBe(5);
    expect(requestOf({ text_input: 'a', parameters: null }, 7).maxTokens).toBe(7);
  });

  test('is streamed where the path says so, whatever the body says', () => {
    expect(requestOf({ text_input: 'a', stream: true }).stream).toBe(false);
    expect(generateRequestOf({ text_input: 'a' }, { model: 'm', stream: true }, Infinity).stream).toBe(true);
  });

  test.each<[unknown, string]>([
    [[], 'the request is not an object'],
    [{}, "'text_input' is not a string"],
    [{ text_input: ['a'] }, "'text_input' is not a string"],
    [{ text_input: 'a', parameters: [] }, "'parameters' is not an object"],
    [{ text_input: 'a', parameters: { max_tokens: 0 } }, "'max_tokens' is not a number from 1"],
    [{ text_input: 'a', parameters: { n: 2 } }, "'n' is more than 1"],
    [{ text_input: 'a', parameters: { logprobs: 1 } }, "'logprobs' is not offered"],
    [{ text_input: 'a', parameters: { best_of: 2 } }, "'best_of' is offered only where it equals 'n'"],
  ])('%j is refused', (body, sentence) => {
    expect(() => requestOf(body)).toThrow(sentence);
  });
});

test('an answer is the text, and in a stream says when it is done', () => {
  const shape = generateShape({ name: 'm', version: '2' });
  const head = { id: '', created: 0, model: 'm' };
  const part = { index: 0, text: 'a', logprobs: undefined };
  const named = { model_name: 'm', model_version: '2', text_output: 'a' };
  const usage = { promptTokens: 1, completionTokens: 1, cachedTokens: 0 };
  expect(shape.whole(head, [{ ...part, finish: 'stop' }], usage)).toEqual(named);
  expect(shape.chunk(head, { ...part, finish: null })).toEqual({ ...named, done: false });
  expect(shape.chunk(head, { ...part, finish: 'length' })).toEqual({ ...named, done: true });
});
