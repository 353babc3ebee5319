import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { answerHalfClosed } from '../../process/half-closed.ts';
import { listen } from '../../process/http-server.ts';
import { FakeClock } from '../support/fake-clock.ts';

let server: Server;
let port: number;
let clock: FakeClock;
let held: ServerResponse[];

beforeEach(async () => {
  clock = new FakeClock();
  held = [];
  server = createServer((request, response) => {
    request.resume().once('end', () => held.push(response));
  });
  answerHalfClosed(server, clock);
  port = await listen(server, 0);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const head = (version: string): string => `POST / HTTP/${version}\r\nHost: x\r\nContent-Length: 2\r\n\r\n`;

/** Sends requests, closes the sending side, and waits until the server holds them all. */
async function halfClosed(bytes: string, requests = 1): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.end(bytes);
  while (held.length < requests) await new Promise(setImmediate);
  return { socket, text: () => text };
}

/** Until the server has seen that the client closed its side: then a probe is due. */
async function probed(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  await clock.advance(250);
}

test('a client that closed its sending side gets its answer, and then the connection is closed', async () => {
  const { socket, text } = await halfClosed(`${head('1.1')}hi`);
  held[0]?.end('whole');
  await once(socket, 'end');
  expect(text()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*whole$/);
});

test('pipelined requests before it get theirs, too', async () => {
  const { socket, text } = await halfClosed(`${head('1.1')}hi${head('1.1')}ho`, 2);
  held[1]?.end('second');
  held[0]?.end('first');
  await once(socket, 'end');
  expect(text().match(/first|second/g)).toEqual(['first', 'second']);
});

test('a late answer comes after 100 Continue; HTTP/1.0 knows no such thing', async () => {
  for (const [version, interim] of [
    ['1.1', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['1.0', ''],
  ] as const) {
    held = [];
    const { socket, text } = await halfClosed(`${head(version)}hi`);
    await probed();
    held[0]?.end('late');
    await once(socket, 'end');
    expect(text().startsWith(`${interim}HTTP/1.1 200 OK\r\n`)).toBe(true);
  }
});

test('a client that has gone altogether is missed before its answer is there', async () => {
  const { socket } = await halfClosed(`${head('1.1')}hi`);
  socket.destroy();
  const [response] = held;
  if (response === undefined) throw new Error('nothing is held');
  const missed = once(response, 'close');
  await probed();
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  await clock.advance(500);
  await missed;
  expect(response.writableFinished).toBe(false);
});

test('a body that ends too early is no whole request', async () => {
  server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(`${head('1.1')}h`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toContain(' 400 ');
  expect(held).toEqual([]);
});
