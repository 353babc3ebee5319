import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
