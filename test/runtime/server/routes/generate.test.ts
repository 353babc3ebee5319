import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import { callerOf } from '../../../support/http-caller.ts';
import { serveModels, type LiveServer } from '../../../support/model-server.ts';
import { mlpModel } from '../../../support/onnx-model.ts';

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({ ...echoArtefact(), 'mlp/model.onnx': mlpModel([4, 8, 3]) });
});

afterAll(() => server.stop());

const { call, post } = callerOf(() => server.url);
const body = { text_input: 'one two ', parameters: { temperature: 0, max_tokens: 8 } };
const named = { model_name: 'echo', model_version: '1' };

describe('a text by the words of the protocol', () => {
  test.each(['/v2/models/echo/generate', '/v2/models/echo/versions/1/generate'])('%s is whole', async (path) => {
    const { status, json } = await post(path, body);
    expect([status, json]).toEqual([200, { ...named, text_output: 'one two ' }]);
  });

  test('is a stream whose last event says that it is done', async () => {
    const response = await fetch(`${server.url}/v2/models/echo/generate_stream`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text()).trimEnd().split('\n\n');
    const parts = events.map((event) => JSON.parse(event.replace('data: ', '')) as typeof named & Part);
    expect(parts.map(({ text_output: text }) => text).join('')).toBe('one two ');
    expect(parts.map(({ done }) => done)).toEqual([...parts.slice(1).map(() => false), true]);
    for (const part of parts) expect(part).toMatchObject(named);
  });

  interface Part {
    readonly text_output: string;
    readonly done: boolean;
  }

  test.each<[string, unknown, number, string]>([
    ['/v2/models/nope/generate', body, 404, "there is no model 'nope'"],
    ['/v2/models/echo/versions/9/generate', body, 404, "there is no version '9' of model 'echo'"],
    ['/v2/models/mlp/generate', body, 400, "'mlp' is no language model: it is asked by /v2/models/mlp/infer"],
    ['/v2/models/echo/generate', {}, 400, "'text_input' is not a string"],
    ['/v2/models/echo/generate_stream', '{', 400, 'the request is not JSON'],
  ])('%s %j is refused in a sentence', async (path, asked, status, sentence) => {
    const answer = await post(path, asked);
    expect([answer.status, answer.json]).toEqual([status, { error: expect.stringContaining(sentence) }]);
  });

  test('GET is 405', async () => {
    expect((await call('/v2/models/echo/generate')).status).toBe(405);
  });
});
