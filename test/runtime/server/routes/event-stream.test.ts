import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { EventStream } from '../../../../runtime/server/routes/event-stream.ts';

test('what comes after the end of a stream is not written, and disturbs nobody', async () => {
  const faults: unknown[] = [];
  const server = createServer((_request, response) => {
    response.on('error', (error) => faults.push(error));
    const stream = new EventStream({ draining: () => true }, response);
    stream.send({ a: 1 });
    response.end();
    stream.send({ b: 2 });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}`);
  expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(answer.headers.get('connection')).toBe('close');
  expect(await answer.text()).toBe('data: {"a":1}\n\n');
  await new Promise((resolve) => server.close(resolve));
  expect(faults).toEqual([]);
});

test('whoever does not read is written for no longer', async () => {
  const ended = Promise.withResolvers<boolean>();
  const server = createServer((_request, response) => {
    const stream = new EventStream({ draining: () => false }, response);
    response.once('close', () => ended.resolve(response.writableFinished));
    const write = (): void => {
      if (response.destroyed) return;
      stream.send({ text: 'x'.repeat(100_000) });
      setImmediate(write);
    };
    write();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  expect(await ended.promise).toBe(false);
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});
