import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { bodyOf, classesOf, Client, closedLoop, Tally, type Model } from '../../demo/traffic.ts';

const input = { name: 'input', datatype: 'FP32', shape: [-1, 1, 1, 2] };
const model = (url: string): Model => ({ url, namespace: 'default', name: 'digits', input });

test('classes are the largest of each row', () => {
  expect(classesOf({ data: [0, 3, 1, 9, 8, 7], shape: [2, 3] })).toEqual([1, 0]);
});

test('a body has the shape of its samples', () => {
  const body: unknown = JSON.parse(
    bodyOf(model(''), [
      [1, 2],
      [3, 4],
    ]),
  );
  expect(body).toEqual({ inputs: [{ ...input, shape: [2, 1, 1, 2], data: [1, 2, 3, 4] }] });
});

/** Runs `use` with a client of a server on loopback. */
async function served(
  answer: (body: string, response: ServerResponse) => void,
  use: (client: Client) => Promise<void>,
): Promise<{ readonly tally: Tally; readonly paths: ReadonlySet<string | undefined> }> {
  const paths = new Set<string | undefined>();
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    paths.add(request.url);
    answer(await text(request), response);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const tally = new Tally();
  const client = new Client(model(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), 2, tally);
  try {
    await use(client);
  } finally {
    await client.close();
    server.close();
  }
  return { tally, paths };
}

const scores = (data: readonly number[]): string =>
  JSON.stringify({ outputs: [{ name: 'logits', shape: [1, data.length], datatype: 'FP32', data }] });

describe('Client', () => {
  test('asks the gateway by path and counts right and wrong answers', async () => {
    const { tally, paths } = await served(
      (_, response) => response.end(scores([0, 1])),
      async (client) => {
        expect(await client.infer({ body: '{}', expected: [1] })).toEqual([1]);
        expect(await client.infer({ body: '{}', expected: [0] })).toEqual([1]);
      },
    );
    expect([...paths]).toEqual(['/namespaces/default/services/digits/v2/models/digits/infer']);
    expect(tally.counts).toEqual({ sent: 2, answered: 2, failed: 0, wrong: 1, reasons: [] });
  });

  test('counts refusals and lost connections as failed, each reason once', async () => {
    const { tally } = await served(
      (body, response) => {
        if (body === 'cut') response.socket?.destroy();
        else response.writeHead(503).end('{"error":"full"}');
      },
      async (client) => {
        for (const body of ['full', 'full', 'cut']) expect(await client.infer({ body })).toBeUndefined();
      },
    );
    expect(tally.counts).toMatchObject({ sent: 3, answered: 0, failed: 3 });
    expect(tally.reasons).toEqual(['HTTP 503: {"error":"full"}', expect.any(String)]);
  });
});

test('a closed loop takes the requests in turn until it is stopped, and leaves none under way', async () => {
  const stop = new AbortController();
  const bodies: string[] = [];
  const { tally } = await served(
    (body, response) => {
      if (bodies.push(body) >= 20) stop.abort();
      response.end(scores([1, 0]));
    },
    (client) => closedLoop(client, [{ body: 'a' }, { body: 'b' }], 2, stop.signal),
  );
  expect(new Set(bodies)).toEqual(new Set(['a', 'b']));
  expect(tally.counts).toMatchObject({ sent: bodies.length, answered: bodies.length, failed: 0 });
});
