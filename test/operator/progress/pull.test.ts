import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { Mute, pull } from '../../../operator/progress/pull.ts';

const never = new AbortController().signal;

async function asked<T>(answer: RequestListener, ask: (port: number) => Promise<T>): Promise<T> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await ask((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const from =
  (signal = never) =>
  (port: number) =>
    // Within shorter limits than the operator's: two of these tests wait for them.
    pull({ host: '127.0.0.1', port, path: '/progress' }, signal, { answerMs: 1500, connectMs: 1000 });

test('an answer comes with its status, over a connection that ends', async () => {
  let connection: string | undefined;
  const answer = await asked((request, response) => {
    connection = request.headers.connection;
    response.statusCode = 503;
    response.end('{"ready":false}');
  }, from());
  expect(answer).toEqual({ status: 503, body: '{"ready":false}' });
  expect(connection).toBe('close');
});

test('a redirect is not followed', async () => {
  const paths: (string | undefined)[] = [];
  const { status } = await asked((request, response) => {
    paths.push(request.url);
    response.writeHead(302, { Location: '/elsewhere' }).end();
  }, from());
  expect([status, paths]).toEqual([302, ['/progress']]);
});

test('an endless answer is cut off', async () => {
  const endless: RequestListener = (_request, response) => {
    const more = (): void => {
      if (!response.destroyed) response.write('x'.repeat(16 * 1024), more);
    };
    more();
  };
  await expect(asked(endless, from())).rejects.toThrow('more than 65536 bytes');
});

test('silence ends with the signal', async () => {
  const stopping = new AbortController();
  const silent: RequestListener = () => stopping.abort();
  await expect(asked(silent, from(stopping.signal))).rejects.toThrow('aborted');
});

test('who takes the connection and does not answer is mute, as a frozen process is', async () => {
  await expect(asked(() => undefined, from())).rejects.toThrow(Mute);
}, 30_000);

/** Listens with room for two connections, and is stopped before it takes one. */
const frozenServer = `
  const server = require('node:http').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    process.stdout.write(String(server.address().port), () => process.kill(process.pid, 'SIGSTOP'));
  });`;

test('a stopped process is mute until its queue is full; then there is no connection', async () => {
  const child = spawn(process.execPath, ['--eval', frozenServer], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [port] = (await once(child.stdout, 'data')) as [Buffer];
    const asks = await Promise.allSettled(Array.from({ length: 5 }, () => from()(Number(port.toString()))));
    const ends = asks.map((one) => (one.status === 'rejected' ? String(one.reason) : 'answered'));
    expect(new Set(ends)).toEqual(new Set([String(new Mute()), 'Error: no connection in time']));
  } finally {
    child.kill('SIGKILL');
  }
}, 30_000);

test('who breaks the connection is not', async () => {
  const breaking: RequestListener = (request) => request.socket.destroy();
  await expect(asked(breaking, from())).rejects.not.toThrow(Mute);
});

/** Whatever is written to the connection, and the connection left open. */
const saying =
  (words: string, times = 1): RequestListener =>
  ({ socket }) => {
    for (let time = 0; time < times; time += 1) socket.write(words);
  };

test.each([
  ['another protocol', saying('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')],
  ['answers before the answer', saying('HTTP/1.1 103 Early Hints\r\n\r\n', 1000)],
  ['permission to go on', saying('HTTP/1.1 100 Continue\r\n\r\n')],
])('%s is no answer, and an end at once', async (_, answer) => {
  // It would be Mute if it were waited for.
  await expect(asked(answer, from())).rejects.not.toThrow(Mute);
});

test('nobody there rejects', async () => {
  const port = await asked(
    () => undefined,
    (free) => Promise.resolve(free),
  );
  await expect(from()(port)).rejects.toThrow('ECONNREFUSED');
});
