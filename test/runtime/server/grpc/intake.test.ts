import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { loadSync } from '@grpc/proto-loader';
import { BodyBudget } from '../../../../runtime/server/body.ts';
import type { Face } from '../../../../runtime/server/face.ts';
import { countIncoming } from '../../../../runtime/server/grpc/intake.ts';
import { serveModels, until, type LiveServer } from '../../../support/model-server.ts';
import { identityModel } from '../../../support/onnx-model.ts';
import { quiet } from '../../../support/quiet-log.ts';

const budgetBytes = 1 << 20;

let server: LiveServer;
let session: ClientHttp2Session;

beforeAll(async () => {
  const limits = { maxBodiesBytes: budgetBytes, maxBodyBytes: budgetBytes };
  server = await serveModels({ 'm/model.onnx': identityModel('FP32') }, limits);
  session = connect(`http://127.0.0.1:${server.grpc.port}`);
});

afterAll(async () => {
  session.destroy();
  await server.stop();
});

const proto = loadSync('runtime/server/grpc/open-inference.proto', { keepCase: true });
const { ModelInfer } = proto['inference.GRPCInferenceService'] as unknown as {
  readonly ModelInfer: { readonly requestSerialize: (message: object) => Buffer };
};

/** A request for inference with so many numbers, in front of it its prefix. */
function messageOf(width: number, isCompressed = false): Buffer {
  const inputs = [{ name: 'x', datatype: 'FP32', shape: [1, width] }];
  const plain = ModelInfer.requestSerialize({ model_name: 'm', inputs, raw_input_contents: [Buffer.alloc(4 * width)] });
  const bytes = isCompressed ? gzipSync(plain) : plain;
  const prefix = Buffer.alloc(5);
  prefix[0] = Number(isCompressed);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

function call(method = 'ModelInfer', headers: object = {}): ClientHttp2Stream {
  const path = `/inference.GRPCInferenceService/${method}`;
  const common = { ':method': 'POST', ':path': path, te: 'trailers', 'content-type': 'application/grpc' };
  return session.request({ ...common, ...headers }).on('error', () => undefined);
}

/** The status of a call, wherever it stands, and what else stands there. */
function statusOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  stream.resume();
  return new Promise((resolve) => {
    for (const event of ['response', 'trailers'] as const)
      stream.on(event, (headers: IncomingHttpHeaders) => headers['grpc-status'] !== undefined && resolve(headers));
  });
}

/** The status of a message that is sent whole. */
async function sent(message: Buffer, headers: object = {}): Promise<number> {
  const stream = call('ModelInfer', headers);
  stream.end(message);
  return Number((await statusOf(stream))['grpc-status']);
}

/** A message of which the last byte stays out; the rest has come. */
async function begun(width: number): Promise<ClientHttp2Stream> {
  const stream = call();
  await new Promise((resolve) => stream.write(messageOf(width).subarray(0, -1), resolve));
  await new Promise((resolve) => session.ping(resolve));
  return stream;
}

const [ok, unavailable] = [0, 14];
const half = budgetBytes / 8;

describe('messages that nobody finishes', () => {
  test('take of the memory for bodies, and what has no room is refused with the time to come again', async () => {
    const first = await begun(half);
    expect(await sent(messageOf(half))).toBe(unavailable);
    const second = call('ModelInfer', { 'x-request-id': 'mine' });
    second.write(messageOf(half).subarray(0, -1));
    expect(await statusOf(second)).toMatchObject({
      ...{ ':status': 200, 'grpc-status': '14', 'retry-after': '1', 'x-request-id': 'mine' },
      'grpc-message': encodeURI('the bodies and answers of other requests fill the memory that these may take'),
    });
    first.destroy();
    await until(async () => (await sent(messageOf(half))) === ok);
  });

  test('leave no room for bodies over HTTP, but for small ones of either protocol', async () => {
    const first = await begun(half);
    const url = `${server.url}/v2/models/m/infer`;
    const status = async (width: number): Promise<number> => {
      const parameters = { binary_data_size: 4 * width };
      const head = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, width], parameters }] });
      const body = Buffer.concat([Buffer.from(head), Buffer.alloc(4 * width)]);
      const headers = { 'Inference-Header-Content-Length': String(head.length) };
      return (await fetch(url, { method: 'POST', headers, body })).status;
    };
    expect(await status(half)).toBe(503);
    expect(await status(1)).toBe(200);
    expect(await sent(messageOf(1))).toBe(ok);
    first.destroy();
    await until(async () => (await status(half)) === 200);
  });

  test('are finished when they are', async () => {
    const first = await begun(half);
    expect(await sent(messageOf(half))).toBe(unavailable);
    first.end(messageOf(half).subarray(-1));
    expect((await statusOf(first))['grpc-status']).toBe('0');
  });
});

test('what was answered takes nothing, compressed or not, refused or not', async () => {
  const gzip = { 'grpc-encoding': 'gzip' };
  for (let round = 0; round < 8; round += 1) {
    expect(await sent(messageOf(half * 1.5))).toBe(ok);
    expect(await sent(messageOf(half, true), gzip)).toBe(ok);
    expect(await sent(Buffer.concat([messageOf(half), messageOf(1)]))).not.toBe(ok);
  }
  await until(async () => (await sent(messageOf(half * 2 - 100))) === ok);
});

test('what the library refuses itself ends as ever, and has the name of its request', async () => {
  const stranger = call('Nothing', { 'x-request-id': 'mine' });
  stranger.end(messageOf(half));
  expect(await statusOf(stranger)).toMatchObject({ 'grpc-status': '12', 'x-request-id': 'mine' });
  await once(stranger, 'close');
  const timeless = call('ModelInfer', { 'x-request-id': 'mine', 'grpc-timeout': '1' });
  timeless.end(messageOf(1));
  expect(await statusOf(timeless)).toMatchObject({ 'grpc-status': '3', 'x-request-id': 'mine' });
  const large = call('ModelInfer', { 'x-request-id': 'mine' });
  large.end(messageOf(half * 3));
  expect(await statusOf(large)).toMatchObject({ 'grpc-status': '8', 'x-request-id': 'mine' });
  const other = call('ModelInfer', { 'content-type': 'text/plain' });
  other.end(messageOf(half));
  const [headers] = (await once(other, 'response')) as [IncomingHttpHeaders];
  expect(headers).toMatchObject({ ':status': 415, 'x-request-id': 'made-here' });
  await once(other.resume(), 'close');
});

describe('a call', () => {
  const port = 50_000;
  const maxBodyBytes = budgetBytes * 8;

  /** A call as Node would tell of it, what is said on it, and what the library hears. */
  function incoming(localPort: number, further: object = {}) {
    const said = { told: [] as object[], ends: 0 };
    const heard: (Buffer | 'end')[] = [];
    const stream = Object.assign(new PassThrough({ autoDestroy: false }), {
      ...{ session: { socket: { localPort } }, headersSent: false },
      respond: (headers: object) => said.told.push(headers),
      close: () => (said.ends += 1),
    });
    channel('http2.server.stream.created').publish({ stream, headers: { ':path': '/S/M', ...further } });
    stream.on('data', (chunk: Buffer) => heard.push(chunk));
    stream.on('end', () => heard.push('end'));
    return { stream, said, heard };
  }

  let stop: () => void;
  const lines: object[] = [];

  beforeAll(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    const log = { ...quiet, info: (_message: string, fields: object = {}) => void lines.push(fields) };
    const access = { log, sampled: () => true, newId: () => 'new', now: () => 0 };
    const face = { access, bodies: new BodyBudget(budgetBytes), maxBodyBytes } as unknown as Face;
    stop = countIncoming({ face, port, nameOf: (code) => `status ${code}` });
  });

  afterAll(() => {
    stop();
    jest.useRealTimers();
  });

  test('whose message is not whole in time is refused, and told of in the log', () => {
    const { said } = incoming(port);
    jest.advanceTimersByTime(59_999);
    expect(said.told).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(said).toMatchObject({
      told: [{ 'grpc-status': 4, 'grpc-message': encodeURI('the message was not whole within 60 s') }],
      ends: 1,
    });
    expect(lines).toEqual([{ method: '/S/M', code: 'status 4', requestId: 'new', tookMs: 0 }]);
  });

  test.each([
    ['whose message is whole', port, true],
    ['of another port', port + 1, false],
  ])('%s has all the time that it takes', async (_what, localPort, isWhole) => {
    const { stream, said } = incoming(localPort);
    if (isWhole) {
      stream.end();
      await once(stream, 'end');
    }
    jest.advanceTimersByTime(600_000);
    expect(said).toEqual({ told: [], ends: 0 });
  });

  const compressed = { 'grpc-encoding': 'gzip' };

  /** Timers stand still here, and what is decompressed comes in turns of the loop. */
  async function turnsUntil(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise(setImmediate);
  }

  /** A message as a call has it, with what is in front of it. */
  function framed(message: Buffer, isCompressed: boolean): Buffer {
    const prefix = Buffer.alloc(5, Number(isCompressed));
    prefix.writeUInt32BE(message.length, 1);
    return Buffer.concat([prefix, message]);
  }

  test.each([
    ['that is compressed', true],
    ['that may be and is not', false],
  ])('%s reaches the library when it is whole, as it was', async (_what, isCompressed) => {
    const { stream, said, heard } = incoming(port, compressed);
    const message = Buffer.from('a message');
    const bytes = framed(isCompressed ? gzipSync(message) : message, isCompressed);
    stream.write(bytes.subarray(0, 7));
    stream.write(bytes.subarray(7));
    await new Promise(setImmediate);
    expect(heard).toEqual([]);
    stream.end();
    await turnsUntil(() => heard.includes('end'));
    expect(Buffer.concat(heard.filter((one) => one !== 'end'))).toEqual(framed(message, false));
    expect(said.told).toEqual([]);
  });

  test('whose frames are of a byte each reaches the library in few pieces', async () => {
    const { stream, heard } = incoming(port);
    const bytes = framed(Buffer.alloc(2000, 'ab'), false);
    for (const byte of bytes) stream.write(Buffer.of(byte));
    stream.end();
    await turnsUntil(() => heard.includes('end'));
    const pieces = heard.filter((one) => one !== 'end');
    expect(Buffer.concat(pieces)).toEqual(bytes);
    expect(pieces.length).toBeLessThan(20);
  });

  const large = gzipSync(Buffer.alloc(maxBodyBytes + 1));
  test.each<[string, Buffer, object]>([
    [
      'what has no room for what it becomes',
      framed(gzipSync(Buffer.alloc(budgetBytes * 6)), true),
      { 'grpc-status': 14, 'retry-after': '1' },
    ],
    ['what is no gzip', framed(Buffer.from('no gzip'), true), { 'grpc-status': 3 }],
    ['two messages', Buffer.concat([framed(large, true), framed(large, true)]), { 'grpc-status': 3 }],
  ])('%s is refused before the library knows of it, and holds nothing', async (_what, bytes, told) => {
    for (let round = 0; round < 3; round += 1) {
      const { stream, said, heard } = incoming(port, compressed);
      stream.end(bytes);
      await turnsUntil(() => said.ends > 0);
      expect(said.told).toMatchObject([{ 'x-request-id': 'new', ...told }]);
      expect(heard.filter((one) => one !== 'end')).toEqual([]);
      stream.destroy();
    }
  });
});

test('a message that cannot be decoded is its caller’s mistake, whose request has its name', async () => {
  const stream = call('ModelInfer', { 'x-request-id': 'mine' });
  const named = once(stream, 'response') as Promise<[IncomingHttpHeaders]>;
  // A field of the wire type 7, which there is not.
  stream.end(Buffer.of(0, 0, 0, 0, 1, 0x0f));
  expect((await statusOf(stream))['grpc-status']).toBe('3');
  expect((await named)[0]).toMatchObject({ 'x-request-id': 'mine' });
});
