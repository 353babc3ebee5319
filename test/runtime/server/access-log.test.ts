import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Fields, Log } from '../../../process/logger.ts';
import { callOf } from '../../../runtime/server/access-log.ts';
import { grpcCaller, type GrpcCaller } from '../../support/grpc-caller.ts';
import { call, post } from '../../support/http-caller.ts';
import { serveModels, until, type LiveServer } from '../../support/model-server.ts';
import { mlpModel } from '../../support/onnx-model.ts';
import { quiet } from '../../support/quiet-log.ts';

const said: Fields[] = [];
const log: Log = {
  ...quiet,
  info: (sentence, fields = {}) => {
    if (sentence === 'request') said.push(fields);
  },
};
const four = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] };
const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${trace}-00f067aa0ba902b7-01`;

let server: LiveServer;
let grpc: GrpcCaller;

beforeAll(async () => {
  server = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) }, { log, accessLogSample: 1 });
  grpc = grpcCaller(server.grpc.port);
});

beforeEach(() => void said.splice(0));

afterAll(async () => {
  grpc.close();
  await server.stop();
});

/** The lines of what was asked since the test began; an answer may be there before its line is. */
async function told(lines: number): Promise<readonly Fields[]> {
  await until(() => said.length >= lines);
  return said;
}

describe('the name of a request', () => {
  test.each([
    ['/v2', 200],
    ['/v2/models/nobody', 404],
    ['/v2/models/nobody/infer', 405],
    ['/v1/nowhere', 404],
  ])('GET %s, which is %d, gives it back', async (path, status) => {
    const answer = await call(server.url + path, { headers: { 'x-request-id': 'mine' } });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toBe('mine');
  });

  test('is a new one where the caller gave none, or one that is none', async () => {
    for (const headers of [{}, { 'x-request-id': 'two words' }]) {
      const answer = await post(`${server.url}/v2/models/mlp/infer`, { inputs: [four] }, headers);
      expect(answer.headers.get('x-request-id')).toBe('made-here');
    }
  });

  test('comes back over gRPC before the message, also of a call that fails', async () => {
    for (const method of ['ServerLive', 'ModelInfer']) {
      const { metadata } = await grpc.call(method, {}, { 'x-request-id': 'mine' });
      expect(metadata).toMatchObject({ 'x-request-id': 'mine' });
    }
  });
});

describe('the line of a request', () => {
  test('says what was asked, what came of it, and to which trace it belongs', async () => {
    const headers = { 'x-request-id': 'mine', traceparent };
    await post(`${server.url}/v2/models/mlp/infer?key=secret`, { inputs: [four] }, headers);
    const [line] = await told(1);
    expect(line).toEqual({
      ...{ method: 'POST', path: '/v2/models/mlp/infer', code: 200 },
      ...{ requestId: 'mine', traceId: trace, tookMs: expect.any(Number) },
    });
  });

  test('is there for what is refused, without a trace where there is none', async () => {
    await post(`${server.url}/v2/models/mlp/infer`, 'no JSON');
    expect((await told(1))[0]).toMatchObject({ code: 400, requestId: 'made-here' });
    expect(said[0]).not.toHaveProperty('traceId');
  });

  test('is 499 for a caller who left before the answer', async () => {
    const leaving = request(`${server.url}/v2/models/mlp/infer`, {
      method: 'POST',
      headers: { 'content-length': 100 },
    });
    leaving.on('error', () => undefined).write('{"inp');
    await new Promise((resolve) => setTimeout(resolve, 20));
    leaving.destroy();
    expect((await told(1))[0]).toMatchObject({ code: 499 });
  });

  test('names the method and the status of a call', async () => {
    await grpc.call('ServerLive', {}, { traceparent });
    await grpc.call('ModelMetadata', { name: 'nobody' });
    const service = '/inference.GRPCInferenceService';
    expect(await told(2)).toMatchObject([
      { method: `${service}/ServerLive`, code: 'OK', traceId: trace },
      { method: `${service}/ModelMetadata`, code: 'NOT_FOUND' },
    ]);
  });
});

test('a request that is not sampled has a name and no line', () => {
  const access = { log, sampled: () => false, newId: () => 'new', now: () => 0 };
  expect(callOf(access, { requestId: undefined, traceParent: traceparent })).toEqual({ requestId: 'new' });
});
