import { request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import '../../support/patience.ts';
import { ask, pause, service, startBackend, startGateway, until, type TestGateway } from './support.ts';

const serviceOf = (made: TestGateway, key = 'default/digits') => {
  const found = [...made.gateway.services.values()].find((known) => known.route.key === key);
  if (found === undefined) throw new Error('no such service');
  return found;
};

describe('passing on', () => {
  test('body, path, query, headers and status travel both ways; hop-by-hop headers do not', async () => {
    const made = await startGateway();
    const { port } = await startBackend((incoming, response) => {
      let body = '';
      incoming.on('data', (chunk: Buffer) => (body += chunk.toString()));
      incoming.on('end', () => {
        const { url, method, headers } = incoming;
        response.writeHead(418, { 'x-model': 'digits', 'set-cookie': ['a=1', 'b=2'], 'keep-alive': 'timeout=9' });
        response.end(JSON.stringify({ url, method, body, headers }));
      });
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    const answer = await ask(made.port, {
      path: '/namespaces/default/services/digits/v2/models/digits/infer?x=1',
      host: 'anything',
      body: 'tensor',
      headers: { connection: 'x-hop', 'x-hop': '1', 'x-kept': '2', 'x-request-id': 'mine' },
    });
    expect(answer.code).toBe(418);
    expect(answer.headers).toMatchObject({ 'x-model': 'digits', 'set-cookie': ['a=1', 'b=2'], 'x-request-id': 'mine' });
    const seen = JSON.parse(answer.text);
    expect(seen).toMatchObject({ url: '/v2/models/digits/infer?x=1', method: 'POST', body: 'tensor' });
    expect(seen.headers).toMatchObject({ 'x-kept': '2', 'x-request-id': 'mine', 'x-forwarded-for': '127.0.0.1' });
    expect(seen.headers['x-hop']).toBeUndefined();
  });

  test('a body beyond what is read ahead is streamed whole', async () => {
    const made = await startGateway();
    const { port } = await startBackend((incoming, response) => {
      let bytes = 0;
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length));
      incoming.on('end', () => response.end(String(bytes)));
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    const bytes = 5 * 1024 * 1024 + 17;
    expect(await ask(made.port, { body: Buffer.alloc(bytes, 7) })).toMatchObject({ code: 200, text: String(bytes) });
  });

  test('an answer passes chunk by chunk, its head first', async () => {
    const made = await startGateway();
    let next: (text?: string) => void = () => undefined;
    const { port } = await startBackend((_incoming, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      next = (text) => {
        if (text === undefined) response.end();
        else response.write(text);
      };
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    const chunks: string[] = [];
    const ended = new Promise<void>((resolve) => {
      request({ port: made.port, path: '/v2/x', headers: { host: 'digits.default' } }, (response) => {
        chunks.push('head');
        response.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
        response.on('end', resolve);
      }).end();
    });
    // Each step is sent only after the one before was seen: nothing can be held back.
    await until(() => chunks.length === 1);
    next('one');
    await until(() => chunks.length === 2);
    next('two');
    await until(() => chunks.length === 3);
    next();
    await ended;
    expect(chunks).toEqual(['head', 'one', 'two']);
  });

  test('a client that goes away is missed by the replica, and its seat is free', async () => {
    const made = await startGateway();
    let missed = false;
    const { port } = await startBackend((incoming) => {
      incoming.resume();
      incoming.socket.on('close', () => (missed = true));
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    const gone = new AbortController();
    const answer = ask(made.port, { body: 'x', signal: gone.signal });
    await until(() => serviceOf(made).inFlight === 1);
    gone.abort();
    await expect(answer).rejects.toThrow();
    await until(() => missed && serviceOf(made).inFlight === 0);
  });

  test('an answer that breaks off breaks off for the client too', async () => {
    const made = await startGateway();
    const { port } = await startBackend((incoming, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setTimeout(() => incoming.socket.destroy(), 20);
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    await expect(ask(made.port)).rejects.toThrow();
    expect(serviceOf(made).inFlight).toBe(0);
  });
});

describe('a lost replica', () => {
  test('killed in the middle of load, no request that had no answer yet fails', async () => {
    const made = await startGateway();
    const slow = (incoming: { resume(): void }, response: { end(text: string): void }): void => {
      incoming.resume();
      setTimeout(() => response.end('ok'), 30);
    };
    const [first, second] = [await startBackend(slow), await startBackend(slow)];
    made.gateway.routes.putService(service());
    made.replicas(first.port, second.port);
    const codes: number[] = [];
    const client = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) codes.push((await ask(made.port, { body: 'x' })).code);
    };
    const clients = Promise.all(Array.from({ length: 20 }, client));
    await until(() => codes.length > 30);
    first.kill();
    await clients;
    expect(codes.length).toBe(200);
    expect(codes.filter((code) => code !== 200)).toEqual([]);
    expect(await made.registry.metrics()).toMatch(/limbeck_gateway_retries_total\{[^}]*\} [1-9]/);
  });

  test('the only one: requests are held until it is back', async () => {
    const made = await startGateway();
    const first = await startBackend((incoming) => incoming.resume());
    made.gateway.routes.putService(service());
    made.replicas(first.port);
    const answers = Promise.all(Array.from({ length: 20 }, () => ask(made.port, { body: 'x' })));
    await until(() => serviceOf(made).inFlight === 20);
    first.kill();
    await until(() => serviceOf(made).inFlight <= 1 && serviceOf(made).waiting >= 19);
    await startBackend((_incoming, response) => response.end('back'), first.port);
    for (const { code, text } of await answers) expect([code, text]).toEqual([200, 'back']);
  });

  test('a large body that came while it was held is sent again', async () => {
    const made = await startGateway();
    const sizes: number[] = [];
    const { port } = await startBackend((incoming, response) => {
      let bytes = 0;
      incoming.on('data', (chunk: Buffer) => (bytes += chunk.length));
      incoming.on('end', () => {
        if (sizes.push(bytes) === 1) incoming.socket.resetAndDestroy();
        else response.end('answered');
      });
    });
    let read = 0;
    made.gateway.server.on('request', (incoming: IncomingMessage) => incoming.on('end', () => read++));
    made.gateway.routes.putService(service());
    const held = ask(made.port, { body: Buffer.alloc(5_000_000) });
    await until(() => read === 1);
    made.replicas(port);
    expect(await held).toMatchObject({ code: 200, text: 'answered' });
    expect(sizes).toEqual([5_000_000, 5_000_000]);
  });

  test('a request that was sent before the answer to the last one is tried again like any other', async () => {
    const made = await startGateway();
    let finishFirst: (() => void) | undefined;
    let tries = 0;
    const { port } = await startBackend((incoming, response) => {
      if (incoming.url === '/v2/first') finishFirst = () => response.end('[first]');
      else if (++tries === 1) incoming.socket.resetAndDestroy();
      else response.end('[second]');
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    const client = connect(made.port, '127.0.0.1');
    let text = '';
    client.on('data', (chunk: Buffer) => (text += chunk.toString()));
    client.write(
      'GET /v2/first HTTP/1.1\r\nHost: digits.default\r\n\r\nGET /v2/second HTTP/1.1\r\nHost: digits.default\r\n\r\n',
    );
    await until(() => finishFirst !== undefined && serviceOf(made).waiting === 1);
    finishFirst?.();
    await until(() => text.includes('[second]'));
    expect(text.match(/\[\w+\]/g)).toEqual(['[first]', '[second]']);
    expect(serviceOf(made).inFlight).toBe(0);
    client.destroy();
  });

  test('one that kills every replica is refused in the end; a POST that is no inference is not repeated', async () => {
    const made = await startGateway();
    let requests = 0;
    const { port } = await startBackend((incoming) => {
      requests++;
      incoming.socket.resetAndDestroy();
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    expect(await ask(made.port, { body: 'x', path: '/v2/repository/index' })).toMatchObject({ code: 502 });
    expect(requests).toBe(1);
    const poison = await ask(made.port, { body: 'x' });
    expect(poison.code).toBe(502);
    expect(requests).toBe(5);
    expect(JSON.parse(poison.text).error).toContain('lost before it answered');
  });
});

describe('stopping', () => {
  test('held and running requests finish, connections are closed, new ones are not taken', async () => {
    const made = await startGateway();
    let finish: (() => void) | undefined;
    const { port } = await startBackend((_incoming, response) => {
      finish = () => response.end('done');
    });
    made.gateway.routes.putService(service());
    const held = ask(made.port, { body: 'x', headers: { connection: 'keep-alive' } });
    await until(() => serviceOf(made).waiting === 1);
    made.gateway.lameDuck();
    const drained = made.gateway.drain(60_000);
    await expect(ask(made.port)).rejects.toThrow('ECONNREFUSED');
    made.replicas(port);
    await until(() => finish !== undefined);
    finish?.();
    expect(await held).toMatchObject({ code: 200, text: 'done', headers: { connection: 'close' } });
    await drained;
  });

  test('what is left when the time is over is refused', async () => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    const held = ask(made.port, { body: 'x' });
    await until(() => serviceOf(made).waiting === 1);
    made.gateway.lameDuck();
    await made.gateway.drain(10);
    const { code, text } = await held;
    expect([code, JSON.parse(text).error]).toEqual([503, 'the gateway is stopping']);
  });

  test('many held requests are released at once, each answered once', async () => {
    const made = await startGateway();
    let answered = 0;
    const { port } = await startBackend((_incoming, response) => response.end(String(++answered)));
    made.gateway.routes.putService(service({ queueLimit: 1000, maxInFlightPerReplica: 3 }));
    const all = Array.from({ length: 300 }, () => ask(made.port, { body: 'x' }));
    await until(() => serviceOf(made).waiting === 300);
    made.replicas(port);
    const answers = await Promise.all(all);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(300);
    expect(answered).toBe(300);
    await pause(1);
    expect([serviceOf(made).waiting, serviceOf(made).inFlight]).toEqual([0, 0]);
  });
});
