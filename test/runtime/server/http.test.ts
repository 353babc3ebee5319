import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createRegistry } from '../../../process/metrics.ts';
import { listen } from '../../../process/http-server.ts';
import type { Face } from '../../../runtime/server/face.ts';
import { closeServer, createHttpServer } from '../../../runtime/server/http.ts';
import { callerOf } from '../../support/http-caller.ts';
import { mlpModel } from '../../support/onnx-model.ts';
import { serveModels, type LiveServer } from '../../support/model-server.ts';

let server: LiveServer;

beforeAll(async () => {
  server = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) });
});

afterAll(() => server.stop());

const { call, post } = callerOf(() => server.url);

const four = { name: 'x', shape: [1, 4], datatype: 'FP32', data: [1, 2, 3, 4] };

describe('on the wire', () => {
  test('a chunked body over the limit is refused while it comes', async () => {
    const chunk = new Uint8Array(1 << 16).fill(32);
    const body = ReadableStream.from(Array.from({ length: 40 }, () => chunk));
    const answer = await call('/v2/models/mlp/infer', {
      method: 'POST',
      body,
      duplex: 'half',
    } as unknown as RequestInit);
    expect(answer.status).toBe(413);
  });

  test('a caller who leaves in the middle of a body disturbs nobody', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST /v2/models/mlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"inp');
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    expect((await post('/v2/models/mlp/infer', { inputs: [four] })).status).toBe(200);
  });

  test('what is no HTTP is 400', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.end('hello\r\n\r\n');
    const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });

  test.each([
    ['/v1/chat/completions', true],
    ['/v1/models/mlp:predict', false],
    ['/v2/models/mlp/infer', false],
  ])('no valid HTTP below %s is told in the shape of its protocol', async (path, isOpenAi) => {
    const head = `POST ${path} HTTP/1.1\r\n`;
    for (const bytes of [`${head}Host: x\r\nX: a\0b\r\n\r\n`, `${head}\r\n`]) {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(bytes);
      const answer = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
      socket.destroy();
      const message = expect.stringMatching(/is not valid HTTP|has no Host/);
      const error = isOpenAi ? { message, type: 'invalid_request_error', param: null, code: null } : message;
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toEqual({ error });
    }
  });

  test('a caller who closes his sending side gets his answer', async () => {
    const body = JSON.stringify({ inputs: [four] });
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end(
      `POST /v2/models/mlp/infer HTTP/1.1\r\nHost: x\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`,
    );
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/HTTP\/1\.1 200 OK\r\n[^]*"outputs"/);
  });

  test('a tunnel is 405 in the shape of the protocol', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write('CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 405 [^]*\{"error":"CONNECT is not allowed here/);
  });

  test.each([
    ['a tunnel', 'CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n', 405],
    [
      'an expectation',
      'POST /v2/models/mlp/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: wonders\r\n',
      417,
    ],
  ])('the answer to what node:http takes for itself says the name of the request: %s', async (_what, head, status) => {
    for (const [given, name] of [
      ['X-Request-Id: mine\r\n', 'mine'],
      ['', 'made-here'],
    ]) {
      const socket = connect(server.port, '127.0.0.1');
      socket.write(`${head}${given ?? ''}\r\n`);
      let text = '';
      for await (const chunk of socket) text += String(chunk);
      expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*\r\nx-request-id: ${name ?? ''}\r\n`, 'i'));
    }
  });

  test('a full queue is 429 with Retry-After', async () => {
    const small = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) }, { queueLimit: 1, maxBatch: 1 });
    try {
      // In one write: all of them are there before the first inference can be over, however fast or slow the machine.
      const answers = await pipelined(small.port, '/v2/models/mlp/infer', JSON.stringify({ inputs: [four] }), 64);
      const refused = answers.filter((answer) => answer.startsWith('HTTP/1.1 429 '));
      expect(answers.filter((answer) => answer.startsWith('HTTP/1.1 200 ')).length + refused.length).toBe(64);
      expect(refused.length).toBeGreaterThan(0);
      expect(refused[0]?.toLowerCase()).toContain('retry-after: 1\r\n');
      expect(refused[0]).toContain('{"error":"the queue of this model is full"}');
    } finally {
      await small.stop();
    }
  });
});

/** Sends the same request so many times in one write, and gives the answers as text, in order. */
async function pipelined(port: number, path: string, body: string, count: number): Promise<readonly string[]> {
  const socket = connect(port, '127.0.0.1');
  const head = (connection: string): string =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nContent-Length: ${String(body.length)}\r\n\r\n`;
  socket.write(`${(head('keep-alive') + body).repeat(count - 1)}${head('close')}${body}`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text.split(/(?=HTTP\/1\.1 )/);
}

test.each([
  [1 << 20, 60_000],
  [64 << 20, 65_536],
  [2 ** 30, 1_048_576],
])('where bodies may have %d bytes a request must be whole within %d ms', (maxBodyBytes, withinMs) => {
  const face = { maxBodyBytes, draining: () => false } as unknown as Face;
  const facts = { name: 'limbeck', version: 'test' };
  const { requestTimeout, timeout } = createHttpServer(face, createRegistry('server'), facts);
  // And whoever does not read his answer for a minute is cut off.
  expect([requestTimeout, timeout]).toEqual([withinMs, 60_000]);
});

describe('draining', () => {
  test('a connection whose answer was begun before it is closed when that is over', async () => {
    const server = createServer({ keepAliveTimeout: 600_000 }, (_, response) => void response.write('first'));
    const responses = once(server, 'request') as Promise<[unknown, ServerResponse]>;
    const socket = connect(await listen(server, 0), '127.0.0.1').resume();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const [, response] = await responses;
    await once(socket, 'data');
    const closed = closeServer(server);
    response.end('last');
    await closed;
  });

  test('not ready at once, still answering, and every connection is asked to close', async () => {
    const draining = await serveModels({ 'mlp/model.onnx': mlpModel([4, 8, 3]) });
    draining.drain();
    const ready = await fetch(`${draining.url}/v2/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ ready: false, error: 'the server is stopping' });
    expect((await fetch(`${draining.url}/v2/models/mlp/ready`)).status).toBe(503);
    const answer = await fetch(`${draining.url}/v2/models/mlp/infer`, {
      method: 'POST',
      body: JSON.stringify({ inputs: [four] }),
    });
    expect(answer.status).toBe(200);
    for (const { headers } of [ready, answer]) expect(headers.get('connection')).toBe('close');
    await draining.stop();
  });
});
