import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { FakeClock } from '../../support/fake-clock.ts';
import { quiet } from '../../support/quiet-log.ts';
import { service, startBackend, startGateway, until } from './support.ts';

test.each([
  ['read ahead', 10, 0],
  ['streamed to a replica', 2_000_000, 2_000_000],
])('408: a body that stops coming while it is %s', async (_, bytes, passed) => {
  const clock = new FakeClock();
  const made = await startGateway({}, true, quiet, clock);
  const callers: Socket[] = [];
  made.gateway.server.on('connection', (socket) => callers.push(socket));
  let received = 0;
  const { port } = await startBackend((incoming) => {
    incoming.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', () => undefined);
  });
  made.gateway.routes.putService(service());
  made.replicas(port);
  const headers = { host: 'digits.default', 'content-length': 3_000_000 };
  const sent = request({ port: made.port, path: '/v2/models/digits/infer', method: 'POST', agent: false, headers });
  sent.write(Buffer.alloc(bytes));
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
  await until(() => received === passed && (callers[0]?.bytesRead ?? 0) > bytes);
  await clock.advance(10_000);
  const [response] = await answered;
  const answer = await json(response);
  expect([response.statusCode, answer]).toEqual([408, { error: expect.stringContaining('the body stopped coming') }]);
  await until(() => [...made.gateway.services.values()][0]?.inFlight === 0);
});
