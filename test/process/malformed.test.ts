import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { listen } from '../../process/http-server.ts';
import { answerMalformed, malformedOptions, refuseWithoutHost, type MalformedShape } from '../../process/malformed.ts';

let server: Server;
let port: number;
let asked = 0;

beforeAll(async () => {
  server = createServer({ ...malformedOptions, maxHeaderSize: 4096 }, (request, response) => {
    if (refuseWithoutHost(request, response)) return;
    asked += 1;
    const later = request.url === '/slow' ? 50 : 0;
    request.resume().once('end', () => setTimeout(() => response.end('ok'), later));
  });
  answerMalformed(server);
  port = await listen(server, 0);
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Sends bytes as they are and reads until the server hangs up; never hangs up itself. */
async function sent(bytes: string, to = port): Promise<{ socket: Socket; text: string }> {
  const socket = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.write(bytes);
  await once(socket, 'end');
  return { socket, text };
}

const post = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';

const slow = 'GET /slow HTTP/1.1\r\nHost: x\r\n';

describe('what follows a request that is still being answered', () => {
  test('is refused after the answer', async () => {
    const { socket, text } = await sent(`${slow}\r\nwhat is this\r\n\r\n`);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    socket.destroy();
  });

  test('is not heard where the answer was to be the last', async () => {
    const { socket, text } = await sent(`${slow}Connection: close\r\n\r\nwhat is this\r\n\r\n`);
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
    expect(text).toMatch(/ok$/);
    socket.destroy();
  });
});

describe('what never becomes a request is refused in the shape of the protocol', () => {
  test.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['TLS', '\x16\x03\x01\x02\x00\x01', 400],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a NUL in a header', `${post}X: a\0b\r\n\r\n`, 400],
    ['two lengths', `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400],
    ['a length and chunks', `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ['a negative length', `${post}Content-Length: -1\r\n\r\n`, 400],
    ['headers without end', `${post}X: ${'a'.repeat(8192)}\r\n`, 431],
    ['an extension without end', `${post}Transfer-Encoding: chunked\r\n\r\n3;${'a'.repeat(100_000)}`, 413],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n', 400],
    ['an unknown method', 'FETCH / HTTP/1.1\r\nHost: x\r\n\r\n', 400],
    ['a tunnel', 'CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n', 405],
    ['a tunnel whose client talks at once', `CONNECT db:443 HTTP/1.1\r\nHost: db:443\r\n\r\n\x16\x03\x01`, 405],
    ['an unknown expectation', `${post}Expect: wonders\r\n\r\n`, 417],
  ])('%s', async (_what, bytes, status) => {
    const { socket, text } = await sent(bytes);
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toEqual({ error: expect.any(String) });
    socket.destroy();
  });

  test('chunks that are none', async () => {
    const { socket, text } = await sent(`${post}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n`);
    expect(text).toContain('HTTP/1.1 400 ');
    socket.destroy();
  });

  test('a tunnel is told which methods there are', async () => {
    const { socket, text } = await sent('CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n');
    expect(text).toContain('\r\nAllow: GET, HEAD, POST\r\n');
    socket.destroy();
  });

  test.each([
    ['a WebSocket', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n'],
    ["Java's offer of HTTP/2", `${post.replace('close', 'Upgrade, close')}Upgrade: h2c\r\nContent-Length: 2\r\n\r\nhi`],
  ])('an upgrade is an offer, and not taken: %s', async (_what, bytes) => {
    const { socket, text } = await sent(bytes);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*ok/);
    socket.destroy();
  });

  test('a refused client that does not hang up is hung up on', async () => {
    const { socket } = await sent('hello\r\n\r\n');
    const open = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
    while ((await open()) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
  });

  test('HTTP/1.0 needs no Host, and a proper request is left alone', async () => {
    const before = asked;
    const old = await sent('GET / HTTP/1.0\r\n\r\n');
    expect(old.text).toContain('200 OK');
    const expecting = await sent(`${post}Expect: 100-continue\r\nContent-Length: 1\r\n\r\na`);
    expect(expecting.text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK/);
    expect(asked - before).toBe(2);
    for (const { socket } of [old, expecting]) socket.destroy();
  });
});

describe('a server that has a shape of its own', () => {
  const shape: MalformedShape = ({ status, path = 'unseen' }) => ({ status, path });
  let shaped: Server;
  let at: number;

  beforeAll(async () => {
    const options = {
      ...malformedOptions,
      maxHeaderSize: 4096,
      connectionsCheckingInterval: 100,
      requestTimeout: 1500,
    };
    shaped = createServer({ ...options, headersTimeout: 1500 }, (request, response) => {
      if (refuseWithoutHost(request, response, shape)) return;
      request.resume().once('end', () => response.end('ok'));
    });
    answerMalformed(shaped, shape);
    at = await listen(shaped, 0);
  });

  afterAll(() => {
    shaped.closeAllConnections();
    shaped.close();
  });

  const ask = 'POST /a?b HTTP/1.1\r\nHost: x\r\n';
  const chunked = `${ask}Transfer-Encoding: chunked\r\n\r\n`;

  test.each([
    ['a header that is none', `${ask}X: a\0b\r\n\r\n`, 400, '/a?b'],
    ['too many headers', `${ask}X: ${'a'.repeat(100_000)}\r\n\r\n`, 431, '/a?b'],
    ['an unknown method', 'FETCH /a HTTP/1.1\r\n\r\n', 400, '/a'],
    ['a path that is none', 'GET /a/\x01 HTTP/1.1\r\n\r\n', 400, '/a/\x01'],
    ['a proxy', 'GET http://x/a HTTP/1.1\r\nX: a\0b\r\n\r\n', 400, 'http://x/a'],
    ['no Host', 'GET /a HTTP/1.1\r\n\r\n', 400, '/a'],
    ['an unknown expectation', `${ask}Connection: close\r\nExpect: wonders\r\n\r\n`, 417, '/a?b'],
    ['chunks that are none', `${chunked}zz\r\n`, 400, '/a?b'],
    ['a body that stays out', `${chunked}3\r\n`, 408, '/a?b'],
    ['a head that stays out', ask, 408, 'unseen'],
    ['no HTTP', 'hello\r\n\r\n', 400, 'unseen'],
    ['a line without a path', 'GET HTTP/1.1\r\n\r\n', 400, 'unseen'],
    ['TLS', '\x16\x03\x01\x02\x00\x01', 400, 'unseen'],
  ])('is told the path where it can be seen: %s', async (_what, bytes, status, path) => {
    const { socket, text } = await sent(bytes, at);
    expect(text).toContain(`HTTP/1.1 ${status} `);
    expect(text.slice(text.lastIndexOf('{'))).toBe(JSON.stringify({ status, path }));
    socket.destroy();
  });

  test('is told that of the request with the fault, whatever came before it', async () => {
    const before = 'POST /before HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{1}';
    const { socket, text } = await sent(`${before}POST /a HTTP/1.1\r\nX: a\0b\r\n\r\n`, at);
    expect(text).toMatch(/^HTTP\/1\.1 200 [^]*HTTP\/1\.1 400 [^]*\{"status":400,"path":"\/a"\}$/);
    socket.destroy();
  });
});
