/** Who waits, for how long, and who is next, as the callers of each protocol say it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { statisticsOf } from '../../../runtime/server/descriptions.ts';
import type { Model } from '../../../runtime/server/model.ts';
import { echoArtefact } from '../../support/echo-artefact.ts';
import { grpcCaller, type GrpcCaller } from '../../support/grpc-caller.ts';
import { post } from '../../support/http-caller.ts';
import { serveModels, until, type LiveServer } from '../../support/model-server.ts';
import { ask } from '../../support/openai-caller.ts';
import { productContents, productInputs, productModel } from '../../support/product-model.ts';

/** Long enough for others to come meanwhile. */
const long = 2000;

/** Long enough for the answer of what ran before to be read first, also on a busy machine: about 0.1 s. */
const apart = 1200;

let server: LiveServer;
let grpc: GrpcCaller;
let model: Model;

beforeAll(async () => {
  server = await serveModels({ 'product/model.onnx': productModel, ...echoArtefact() }, { slots: 1 });
  grpc = grpcCaller(server.grpc.port);
  model = server.engine.find('product');
});

afterAll(async () => {
  grpc.close();
  await server.stop();
});

const multiply = (size: number, parameters: object = {}) =>
  post(`${server.url}/v2/models/product/infer`, { inputs: productInputs(size), parameters });

const multiplyByCall = (size: number, parameters: object = {}, metadata: Readonly<Record<string, string>> = {}) =>
  grpc.call('ModelInfer', { model_name: 'product', inputs: productContents(size), parameters }, metadata);

/** A long run that has begun. */
async function begun(): Promise<{ readonly over: Promise<unknown> }> {
  const over = multiply(long);
  await until(() => !model.idle && model.waiting === 0);
  return { over };
}

/** The order in which the answers come to what is asked while the only session is busy. */
async function orderOf(asked: Readonly<Record<string, () => Promise<unknown>>>): Promise<readonly string[]> {
  const order: string[] = [];
  const { over } = await begun();
  const { executions } = model.statistics;
  const later = [];
  for (const [index, [name, send]] of Object.entries(asked).entries()) {
    later.push(send().then(() => order.push(name)));
    await until(() => model.waiting === index + 1);
  }
  expect(model.statistics.executions).toBe(executions);
  await Promise.all([over, ...later]);
  return order;
}

/** What it brought: how many requests were run, and how many were given up. */
async function counted<R>(send: () => Promise<R>): Promise<readonly [answer: R, run: number, expired: number]> {
  const { executions, expired } = model.statistics;
  const answer = await send();
  return [answer, model.statistics.executions - executions, model.statistics.expired - expired];
}

describe('the Open Inference Protocol over REST', () => {
  test('what waited longer than its timeout is 504, and never run', async () => {
    const [answer, run, expired] = await counted(() => multiply(1, { timeout: 1 }));
    expect(answer.status).toBe(504);
    expect(answer.json.error).toBe('the request waited for as long as it was allowed to, and was not begun');
    expect([run, expired]).toEqual([0, 1]);
  });

  test('a timeout that does not pass is none', async () => {
    const [answer, run, expired] = await counted(() => multiply(1, { timeout: 60_000_000 }));
    expect([answer.status, run, expired]).toEqual([200, 1, 0]);
  });

  test('what waits behind a long run is answered at its deadline, not after the run', async () => {
    const { over } = await begun();
    const before = model.statistics.executions;
    const answer = await multiply(1, { timeout: 1000 });
    expect(answer.status).toBe(504);
    expect(model.statistics.executions).toBe(before);
    expect(await over).toMatchObject({ status: 200 });
  });

  test('the urgent overtakes', async () => {
    const order = await orderOf({
      least: () => multiply(apart, { priority: 9 }),
      usual: () => multiply(apart),
      most: () => multiply(1, { priority: 1 }),
    });
    expect(order).toEqual(['most', 'usual', 'least']);
  });

  test.each([{ timeout: -1 }, { priority: 1.5 }])('%j is a mistake', async (parameters) => {
    const { status: code, json } = await multiply(1, parameters);
    expect(code).toBe(400);
    expect(json.error).toContain('is not a whole number of 0 or more');
  });

  test('who was given up counts as failed, and not in the queue', () => {
    const { success, fail, queue } = statisticsOf(model).inference_stats;
    expect(fail.count).toBeGreaterThan(0);
    expect(queue.count).toBe(success.count);
  });

  test('how many were given up is a metric', async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    const series = /^limbeck_requests_expired_total\{.*model="product".*\} (\d+)$/m.exec(text);
    expect(Number(series?.[1])).toBe(model.statistics.expired);
    expect(model.statistics.expired).toBeGreaterThan(0);
  });
});

describe('gRPC', () => {
  test('what waited longer than its timeout is DEADLINE_EXCEEDED, and never run', async () => {
    const [{ error }, run, expired] = await counted(() => multiplyByCall(1, { timeout: { int64_param: '1' } }));
    expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED, details: expect.stringContaining('was not begun') });
    expect([run, expired]).toEqual([0, 1]);
  });

  test('a call whose own deadline has passed is not run', async () => {
    const [{ error }, run, expired] = await counted(() => multiplyByCall(1, {}, { 'grpc-timeout': '1n' }));
    expect(error?.code).toBe(status.DEADLINE_EXCEEDED);
    expect([run, expired]).toEqual([0, 1]);
  });

  test('the urgent overtakes', async () => {
    const order = await orderOf({
      usual: () => multiplyByCall(apart),
      most: () => multiplyByCall(1, { priority: { uint64_param: '1' }, timeout: { int64_param: '60000000' } }),
    });
    expect(order).toEqual(['most', 'usual']);
  });

  test.each([{ priority: { string_param: '1' } }, { timeout: { int64_param: '-1' } }])(
    '%j is a mistake',
    async (parameters) => {
      const { error } = await multiplyByCall(1, parameters);
      expect(error).toMatchObject({ code: status.INVALID_ARGUMENT });
    },
  );
});

describe('the OpenAI API', () => {
  test('the urgent gets the free slot first', async () => {
    const complete = (max_tokens: number, rest: object = {}) =>
      ask(`${server.url}/v1/completions`, { model: 'echo', prompt: 'one two ', temperature: 0, max_tokens, ...rest });
    const { decodingStatistics } = server.engine.find('echo');
    const order: string[] = [];
    const opening = complete(240, { logit_bias: { 256: -100 } });
    await until(() => decodingStatistics.writing === 1);
    const least = complete(1, { priority: 4 }).then(() => order.push('least'));
    await until(() => decodingStatistics.waiting === 1);
    const most = complete(1, { priority: -4 }).then(() => order.push('most'));
    await until(() => decodingStatistics.waiting === 2);
    await Promise.all([opening, least, most]);
    expect(order).toEqual(['most', 'least']);
  });
});
