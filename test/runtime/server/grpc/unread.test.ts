import { once } from 'node:events';
import {
  connect,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { loadSync } from '@grpc/proto-loader';
import { dropUnread } from '../../../../runtime/server/grpc/unread.ts';
import { serveModels, until } from '../../../support/model-server.ts';
import { onnxModel } from '../../../support/onnx-model.ts';

describe('an answer', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  /** A call with so many bytes that wait to be read, and how it was ended. */
  function answered(bufferSize: number) {
    const ended: unknown[] = [];
    const stream = { bufferSize, close: (code: unknown) => ended.push(code), once: () => undefined };
    dropUnread(stream as unknown as ServerHttp2Stream);
    return { stream, ended };
  }

  test.each([
    ['of which nothing waits', 0, Infinity],
    ['of a byte', 1, 120_000],
    ['of 10 MiB', 10 << 20, 240_000],
  ])('%s has its time to be read', (_what, bytes, timeMs) => {
    const { ended } = answered(bytes);
    jest.advanceTimersByTime(Math.min(timeMs, 3_600_000) - 1);
    expect(ended).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(ended).toHaveLength(timeMs === Infinity ? 0 : 1);
  });

  test('that was read meanwhile has it anew', () => {
    const { stream, ended } = answered(1);
    jest.advanceTimersByTime(60_000);
    stream.bufferSize = 0;
    jest.advanceTimersByTime(60_000);
    stream.bufferSize = 1;
    jest.advanceTimersByTime(119_999);
    expect(ended).toEqual([]);
  });
});

test('a caller who answers pings and takes nothing loses his call', async () => {
  const server = createServer().on('stream', (stream) => {
    dropUnread(stream, 200);
    stream.on('error', () => undefined).respond();
    stream.end(Buffer.alloc(80_000));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = session.request().on('error', () => undefined);
  try {
    await once(stream, 'close');
    expect(stream.rstCode).toBe(8);
    expect(session.destroyed).toBe(false);
  } finally {
    session.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('answers of which nobody takes more than a byte', () => {
  const answerBytes = 256 << 10;
  /** So many bytes of zeros for each number. */
  const wide = onnxModel({
    inputs: [{ name: 'x', type: 'FP32', shape: ['batch', 1] }],
    outputs: [{ name: 'y', type: 'FP32', shape: ['batch', answerBytes / 4] }],
    weights: [{ name: 'shape', shape: [2], data: BigInt64Array.of(1n, BigInt(answerBytes / 4)) }],
    nodes: [{ op: 'Expand', inputs: ['x', 'shape'], outputs: ['y'] }],
  });
  const { ModelInfer } = loadSync('runtime/server/grpc/open-inference.proto', { keepCase: true })[
    'inference.GRPCInferenceService'
  ] as unknown as { readonly ModelInfer: { readonly requestSerialize: (message: object) => Buffer } };
  const message = ModelInfer.requestSerialize({
    ...{ model_name: 'wide', inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1] }] },
    raw_input_contents: [Buffer.alloc(4)],
  });

  const sessions: ClientHttp2Session[] = [];

  /** Calls of one connection at once: the statuses that are told meanwhile, and the end of all. */
  function asked(port: number, calls: number, initialWindowSize: number) {
    const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize } });
    sessions.push(session);
    const statuses: unknown[] = [];
    const tell = (headers: IncomingHttpHeaders): void => void statuses.push(headers['grpc-status']);
    for (let call = 0; call < calls; call += 1) {
      const path = '/inference.GRPCInferenceService/ModelInfer';
      const headers = { ':method': 'POST', ':path': path, te: 'trailers', 'content-type': 'application/grpc' };
      const stream = session.request(headers).on('error', () => undefined);
      stream.on('trailers', tell).resume();
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([prefix, message]));
    }
    return { statuses, end: () => session.destroy() };
  }

  test('count as bodies do, and those that find no room are refused, however many are asked for at once', async () => {
    const server = await serveModels({ 'wide/model.onnx': wide }, { maxBodiesBytes: 2.5 * answerBytes, maxBatch: 1 });
    try {
      const taking = asked(server.grpc.port, 2, 2 * answerBytes);
      await until(() => taking.statuses.length === 2);
      // Of a byte: a window of none would keep the refusals as well.
      const waiting = asked(server.grpc.port, 12, 1);
      // Two, and one that is larger than what they leave.
      await until(() => waiting.statuses.length === 9);
      expect([taking.statuses, waiting.statuses]).toEqual([['0', '0'], Array<string>(9).fill('14')]);
      waiting.end();
      await until(async () => {
        const next = asked(server.grpc.port, 1, 2 * answerBytes);
        await until(() => next.statuses.length === 1);
        next.end();
        return next.statuses[0] === '0';
      });
    } finally {
      for (const session of sessions) session.destroy();
      await server.stop();
    }
  });
});
