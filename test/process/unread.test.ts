import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { listen } from '../../process/http-server.ts';
import { dropUnread } from '../../process/unread.ts';

jest.setTimeout(60_000);

/** More than any system keeps for a reader. */
const large = Buffer.alloc(64 << 20);

/** Longer than a busy machine leaves this process alone. */
const unreadMs = 1000;

let server: Server;
let port: number;
let asked: ServerResponse[];

beforeEach(async () => {
  asked = [];
  server = createServer((_, response) => asked.push(response));
  dropUnread(server, unreadMs);
  port = await listen(server, 0);
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function request(): Promise<{ readonly socket: Socket; readonly response: ServerResponse }> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  while (asked.length === 0) await pause(5);
  return { socket, response: asked.pop()! };
}

test.each([
  ['an answer', (response: ServerResponse) => response.end(large)],
  ['a stream', (response: ServerResponse) => response.write(large)],
])('a caller who does not read %s is cut off', async (_, answer) => {
  const { socket, response } = await request();
  socket.pause();
  answer(response);
  await once(response, 'close');
  expect(response.writableFinished).toBe(false);
});

test('a caller who reads slowly gets everything', async () => {
  const { socket, response } = await request();
  response.end(large);
  for (const began = performance.now(); performance.now() - began < 3 * unreadMs;) {
    socket.read();
    await pause(20);
  }
  expect([response.closed, response.writableFinished]).toEqual([false, false]);
  socket.resume();
  await once(response, 'close');
  expect(response.writableFinished).toBe(true);
});

test('a caller waits for an answer, and between its parts, for as long as it takes', async () => {
  const { socket, response } = await request();
  await pause(1.5 * unreadMs);
  response.write('first');
  await pause(1.5 * unreadMs);
  response.end('last');
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  await once(response, 'close');
  await pause(50);
  expect(text).toMatch(/first[^]*last/);
});

test('a connection that nobody uses is closed', async () => {
  const { socket, response } = await request();
  server.keepAliveTimeout = 10;
  socket.resume();
  response.end('whole');
  await once(socket, 'close');
});
