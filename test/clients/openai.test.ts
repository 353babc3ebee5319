/** OpenAI's client for Node, unchanged, against our server in a process of its own. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { echoArtefact } from '../support/echo-artefact.ts';
import { embeddingArtefact, meanOf, tokensOf, unit } from '../support/embedding-model.ts';
import { folderWith } from '../support/model-server.ts';
import { startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let client: OpenAI;

beforeAll(async () => {
  const models = { ...echoArtefact(), ...embeddingArtefact('vectors', { pooling: 'mean', normalise: true }) };
  server = await startServerProcess({ LIMBECK_MODELS_DIR: await folderWith(models) });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
}, startLimitMs);

afterAll(() => server.stop());

const messages = [{ role: 'user' as const, content: 'x 345678' }];

describe('the client', () => {
  test('lists and finds models', async () => {
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toEqual(['echo', 'vectors']);
    expect(await client.models.retrieve('echo')).toMatchObject({ id: 'echo', object: 'model' });
  });

  test('gets completions', async () => {
    const answer = await client.completions.create({ model: 'echo', prompt: 'one two ', temperature: 0 });
    expect(answer.choices[0]).toMatchObject({ text: 'one two one two ', finish_reason: 'length' });
    expect(answer.usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 16 });
  });

  test('gets chat completions with log probabilities', async () => {
    const answer = await client.chat.completions.create({
      ...{ model: 'echo', messages, temperature: 0, max_completion_tokens: 8, logprobs: true, top_logprobs: 1 },
    });
    expect(answer.choices[0]?.message.content).toBe(' 345678');
    expect(answer.choices[0]?.logprobs?.content).toHaveLength(8);
  });

  test('reads streams to the usage at their end', async () => {
    const stream = await client.chat.completions.create({
      ...{ model: 'echo', messages, temperature: 0, max_completion_tokens: 8, stream_options: { include_usage: true } },
      stream: true,
    });
    let text = '';
    let completionTokens: number | undefined;
    for await (const { choices, usage } of stream) {
      text += choices[0]?.delta.content ?? '';
      completionTokens = usage?.completion_tokens;
    }
    expect([text, completionTokens]).toEqual([' 345678', 8]);
  });

  test('gets answers that are what a schema says, and parses them', async () => {
    const schema = {
      type: 'object',
      properties: { kind: { enum: ['new', 'old'] }, sizes: { type: 'array', items: { type: 'integer' }, maxItems: 2 } },
      required: ['kind', 'sizes'],
      additionalProperties: false,
    };
    const answer = await client.chat.completions.parse({
      ...{ model: 'echo', messages, temperature: 2, seed: 1 },
      response_format: { type: 'json_schema', json_schema: { name: 'thing', strict: true, schema } },
    });
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    const value = JSON.parse(answer.choices[0]?.message.content ?? '') as Record<string, unknown>;
    expect(['new', 'old']).toContain(value['kind']);
    expect(value['sizes']).toBeInstanceOf(Array);
  });

  // Unless it is told otherwise it asks for bytes and reads them itself.
  test.each([[undefined], ['float' as const]])('gets embeddings (%p)', async (format) => {
    const input = ['one', 'two and a half'];
    const encoding = format && { encoding_format: format };
    const { data, usage } = await client.embeddings.create({ model: 'vectors', input, ...encoding });
    const expected = input.map((text) => unit(meanOf(tokensOf(text))).map((value) => expect.closeTo(value, 4)));
    expect(data.map(({ embedding }) => [...embedding])).toEqual(expected);
    expect(usage).toEqual({ prompt_tokens: 21, total_tokens: 21 });
  });

  test('throws its own classes for mistakes', async () => {
    const create = (body: object) => client.completions.create({ model: 'echo', prompt: 'a', stream: false, ...body });
    await expect(create({ model: 'nobody' })).rejects.toBeInstanceOf(NotFoundError);
    await expect(create({ temperature: 9 })).rejects.toMatchObject({ param: 'temperature' });
    await expect(create({ prompt: 'a'.repeat(300) })).rejects.toMatchObject({ code: 'context_length_exceeded' });
    await expect(client.embeddings.create({ model: 'echo', input: 'a' })).rejects.toBeInstanceOf(BadRequestError);
  });
});
