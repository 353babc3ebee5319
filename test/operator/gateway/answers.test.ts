import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import '../../support/patience.ts';
import { service, startBackend, startGateway, type TestGateway } from './support.ts';

describe('a large body that is answered before it is whole', () => {
  const body = Buffer.alloc(24 * 1024 * 1024);

  /** A replica that does not wait for bodies, and answers with or without a length. */
  const early = async (headers: Record<string, string>): Promise<TestGateway> => {
    const made = await startGateway({ maxBodyBytes: 2 * body.length });
    const { port } = await startBackend((incoming, response) => {
      response.writeHead(incoming.method === 'GET' ? 200 : 404, headers);
      response.end('early');
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    return made;
  };

  /** The gateway refuses by itself. */
  const refusing = async (): Promise<TestGateway> => {
    const made = await early({});
    made.gateway.routes.removeService(service());
    return made;
  };

  const cases: [string, () => Promise<TestGateway>][] = [
    ['by a replica', () => early({ 'content-length': '5' })],
    ['by a replica that says no length', () => early({})],
    ['by the gateway', refusing],
  ];

  test.each(cases)('%s: who sends all before he reads gets his answer', async (_, start) => {
    const { port } = await start();
    const caller = connect(port, '127.0.0.1').pause();
    const head = `POST /v2/x HTTP/1.1\r\nHost: digits.default\r\nContent-Length: ${body.length}\r\n\r\n`;
    await new Promise((resolve) => caller.write(Buffer.concat([Buffer.from(head), body]), resolve));
    const [answer] = (await once(caller.resume(), 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
    caller.destroy();
  });

  test.each(cases)('%s: what the same caller asks next is answered', async (_, start) => {
    const { port } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const codes: (number | undefined)[] = [];
    for (const sent of [body, Buffer.from('small'), body])
      codes.push(
        await new Promise((resolve, reject) => {
          const headers = { host: 'digits.default', 'content-length': sent.length };
          const asking = request({ port, path: '/v2/x', method: 'POST', agent, headers }, (response) => {
            response.resume().on('end', () => resolve(response.statusCode));
          });
          asking.on('error', reject).end(sent);
        }),
      );
    agent.destroy();
    expect(codes).toEqual([404, 404, 404]);
  });
});
