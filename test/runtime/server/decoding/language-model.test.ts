import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { slotBytes } from '../../../../runtime/server/decoding/geometry.ts';
import { besideBytes } from '../../../../runtime/server/decoding/language-model.ts';
import { contextLength, endToken, splitEchoModel } from '../../../support/echo-decoder.ts';
import { echoArtefact, foreignArtefact } from '../../../support/echo-artefact.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { onnxModel } from '../../../support/onnx-model.ts';
import { ask, read } from '../../../support/openai-caller.ts';
import { WorkerWatch } from '../../../support/worker-threads.ts';

type Files = Readonly<Record<string, Buffer | string>>;
type Options = Parameters<typeof serveModels>[1];

async function withServer(files: Files, options: Options, use: (server: LiveServer) => Promise<void>): Promise<void> {
  const server = await serveModels(files, options);
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

/** An artefact that lacks a file. */
function without(name: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).filter(([path]) => path !== name));
}

/** Why the only model of a folder is not served. */
async function refusalOf(files: Files, options: Options = {}): Promise<string> {
  let found = '';
  await withServer(files, { ...options, wait: false }, async ({ engine }) => {
    await until(() => engine.models[0]?.notReady?.reason !== 'Loading');
    const why = engine.models[0]?.notReady;
    found = `${why?.reason ?? 'ready'}: ${why?.message ?? ''}`;
  });
  return found;
}

const complete = ({ url }: LiveServer, model: string) =>
  ask(`${url}/v1/completions`, { model, prompt: 'one two ', temperature: 0, max_tokens: 8 });

/** The shortest answer in JSON. */
async function asJson({ url }: LiveServer): Promise<string | undefined> {
  const schema = { type: 'object', additionalProperties: false };
  const { json } = await ask(`${url}/v1/chat/completions`, {
    ...{ model: 'echo', messages: [{ role: 'user', content: '{' }], temperature: 0 },
    ...{ logit_bias: { 123: 50, 125: 50 } },
    response_format: { type: 'json_schema', json_schema: { name: 'nothing', schema } },
  });
  return json.choices[0]?.message.content;
}

describe('a language model', () => {
  test('of another exporter is recognised by its names', async () => {
    await withServer(foreignArtefact(), {}, async (server) => {
      expect(server.engine.find('foreign').language?.geometry).toMatchObject({
        contract: 'concat',
        ...{ layers: 2, heads: 2, headDim: 260, contextLength, endTokens: [endToken] },
      });
      expect((await complete(server, 'foreign')).json.choices[0]?.text).toBe('one two ');
    });
  });

  test('ends where its config.json says, though generation_config.json leaves that open', async () => {
    const files = { ...foreignArtefact(), 'foreign/generation_config.json': '{"eos_token_id": null}' };
    await withServer(files, {}, ({ engine }) => {
      expect(engine.find('foreign').language?.geometry.endTokens).toEqual([endToken]);
      return Promise.resolve();
    });
  });

  test('states its slots and their memory, as many as fit', async () => {
    await withServer(echoArtefact(), { memoryBytes: 104 << 20, slots: 16 }, async (server) => {
      const { json } = await read(await fetch(`${server.url}/v2/models/echo`));
      const { language } = server.engine.find('echo');
      const { length } = String(echoArtefact()['echo/tokenizer.json']);
      const beside = besideBytes([language!.geometry, length], { slots: 16, prefillTokens: 16 });
      const free = (104 - 96) * 2 ** 20 - 2 * splitEchoModel().length - beside;
      const slots = Math.floor(free / slotBytes(language!.geometry));
      expect(slots).toBeGreaterThan(0);
      expect(json).toMatchObject({
        parameters: { slots, key_value_bytes: slots * slotBytes(language!.geometry), context_length: contextLength },
      });
    });
  });

  test('has fewer slots where a step gives all keys and values back, a tokenizer is large, or bodies need room', async () => {
    const slotsOf = async (
      files: Readonly<Record<string, Buffer | string>>,
      options: Options = {},
    ): Promise<number> => {
      let found = 0;
      await withServer(files, { memoryBytes: 140 << 20, slots: 1000, ...options }, ({ engine }) => {
        found = engine.models[0]?.language?.slots ?? 0;
        return Promise.resolve();
      });
      return found;
    };
    const split = await slotsOf(echoArtefact());
    expect((await slotsOf(foreignArtefact())) / split).toBeLessThan(0.34);
    const blanks = ' '.repeat(2 ** 19);
    const tokenizer = String(echoArtefact()['echo/tokenizer.json']) + blanks;
    const large = await slotsOf({ ...echoArtefact(), 'echo/tokenizer.json': tokenizer });
    const bodies = await slotsOf(echoArtefact(), { maxBodiesBytes: 22 << 20 });
    for (const fewer of [large, bodies]) {
      expect(fewer / split).toBeGreaterThan(0.3);
      expect(fewer / split).toBeLessThan(0.7);
    }
  });

  test('whose prompts begin alike reads the beginning once, and tells so', async () => {
    await withServer(echoArtefact(), {}, async (server) => {
      await complete(server, 'echo');
      const again = await complete(server, 'echo');
      expect(again.json.usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 7 } });
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      const valueOf = (name: string): number =>
        Number(new RegExp(`^vllm:${name}\\{[^}]*model_name="echo"[^}]*\\} (.*)$`, 'm').exec(metrics)?.[1]);
      expect(valueOf('generation_tokens_total')).toBe(16);
      expect(valueOf('prompt_tokens_total')).toBe(16);
      expect(valueOf('prefix_cache_hits_total')).toBe(7);
      expect(valueOf('time_to_first_token_seconds_count')).toBe(2);
      expect(valueOf('inter_token_latency_seconds_count')).toBe(14);
    });
  });

  test('tells what it had read before also where a stop string ends the answer', async () => {
    await withServer(echoArtefact(), {}, async (server) => {
      await complete(server, 'echo');
      const asked = { model: 'echo', prompt: 'one two ', temperature: 0, stop: 'two' };
      const { json } = await ask(`${server.url}/v1/completions`, asked);
      expect(json.choices[0]).toMatchObject({ text: 'one ', finish_reason: 'stop' });
      expect(json.usage).toMatchObject({ prompt_tokens_details: { cached_tokens: 7 } });
    });
  });

  test('whose thread dies tells its callers, and answers again', async () => {
    const watch = new WorkerWatch();
    await withServer(echoArtefact(), {}, async (server) => {
      expect((await complete(server, 'echo')).status).toBe(200);
      expect(await asJson(server)).toBe('{}');
      await watch.killAll();
      await until(() => server.engine.find('echo').statistics.workerDeaths === 1);
      const meanwhile = await complete(server, 'echo');
      expect([200, 503]).toContain(meanwhile.status);
      await until(() => server.engine.notReady === undefined);
      expect((await complete(server, 'echo')).json.choices[0]?.text).toBe('one two ');
      // What tokens spell is told to the next thread, too.
      expect(await asJson(server)).toBe('{}');
    }).finally(() => watch.stop());
  });

  test('that is unloaded first finishes what it writes', async () => {
    await withServer(echoArtefact(), { modelControl: 'explicit' }, async (server) => {
      const answer = ask(`${server.url}/v1/completions`, {
        ...{ model: 'echo', prompt: 'one two ', temperature: 0, max_tokens: 200 },
      });
      await until(() => server.engine.find('echo').decodingStatistics.writing === 1);
      await server.engine.unload('echo');
      expect((await answer).json.choices[0]?.text).toHaveLength(200);
    });
  });
});

describe('language models of one server', () => {
  const two = { ...echoArtefact('one'), ...echoArtefact('two') };
  const free = 20 * 2 ** 20;
  const tight: Options = { memoryBytes: (96 << 20) + free, slots: 16, modelControl: 'explicit' };
  const slotsOf = ({ engine }: LiveServer, name: string): number => engine.find(name).language?.slots ?? 0;

  test('share its memory, though they are loaded at once', async () => {
    await withServer(two, tight, async (server) => {
      const slots = ['one', 'two'].map((name) => slotsOf(server, name));
      expect(Math.min(...slots)).toBeGreaterThan(0);
      const bytes = server.engine.models.map((model) => model.bytes);
      expect(bytes[0]! + bytes[1]!).toBeLessThanOrEqual(free);
      for (const name of ['one', 'two']) expect((await complete(server, name)).json.choices[0]?.text).toBe('one two ');
    });
  });

  test('leave their part to others when they are unloaded, and keep it when they are loaded anew', async () => {
    await withServer(two, tight, async (server) => {
      const before = slotsOf(server, 'two');
      await server.engine.unload('one');
      const changed = async (): Promise<number> => {
        await writeFile(join(server.folder, 'two/notes.txt'), 'x', { flag: 'a' });
        await server.engine.load('two');
        return slotsOf(server, 'two');
      };
      const alone = await changed();
      expect(alone).toBeGreaterThan(before);
      expect(await changed()).toBe(alone);
      await expect(server.engine.load('one')).rejects.toThrow(/MemoryTooSmall: .*'two' has 18 MiB/);
      expect((await complete(server, 'two')).json.choices[0]?.text).toBe('one two ');
    });
  });
});

describe('is refused before it is loaded', () => {
  test('where not one sequence fits in memory', async () => {
    const sentence = await refusalOf(echoArtefact('echo', { contextLength: 1_000_000 }), { memoryBytes: 2 ** 30 });
    expect(sentence).toMatch(
      /^MemoryTooSmall: one sequence of 1000000 tokens needs \d+ MiB for its keys and values; of/,
    );
  });

  test('where its weights do not fit', async () => {
    const sentence = await refusalOf(echoArtefact(), { memoryBytes: 97 << 20 });
    expect(sentence).toMatch(/^MemoryTooSmall: the model needs \d+ MiB .* the memory limit is 97 MiB$/);
  });

  test('without a tokenizer', async () => {
    expect(await refusalOf(without('echo/tokenizer.json', echoArtefact()))).toBe(
      'ArtefactMissing: a language model needs its tokenizer.json beside model.onnx',
    );
  });

  test('with a chat template that is no template', async () => {
    const files = { ...echoArtefact(), 'echo/tokenizer_config.json': '{"chat_template": "{% if %}"}' };
    expect(await refusalOf(files)).toMatch(/^LoadFailed: /);
  });

  test('with sizes that are not the graph’s', async () => {
    expect(await refusalOf(echoArtefact('echo', { vocabulary: 300 }))).toMatch(
      /^LoadFailed: the logits have the shape \[1,259\], not 300 at the end$/,
    );
  });

  test('when another exporter left out its lengths', async () => {
    expect(await refusalOf(without('foreign/config.json', foreignArtefact()))).toMatch(
      /^ManifestInvalid: config.json beside model.onnx says none of max_position/,
    );
  });

  test.each([
    ['sequences of different lengths cannot share a run', [], 'the model has no input position_ids'],
    ['nothing tells what pads a sequence', ['position_ids'], 'the model has no input attention_mask'],
  ])('when %s', async (_what, names, sentence) => {
    const past = { name: 'past_key_values.0.key', type: 'FP32' as const, shape: ['batch', 1, 'past', 4] };
    const tokens = ['input_ids', ...names].map((name) => ({
      name,
      type: 'INT64' as const,
      shape: ['batch', 'tokens'],
    }));
    const model = onnxModel({
      inputs: [...tokens, past],
      outputs: [{ ...past, name: 'present.0.key' }],
      nodes: [{ op: 'Identity', inputs: ['past_key_values.0.key'], outputs: ['present.0.key'] }],
    });
    expect(await refusalOf({ 'm/model.onnx': model })).toContain(sentence);
  });
});
