import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { BodyBudget, readBody } from '../../../runtime/server/body.ts';
import { grpcCaller } from '../../support/grpc-caller.ts';
import { post } from '../../support/http-caller.ts';
import { serveModels, until, type LiveServer } from '../../support/model-server.ts';
import { identityModel, mlpModel, onnxModel } from '../../support/onnx-model.ts';

const path = '/v2/models/mlp/infer';
const megabyte = 1 << 20;
const whole = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }] };
let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) }, { maxBodiesBytes: 1.5 * megabyte });
});
afterAll(() => server.stop());

/** Says that a megabyte comes, and sends all of it but the last byte. */
async function unfinished(): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${megabyte}\r\n\r\n`);
  socket.write(Buffer.alloc(megabyte - 1, 32));
  return socket;
}

test('a budget gives what is free, and nothing beyond', () => {
  const budget = new BodyBudget(10);
  const takes = (bytes: number) => budget.take(bytes, megabyte);
  expect([takes(7), takes(4), takes(3), takes(1)]).toEqual([true, false, true, false]);
  budget.give(7);
  expect(takes(7)).toBe(true);
});

test('an answer takes what is free, where that is no trifle of it', () => {
  const budget = new BodyBudget(1000);
  const takes = (bytes: number) => budget.takeFree(bytes);
  // The largest is as large as all that there is.
  expect([takes(8000), takes(1)]).toEqual([1000, 0]);
  budget.give(124);
  expect([takes(8000), takes(1000), takes(248), takes(1)]).toEqual([0, 0, 124, 0]);
});

test('bodies beyond the budget are refused with 503, and taken again when a caller has gone', async () => {
  const first = await unfinished();
  const second = await unfinished();
  // Whichever of the two came later is refused; its place is free again, so small requests go on being answered.
  const refused = String(await Promise.race([once(first, 'data'), once(second, 'data')]));
  expect(refused).toContain('HTTP/1.1 503');
  expect(refused.toLowerCase()).toContain('retry-after: 1');
  expect((await post(server.url + path, whole)).status).toBe(200);
  first.destroy();
  second.destroy();
  const third = await unfinished();
  third.write('1');
  expect(String(await once(third, 'data'))).toContain('HTTP/1.1 400');
  third.destroy();
});

test('a body that comes a byte at a time is kept in few pieces', async () => {
  const concat = jest.spyOn(Buffer, 'concat');
  const request = new IncomingMessage(new Socket());
  for (let come = 0; come < 20_000; come += 1) request.push(Buffer.of(come % 10));
  request.push(null);
  const limits = { maxBodyBytes: megabyte, bodies: new BodyBudget(megabyte) };
  const bytes = await readBody([request, new ServerResponse(request)], limits);
  expect(bytes.equals(Buffer.from(Array.from({ length: 20_000 }, (_, index) => index % 10)))).toBe(true);
  expect(Math.max(...concat.mock.calls.map(([pieces]) => pieces.length))).toBeLessThan(20);
  concat.mockRestore();
});

/** The bytes of a body that is read from memory, with some headers. */
async function readFrom(
  bytes: Buffer,
  bodies: BodyBudget,
  textLength?: (bodyLength: number) => number,
): Promise<number> {
  const request = new IncomingMessage(new Socket());
  request.headers['content-encoding'] = 'gzip';
  request.push(gzipSync(bytes));
  request.push(null);
  const limits = { maxBodyBytes: 64 * megabyte, bodies };
  return (await readBody([request, new ServerResponse(request)], limits, textLength)).length;
}

describe('JSON counts as what it becomes', () => {
  const ones = Buffer.from(`[${'1,'.repeat(megabyte)}1]`);
  const freeOf = (bodies: BodyBudget): number => {
    let free = 0;
    while (bodies.take(megabyte, Infinity)) free += 1;
    return free;
  };

  test('until its request is answered', async () => {
    const bodies = new BodyBudget(32 * megabyte);
    expect(await readFrom(ones, bodies)).toBe(ones.length);
    expect(freeOf(bodies)).toBe(17);
  });

  test('what alone would take more than all may is too large', async () => {
    const read = readFrom(ones, new BodyBudget(8 * megabyte));
    await expect(read).rejects.toMatchObject({
      fault: { kind: 'tooLarge' },
      message: expect.stringContaining('so many values that it takes more than 8388608 bytes once it is parsed'),
    });
  });

  test('what others leave no room for is to come again', async () => {
    const bodies = new BodyBudget(20 * megabyte);
    await readFrom(ones, bodies);
    await expect(readFrom(ones, bodies)).rejects.toMatchObject({ fault: { kind: 'unavailable' } });
  });

  test('bytes behind it take what they are', async () => {
    const bodies = new BodyBudget(32 * megabyte);
    await readFrom(ones, bodies, () => 2);
    expect(freeOf(bodies)).toBe(29);
  });
});

test('strings that come as bytes count as what they become', async () => {
  const files = { 'text/model.onnx': identityModel('BYTES') };
  const room = await serveModels(files, { maxBodiesBytes: 4 * megabyte });
  const caller = grpcCaller(room.grpc.port);
  const inputOf = (count: number) => ({ name: 'x', datatype: 'BYTES', shape: [1, count] });
  const overHttp = async (count: number): Promise<number> => {
    const head = JSON.stringify({ inputs: [{ ...inputOf(count), parameters: { binary_data_size: 4 * count } }] });
    const body = Buffer.concat([Buffer.from(head), Buffer.alloc(4 * count)]);
    const headers = { 'Inference-Header-Content-Length': String(head.length) };
    return (await fetch(`${room.url}/v2/models/text/infer`, { method: 'POST', headers, body })).status;
  };
  const overGrpc = async (count: number): Promise<number | undefined> => {
    const message = { model_name: 'text', inputs: [inputOf(count)], raw_input_contents: [Buffer.alloc(4 * count)] };
    return (await caller.call('ModelInfer', message)).error?.code;
  };
  try {
    expect([await overHttp(10_000), await overHttp(200_000)]).toEqual([200, 413]);
    expect([await overGrpc(10_000), await overGrpc(200_000)]).toEqual([undefined, 8]);
  } finally {
    caller.close();
    await room.stop();
  }
});

describe('answers that nobody reads', () => {
  /** 16 MiB of zeros for each number. */
  const wide = onnxModel({
    inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 1] }],
    outputs: [{ name: 'y', type: 'FP32', shape: ['batch', 4 * megabyte] }],
    weights: [{ name: 'shape', shape: [2], data: BigInt64Array.of(1n, BigInt(4 * megabyte)) }],
    nodes: [{ op: 'Expand', inputs: ['x', 'shape'], outputs: ['y'] }],
  });
  const request =
    'POST /v2/models/wide/infer HTTP/1.1\r\nHost: a\r\nInference-Header-Content-Length: 0\r\nContent-Length: 4\r\n\r\n';

  test('count as bodies do, and leave no room for more of them', async () => {
    const one = await serveModels({ 'wide/model.onnx': wide }, { maxBodiesBytes: 20 * megabyte, maxBatch: 1 });
    const sockets: Socket[] = [];
    const heads: string[] = [];
    for (let asked = 0; asked < 3; asked += 1) {
      const socket = connect(one.port, '127.0.0.1').setNoDelay(true);
      sockets.push(socket);
      socket.write(Buffer.concat([Buffer.from(request), Buffer.alloc(4)]));
      const [head] = (await once(socket, 'data')) as [Buffer];
      socket.pause();
      heads.push(head.subarray(0, 12).toString());
    }
    try {
      expect(heads).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 503']);
      // Small bodies are taken all the same, and small answers given.
      const tooFew = { method: 'POST', body: new Uint8Array(3), headers: { 'Inference-Header-Content-Length': '0' } };
      expect((await fetch(`${one.url}/v2/models/wide/infer`, tooFew)).status).toBe(400);
      for (const socket of sockets) socket.destroy();
      const asked = { method: 'POST', body: new Uint8Array(4), headers: { 'Inference-Header-Content-Length': '0' } };
      await until(async () => (await fetch(`${one.url}/v2/models/wide/infer`, asked)).status === 200);
    } finally {
      for (const socket of sockets) socket.destroy();
      await one.stop();
    }
  });
});

test('small bodies are taken also where large ones have taken all, and no more of them than are kept room for', async () => {
  const bodies = new BodyBudget(megabyte);
  bodies.take(megabyte, megabyte);
  const read = (bytes: number, headers: object = {}): Promise<Buffer> => {
    const request = new IncomingMessage(new Socket());
    Object.assign(request.headers, headers);
    request.push(Buffer.alloc(bytes));
    request.push(null);
    return readBody([request, new ServerResponse(request)], { maxBodyBytes: megabyte, bodies });
  };
  const refused = { fault: { kind: 'unavailable' } };
  await expect(read(65_537)).rejects.toMatchObject(refused);
  // It says that there is more to come.
  await expect(read(1000, { 'content-length': '70000' })).rejects.toMatchObject(refused);
  for (let taken = 0; taken < 4 * megabyte; taken += 65_536) expect(await read(65_536)).toHaveLength(65_536);
  await expect(read(1)).rejects.toMatchObject(refused);
});

test('what a small body becomes is held as it comes, and no further than there is room', async () => {
  const taken: number[] = [];
  class Told extends BodyBudget {
    override take(bytes: number, wholeBytes: number): boolean {
      taken.push(bytes);
      return super.take(bytes, wholeBytes);
    }
  }
  const request = new IncomingMessage(new Socket());
  request.headers['content-encoding'] = 'gzip';
  request.push(gzipSync(Buffer.alloc(32 * megabyte)));
  request.push(null);
  const limits = { maxBodyBytes: 64 * megabyte, bodies: new Told(megabyte) };
  await expect(readBody([request, new ServerResponse(request)], limits)).rejects.toMatchObject({
    fault: { kind: 'unavailable' },
  });
  expect(Math.max(...taken)).toBeLessThanOrEqual(65_536);
  expect(taken.reduce((total, bytes) => total + bytes, 0)).toBeLessThan(2 * megabyte);
});

test('a caller that goes while its body is decompressed leaves the budget as it was', async () => {
  const bodies = new BodyBudget(megabyte);
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  request.headers['content-encoding'] = 'gzip';
  request.push(gzipSync(Buffer.alloc(1000)));
  request.push(null);
  // Decompression happens in another thread: it cannot be over in the turn in which it begins.
  request.once('end', () => response.emit('close'));
  await expect(readBody([request, response], { maxBodyBytes: megabyte, bodies })).rejects.toThrow(
    'the caller has gone',
  );
  expect(bodies.take(megabyte, megabyte)).toBe(true);
});
