import { createServer, type RequestListener } from 'node:http';
import { afterEach, expect, test } from '@jest/globals';
import { listen } from '../../../process/http-server.ts';
import { askHealth } from '../../../runtime/store/health.ts';
import { freePort } from '../../support/free-port.ts';

const server = createServer();
afterEach(() => {
  server.removeAllListeners('request').close();
  server.closeAllConnections();
});

async function asked(answer: RequestListener, withinMs = 60_000): Promise<string | undefined> {
  server.on('request', answer);
  const port = await listen(server, 0);
  return askHealth(`http://127.0.0.1:${port}/healthz`, withinMs);
}

test('who answers 200 is well', async () => {
  const paths: (string | undefined)[] = [];
  const fault = await asked(({ url }, response) => {
    paths.push(url);
    response.end();
  });
  expect([fault, paths]).toEqual([undefined, ['/healthz']]);
});

test('who answers something else is not', async () => {
  expect(await asked((_request, response) => response.writeHead(503).end())).toBe(
    'the S3 server says that it is not well: 503',
  );
});

test('who takes the connection and says nothing is not', async () => {
  expect(await asked(() => undefined, 20)).toBe('the S3 server does not answer: not within 20 ms');
});

test('who does not listen is not', async () => {
  const port = await freePort();
  expect(await askHealth(`http://127.0.0.1:${port}/`, 60_000)).toContain(
    'the S3 server does not answer: connect ECONN',
  );
});
