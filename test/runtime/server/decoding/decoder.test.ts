import { serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { beforeEach, expect, test } from '@jest/globals';
import { isRecord } from '../../../../runtime/server/protocol/json.ts';
import { echoArtefact } from '../../../support/echo-artefact.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { ask } from '../../../support/openai-caller.ts';
import { sessionsOf } from '../../../support/session-processes.ts';

let server: LiveServer;
let session: number;

beforeEach(async () => {
  server = await serveModels(echoArtefact(), { isolation: 'process' });
  [session = 0] = await sessionsOf(server.folder);
});

test('a decoder that is closed while its next process opens the model does not leave that behind', async () => {
  process.kill(session, 'SIGKILL');
  await until(async () => (await sessionsOf(server.folder)).some((other) => other !== session));
  await server.stop();
  expect(await sessionsOf(server.folder)).toEqual([]);
});

test('answers that were being written when the process died count as failed', async () => {
  const { decodingStatistics } = server.engine.find('echo');
  const answer = ask(`${server.url}/v1/completions`, {
    ...{ model: 'echo', prompt: 'one two ', max_tokens: 240, temperature: 0, logit_bias: { 256: -100 } },
  });
  await until(() => decodingStatistics.writing === 1);
  process.kill(session, 'SIGKILL');
  expect((await answer).status).toBe(503);
  expect(decodingStatistics.totals.endings.failed).toBe(1);
  await server.stop();
});

test('a full queue is told with the time to come again, but not to whom it would never have room for', async () => {
  const small = await serveModels(echoArtefact(), { slots: 1, queueLimit: 30 });
  const body = { model: 'echo', prompt: 'one two ' };
  const leaving = new AbortController();
  try {
    const { decoder } = small.engine.find('echo').language!;
    const all = { ...body, n: 31, max_tokens: 240, ignore_eos: true };
    const others = ask(`${small.url}/v1/completions`, all, { signal: leaving.signal }).catch(() => undefined);
    await until(() => decoder.pending > 20);
    const answer = await ask(`${small.url}/v1/completions`, { ...body, n: 31 });
    expect(answer.status).toBe(429);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.json.error).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' });
    const endless = await ask(`${small.url}/v1/completions`, { ...body, n: 32 });
    expect(endless.status).toBe(400);
    expect(endless.json.error.message).toBe('the request has 32 answers; this model has room for 31');
    leaving.abort();
    await others;
  } finally {
    await small.stop();
    await server.stop();
  }
});

test('the choices of a request are told of in one message, which has prompt and schema once', async () => {
  const sizes: number[] = [];
  const original: (this: Worker, ...rest: Parameters<Worker['postMessage']>) => void = Reflect.get(
    Worker.prototype,
    'postMessage',
  );
  const isWrite = (command: unknown): boolean => isRecord(command) && command['kind'] === 'write';
  Worker.prototype.postMessage = function (...rest) {
    if (isWrite(rest[0])) sizes.push(serialize(rest[0]).length);
    original.apply(this, rest);
  };
  const threads = await serveModels(echoArtefact(), { slots: 2 });
  try {
    const schema = {
      type: 'object',
      properties: { a: { enum: Array.from({ length: 10_000 }, (_, index) => `v${index}`) } },
    };
    const asked = {
      ...{ model: 'echo', messages: [{ role: 'user', content: 'x'.repeat(100) }], max_tokens: 2 },
      response_format: { type: 'json_schema', json_schema: { name: 'a', schema } },
    };
    for (const n of [1, 16])
      expect((await ask(`${threads.url}/v1/chat/completions`, { ...asked, n })).status).toBe(200);
    expect(sizes).toHaveLength(2);
    expect(sizes[0]).toBeGreaterThan(50_000);
    expect(sizes[1]! / sizes[0]!).toBeLessThan(1.5);
  } finally {
    Worker.prototype.postMessage = original;
    await threads.stop();
    await server.stop();
  }
});
