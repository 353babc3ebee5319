import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { connect, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BodyBudget, readBody } from '../../../runtime/server/body.ts';
import { post } from '../../support/http-caller.ts';
import { serveModels, type LiveServer } from '../../support/model-server.ts';
import { mlpModel } from '../../support/onnx-model.ts';

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
  expect([budget.take(7), budget.take(4), budget.take(3), budget.take(1)]).toEqual([true, false, true, false]);
  budget.give(7);
  expect(budget.take(7)).toBe(true);
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
  expect(bodies.take(megabyte)).toBe(true);
});
