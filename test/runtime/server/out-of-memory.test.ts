import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { status } from '@grpc/grpc-js';
import { blamed, OutOfMemory, runFailure } from '../../../runtime/server/out-of-memory.ts';
import { Refusal } from '../../../runtime/server/protocol/errors.ts';
import { grpcCaller } from '../../support/grpc-caller.ts';
import { post } from '../../support/http-caller.ts';
import { serveModels, type LiveServer } from '../../support/model-server.ts';
import { productContents, productInputs, productModel } from '../../support/product-model.ts';

const arena = (bytes: number): string =>
  `Non-zero status code returned while running MatMul node. Name:'' Status Message: bfc_arena.cc:360 Failed to allocate memory for requested buffer of size ${bytes}`;

describe('a run that failed', () => {
  const limit = 1000;
  test.each([
    ['of its input', 'index out of range', 'invalid'],
    ['of a buffer that no moment has room for', arena(1001), 'invalid'],
    ['of one that another moment may have room for', arena(1000), 'unavailable'],
    ['of memory of which nobody says how much', "Name:'' Status Message: std::bad_alloc", 'unavailable'],
    ['of memory of a GPU', 'CUDA failure 2: out of memory ; GPU=0 ; hostname=a', 'unavailable'],
    ['of memory of its libraries', 'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0', 'unavailable'],
    ['of memory for the copy of an output', 'Array buffer allocation failed', 'unavailable'],
  ])('%s', (_what, message, kind) => {
    expect(blamed(runFailure(message), limit)).toMatchObject({ fault: { kind } });
  });

  test('of anything else stays what it is', () => {
    const other = new Refusal({ kind: 'unavailable', retryAfterSeconds: 1 }, 'died');
    expect(blamed(other, 0)).toBe(other);
    expect(new OutOfMemory(5).message).toBe('the model found no memory for a buffer of 5 bytes');
  });
});

/** More than a process can address, so that every machine refuses it: 2^48 bytes. */
const side = 2 ** 23;

describe.each([
  ['beyond the memory limit is a mistake', 2 ** 34, 400, null, status.INVALID_ARGUMENT],
  ['within it may be asked for again', 2 ** 50, 503, '1', status.UNAVAILABLE],
])('a request for a buffer %s', (_what, memoryBytes, code, retryAfter, grpcCode) => {
  let server: LiveServer;
  beforeAll(async () => (server = await serveModels({ 'product/model.onnx': productModel }, { memoryBytes })));
  afterAll(() => server.stop());

  test('over REST', async () => {
    const answer = await post(`${server.url}/v2/models/product/infer`, { inputs: productInputs(side) });
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([code, retryAfter]);
    expect(answer.json.error).toContain(`a buffer of ${2 ** 48} bytes`);
  });

  test('over gRPC', async () => {
    const grpc = grpcCaller(server.grpc.port);
    const { error } = await grpc.call('ModelInfer', { model_name: 'product', inputs: productContents(side) });
    grpc.close();
    expect(error?.code).toBe(grpcCode);
  });
});
