import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { listen } from '../../../process/http-server.ts';
import { dropSlow } from '../../../runtime/server/slow-readers.ts';

jest.setTimeout(60_000);

/** More than any system keeps for a reader. */
const large = Buffer.alloc(32 << 20);
const roundMs = 20;
/** Of which the large one is given some rounds. */
const bytesPerSecond = 100 << 20;

let server: Server;
let port: number;
let asked: ServerResponse[];

beforeEach(async () => {
  asked = [];
  server = createServer((_, response) => asked.push(response));
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

/** Takes a byte in a while, so that something always goes on. */
async function sip(socket: Socket, response: ServerResponse): Promise<void> {
  socket.pause();
  while (!response.closed) {
    socket.read(1);
    await pause(roundMs);
  }
}

test.each([
  ['in one piece', (response: ServerResponse): unknown => response.end(large)],
  [
    'in many, of which there are ever more',
    async (response: ServerResponse): Promise<void> => {
      while (!response.closed) {
        response.write(large.subarray(0, 1 << 18));
        await pause(roundMs);
      }
    },
  ],
])('a caller who sips at an answer %s is cut off', async (_what, answer) => {
  dropSlow(server, roundMs, bytesPerSecond);
  const { socket, response } = await request();
  void answer(response);
  await sip(socket, response);
  expect(response.writableFinished).toBe(false);
});

test('a caller who takes it at some rate gets everything, and one who waits is not hurried', async () => {
  dropSlow(server, roundMs);
  const { socket, response } = await request();
  await pause(5 * roundMs);
  let taken = 0;
  socket.on('data', (chunk: Buffer) => (taken += chunk.length));
  for (let part = 0; part < 8; part += 1) {
    response.write(large.subarray(0, 1 << 20));
    await pause(2 * roundMs);
  }
  response.end();
  await once(response, 'close');
  await pause(50);
  expect(taken).toBeGreaterThan(8 << 20);
});
