import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import {
  embeddingArtefact,
  foreignEmbeddingArtefact,
  meanOf,
  roundedVectors,
  rowOf,
  textVectors,
  tokensOf,
  tokenVectors,
  unit,
} from '../../../support/embedding-model.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { onnxModel } from '../../../support/onnx-model.ts';
import { ask, read, type TextAnswer } from '../../../support/openai-caller.ts';

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({
    ...embeddingArtefact('mean', { pooling: 'mean', dimensions: [2] }),
    ...embeddingArtefact('cls', { pooling: 'cls', normalise: true, contextLength: 10 }),
    ...foreignEmbeddingArtefact('foreign', onnxModel(textVectors)),
    ...foreignEmbeddingArtefact('rounded', onnxModel(roundedVectors)),
    // Nothing says what is to be made of its tokens' vectors.
    ...foreignEmbeddingArtefact('silent', onnxModel(tokenVectors)),
    ...echoArtefact(),
  });
});

afterAll(() => server.stop());

const embed = (body: object): Promise<TextAnswer> =>
  ask(`${server.url}/v1/embeddings`, { model: 'mean', input: 'hello', ...body });

const near = (vector: readonly number[]) => vector.map((value) => expect.closeTo(value, 4));
const vectors = ({ json }: TextAnswer) => json.data.map(({ embedding }) => embedding);

describe('embeddings', () => {
  test('are the mean of a text’s tokens, the special ones among them', async () => {
    const answer = await embed({});
    expect(answer.json).toMatchObject({
      ...{ object: 'list', model: 'mean', usage: { prompt_tokens: 7, total_tokens: 7 } },
      data: [{ object: 'embedding', index: 0 }],
    });
    expect(vectors(answer)).toEqual([near(meanOf(tokensOf('hello')))]);
  });

  test('of many texts are those of each alone, in their order', async () => {
    const input = ['a', 'a longer text than sixteen letters', 'ü', 'another one that is rather long'];
    for (const model of ['mean', 'foreign']) {
      const answer = await embed({ model, input });
      expect(vectors(answer)).toEqual(input.map((text) => near(meanOf(tokensOf(text)))));
      expect(answer.json.usage.prompt_tokens).toBe(input.reduce((sum, text) => sum + tokensOf(text).length, 0));
    }
  });

  test('are the same whatever texts come beside, also where a graph rounds all of a run by one scale', async () => {
    const input = ['a', '\u{1}\u{1}', 'zzzz'];
    const alone = await Promise.all(
      input.map(async (text) => vectors(await embed({ model: 'rounded', input: text }))[0]),
    );
    expect(vectors(await embed({ model: 'rounded', input }))).toEqual(alone);
  });

  test('of tokens are of these alone', async () => {
    expect(vectors(await embed({ input: [65, 66] }))).toEqual([near(meanOf([65, 66]))]);
    expect(vectors(await embed({ input: [[65], [66, 67]] }))).toEqual([near(rowOf(65)), near(meanOf([66, 67]))]);
  });

  test('may be the first token’s, and as long as 1', async () => {
    expect(vectors(await embed({ model: 'cls', input: [[65, 1], [66]] }))).toEqual([
      near(unit(rowOf(65))),
      near(unit(rowOf(66))),
    ]);
  });

  test('are cut where the manifest says that they may be', async () => {
    const whole = meanOf(tokensOf('hello'));
    expect(vectors(await embed({ dimensions: 2 }))).toEqual([near(unit(whole.slice(0, 2)))]);
    expect(vectors(await embed({ dimensions: 4 }))).toEqual([near(whole)]);
  });

  test('come as bytes where that is asked for', async () => {
    const { json } = await embed({ encoding_format: 'base64' });
    const bytes = Buffer.from(String(json.data[0]!.embedding), 'base64');
    const floats = [0, 4, 8, 12].map((at) => bytes.readFloatLE(at));
    expect([bytes.length, floats]).toEqual([16, near(meanOf(tokensOf('hello')))]);
  });

  test('of callers at the same time are joined', async () => {
    const before = server.engine.find('mean').statistics.inferences;
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => embed({ input: `text ${i}` })));
    expect(answers.map(vectors)).toEqual(answers.map((_, i) => [near(meanOf(tokensOf(`text ${i}`)))]));
    expect(server.engine.find('mean').statistics.inferences - before).toBe(20);
  });

  test('are announced with the model', async () => {
    const { json } = await read(await fetch(`${server.url}/v2/models/cls`));
    const embedding = { pooling: 'cls', normalise: true };
    expect(json).toMatchObject({ parameters: { embedding, context_length: 10 } });
    expect((await read(await fetch(`${server.url}/v1/models/mean`))).json).toMatchObject({ max_model_len: 64 });
  });
});

describe('mistakes', () => {
  test.each([
    [{ model: 'nobody' }, 404, null, "there is no model 'nobody'"],
    [{ model: 'echo' }, 400, 'model', "'echo' gives no embeddings"],
    [{ model: 'silent' }, 400, 'model', "'silent' gives no embeddings"],
    [{ input: '' }, 400, 'input', "'input' is not a text"],
    [{ input: [259] }, 400, 'input', 'the model has no token 259; it has 259'],
    [{ dimensions: 3 }, 400, 'dimensions', 'have no 3 dimensions; it offers 2, 4'],
    [{ model: 'cls', dimensions: 2 }, 400, 'dimensions', 'it offers 4'],
    [{ encoding_format: 'hex' }, 400, 'encoding_format', 'neither float nor base64'],
  ])('%j', async (body, status, param, sentence) => {
    const answer = await embed(body);
    expect([answer.status, answer.json.error.param]).toEqual([status, param]);
    expect(answer.json.error.message).toContain(sentence);
  });

  test.each([
    ['x'.repeat(63), 'context is 64 tokens; input 1 has 65'],
    ['x'.repeat(100_000), 'input 1 has many more'],
    [Array<number>(65).fill(1), 'input 1 has 65'],
  ])('%.20j is too long', async (long, sentence) => {
    const { status, json } = await embed({ input: ['a', long] });
    expect([status, json.error.param, json.error.code]).toEqual([400, 'input', 'context_length_exceeded']);
    expect(json.error.message).toContain(sentence);
  });

  test('a GET, a body that is no JSON, and no body at all', async () => {
    expect((await fetch(`${server.url}/v1/embeddings`)).status).toBe(405);
    expect((await ask(`${server.url}/v1/embeddings`, '{"')).json.error.message).toContain('not JSON');
    expect((await ask(`${server.url}/v1/embeddings`, '')).json.error.message).toContain('no body');
  });

  test.each([
    [{ pooling: 'max' }, "embedding.pooling is none of 'mean', 'cls'"],
    [{ output: 'y', pooling: 'mean' }, 'embedding: the model has no output y'],
    [{}, 'embedding.pooling does not say what is made of them'],
  ])('a manifest that says %j is refused when the model is loaded', async (embedding, sentence) => {
    const broken = await serveModels(embeddingArtefact('m', embedding), { wait: false });
    try {
      await until(() => broken.engine.models[0]?.notReady?.reason === 'ManifestInvalid');
      expect(broken.engine.models[0]?.notReady?.message).toContain(sentence);
    } finally {
      await broken.stop();
    }
  });
});
