import { describe, expect, test } from '@jest/globals';
import type { InferenceResult } from '../../../runtime/server/protocol/request.ts';
import { Tasks } from '../../../runtime/server/tasks.ts';
import { echoArtefact } from '../../support/echo-artefact.ts';
import { embeddingArtefact } from '../../support/embedding-model.ts';
import { post } from '../../support/http-caller.ts';
import { serveModels } from '../../support/model-server.ts';
import { houseTable, manifested, meanOfColumns } from '../../support/sample-models.ts';

describe('tasks', () => {
  test('are over when the last has ended, be it in failure', async () => {
    const tasks = new Tasks();
    await tasks.atRest();
    const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const ended = [tasks.during(() => first.promise), tasks.during(() => second.promise)];
    let rested = false;
    const rest = tasks.atRest().then(() => {
      rested = true;
    });
    first.resolve('done');
    expect(await ended[0]).toBe('done');
    expect(rested).toBe(false);
    second.reject(new Error('broken'));
    await expect(ended[1]).rejects.toThrow('broken');
    await rest;
  });
});

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** One model answers everything here that takes more than one step. */
const files = {
  ...manifested('table', meanOfColumns, { preprocessing: houseTable }),
  ...embeddingArtefact('texts', { pooling: 'mean' }),
};
const rows = Array.from({ length: 600 }, (_, age) => `${age},Bergen`).join('\n');
const row = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };

describe('a model that is replaced answers to the end', () => {
  test.each<[string, string, string, string | object]>([
    ['samples in several parts', 'table', '/v2/models/table/predict', rows],
    ['an explanation', 'table', '/v2/models/table/explain', { inputs: [row] }],
    ['embeddings of short and long texts', 'texts', '/v1/embeddings', { model: 'texts', input: ['a', 'b'.repeat(40)] }],
  ])('%s', async (_what, name, path, body) => {
    const server = await serveModels(files);
    try {
      const model = server.engine.find(name);
      const infer = model.infer.bind(model);
      let asked = 0;
      let retired: Promise<void> | undefined;
      model.infer = async (...question): Promise<InferenceResult> => {
        asked += 1;
        const answer = infer(...question);
        retired ??= model.retire();
        await answer;
        // The end of what is at rest comes meanwhile.
        await later();
        return answer;
      };
      const answer = await post(`${server.url}${path}`, body);
      expect([answer.status, asked > 1]).toEqual([200, true]);
      await retired;
    } finally {
      await server.stop();
    }
  });

  test('prompts, between which others have their turn', async () => {
    const server = await serveModels(echoArtefact());
    try {
      const model = server.engine.find('echo');
      const codec = model.language!.codec;
      const encode = codec.encode.bind(codec);
      const order: string[] = [];
      let retired: Promise<void> | undefined;
      codec.encode = (...text) => {
        order.push('prompt');
        retired ??= model.retire();
        setImmediate(() => order.push('other'));
        return encode(...text);
      };
      const prompt = Array.from({ length: 40 }, () => 'one two ');
      const answer = await post(`${server.url}/v1/completions`, { model: 'echo', prompt, max_tokens: 1 });
      expect([answer.status, order.filter((who) => who === 'prompt').length]).toEqual([200, 40]);
      expect(order.indexOf('other')).toBeLessThan(order.lastIndexOf('prompt'));
      await retired;
    } finally {
      await server.stop();
    }
  });
});
