import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { quiet } from '../../support/quiet-log.ts';
import { ask, pause, service, startBackend, startGateway, until, type Ask } from './support.ts';

const errorOf = ({ text }: { readonly text: string }): string => String(JSON.parse(text).error);

describe('what the gateway refuses, in the shape of the protocol', () => {
  test.each<[string, Ask, string]>([
    ['what is no part of the protocol, such as the metrics of a replica', { path: '/metrics' }, 'only /v1, /v2'],
    ['what leads out of the protocol', { path: '/v2/models/digits/%2E.?x' }, 'only /v1, /v2'],
    ['what would, were its slashes read', { path: '/v2/models/..%2fx/infer' }, 'only /v1, /v2'],
    ['a service nobody made', { host: 'nobody.default.svc' }, 'there is no ModelService default/nobody'],
    ['a host that names no service', { host: 'localhost' }, 'names a service'],
    ['a path that names no service', { host: '10.0.0.1', path: '/namespaces/default/models/x' }, 'names a service'],
  ])('404: %s', async (_, given, sentence) => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    const answer = await ask(made.port, given);
    expect([answer.code, answer.headers['content-type']]).toEqual([404, 'application/json']);
    expect(errorOf(answer)).toContain(sentence);
  });

  test('503: a service that is not known because the caches are not', async () => {
    const made = await startGateway({}, false);
    const answer = await ask(made.port);
    expect([answer.code, answer.headers['retry-after'], errorOf(answer)]).toEqual([
      503,
      '1',
      'the gateway is starting',
    ]);
  });

  test('413: a body that says it is too large, and one that turns out to be', async () => {
    const made = await startGateway({ maxBodyBytes: 2_000_000 });
    const { port } = await startBackend((incoming, response) => {
      incoming.resume().on('end', () => response.end());
    });
    made.gateway.routes.putService(service());
    made.replicas(port);
    const said = await ask(made.port, { body: Buffer.alloc(3_000_000) });
    expect([said.code, errorOf(said)]).toEqual([413, 'the body is larger than 2000000 bytes']);
    const turnedOut = await ask(made.port, {
      body: Buffer.alloc(3_000_000),
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect([turnedOut.code, errorOf(turnedOut)]).toEqual([413, 'the body is too large']);
    expect((await ask(made.port, { body: 'small' })).code).toBe(200);
  });

  test('429: the queue is full, and a guest who leaves makes room', async () => {
    const made = await startGateway();
    made.gateway.routes.putService(service({ queueLimit: 2 }));
    const gone = new AbortController();
    const first = ask(made.port, { signal: gone.signal });
    const second = ask(made.port);
    const [known] = [...made.gateway.services.values()];
    await until(() => known?.waiting === 2);
    const third = await ask(made.port);
    expect([third.code, third.headers['retry-after'], errorOf(third)]).toEqual([
      429,
      '1',
      '2 requests are already waiting',
    ]);
    gone.abort();
    await expect(first).rejects.toThrow();
    await until(() => known?.waiting === 1);
    const fourth = ask(made.port);
    await until(() => known?.waiting === 2);
    made.gateway.routes.removeService(service());
    expect((await Promise.all([second, fourth])).map(({ code }) => code)).toEqual([404, 404]);
  });

  test('503: no replica came in time, with the reason that the service gives', async () => {
    const made = await startGateway();
    made.gateway.routes.putService(service({ maxColdStartSeconds: 0.05 }, false));
    const answer = await ask(made.port);
    expect([answer.code, answer.headers['retry-after']]).toEqual([503, '5']);
    expect(errorOf(answer)).toBe('no replica became ready within 0.05 s: the artefact has another digest');
  });

  test('503 at once: a person stopped the service', async () => {
    const made = await startGateway();
    const stopped = service();
    made.gateway.routes.putService({ ...stopped, spec: { ...stopped.spec, replicas: 0 } });
    expect(errorOf(await ask(made.port, { body: 'x' }))).toBe('the service is pinned to 0 replicas');
  });

  test('503 at once: no replica would come, also for those who wait; until the spec or the artefact is mended', async () => {
    const made = await startGateway();
    const said = (more: object, generation = 1) => {
      const { metadata, status, ...rest } = service();
      const stated = { ...status, observedGeneration: 1, ...more };
      return { ...rest, metadata: { ...metadata, generation }, status: stated };
    };
    const hopeless = said({ refusal: { message: 'the digest is another; put the file there', retryAfterSeconds: 60 } });
    made.gateway.routes.putService(said({}));
    const [known] = [...made.gateway.services.values()];
    const held = ask(made.port, { body: 'x' });
    await until(() => known?.waiting === 1);
    made.gateway.routes.putService(hopeless);
    const refused = [await held, await ask(made.port, { body: 'y' })];
    for (const answer of refused) {
      expect([answer.code, answer.headers['retry-after']]).toEqual([503, '60']);
      expect(errorOf(answer)).toBe('the service cannot answer: the digest is another; put the file there');
    }
    expect(known?.arrived).toBe(1);
    made.gateway.routes.putService(said({ refusal: { message: 'the job failed' } }));
    expect((await ask(made.port)).headers['retry-after']).toBeUndefined();
    // Another spec, which the operator has not judged yet: held, and then answered.
    made.gateway.routes.putService({ ...hopeless, metadata: { ...hopeless.metadata, generation: 2 } });
    const again = ask(made.port, { body: 'z' });
    await until(() => known?.waiting === 1);
    const { port } = await startBackend((incoming, response) => {
      incoming.pipe(response);
    });
    made.replicas(port);
    expect((await again).text).toBe('z');
    // A replica that answers is right, whatever the status still says.
    made.gateway.routes.putService(hopeless);
    expect((await ask(made.port, { body: 'w' })).text).toBe('w');
  });

  test('405: what no path takes, without waking a replica; a tunnel too', async () => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const answer = await ask(made.port, { method, body: 'x' });
      expect([answer.code, answer.headers['allow']]).toEqual([405, 'GET, HEAD, POST']);
      expect(errorOf(answer)).toBe(`${method} is not allowed here, GET, HEAD, POST are`);
    }
    expect([...made.gateway.services.values()][0]?.arrived).toBe(0);
    const socket = connect(made.port, '127.0.0.1');
    socket.write('CONNECT digits.default.svc:80 HTTP/1.1\r\nHost: digits.default.svc\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 405 [^]*\{"error":"CONNECT is not allowed here/);
  });

  test.each([
    ['/v1/completions', { message: 'the service is pinned to 0 replicas', type: 'server_error', param: null }],
    ['/v1/models/digits:predict', 'the service is pinned to 0 replicas'],
  ])('%s: a refusal in the shape that its clients know', async (path, error) => {
    const made = await startGateway();
    const stopped = service();
    made.gateway.routes.putService({ ...stopped, spec: { ...stopped.spec, replicas: 0 } });
    const answer = await ask(made.port, { path, body: '{}' });
    expect([answer.code, JSON.parse(answer.text)]).toMatchObject([503, { error }]);
    const byPath = await ask(made.port, {
      path: `/namespaces/default/services/digits${path}`,
      host: '10.0.0.1',
      body: '{}',
    });
    expect(byPath.text).toBe(answer.text);
  });

  test('a client that closed its sending side is held like any other, and gets its answer', async () => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    const [known] = [...made.gateway.services.values()];
    const socket = connect({ port: made.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.end('POST /v2/models/digits/infer HTTP/1.1\r\nHost: digits.default.svc\r\nContent-Length: 2\r\n\r\nhi');
    await until(() => known?.waiting === 1);
    const { port } = await startBackend((incoming, response) => {
      incoming.pipe(response);
    });
    made.replicas(port);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/HTTP\/1\.1 200 OK\r\n[^]*hi/);
  });

  test('400: what is not HTTP', async () => {
    const made = await startGateway();
    const text = await new Promise<string>((resolve) => {
      let received = '';
      const socket = connect(made.port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
      socket.on('data', (chunk) => (received += chunk.toString()));
      socket.on('close', () => resolve(received));
    });
    expect(text).toMatch(/^HTTP\/1.1 400 Bad Request\r\n[\s\S]*\{"error":"the request is not valid HTTP: [^"]+"\}$/);
  });
});

describe('health of a service is answered without waking it', () => {
  test.each<[string, boolean, number, unknown]>([
    ['/v2/health/live', false, 200, { live: true }],
    ['/v2/health/ready', true, 200, { ready: true, live: true }],
    ['/v2/health/ready', false, 503, { ready: false, live: true, error: 'the artefact has another digest' }],
    ['/v2/health/ready?verbose=1', true, 200, { ready: true, live: true }],
  ])('%s of a service whose Ready is %s', async (path, ready, code, body) => {
    const made = await startGateway();
    made.gateway.routes.putService(service({}, ready));
    const answer = await ask(made.port, { path });
    expect([answer.code, JSON.parse(answer.text)]).toEqual([code, body]);
    const head = await ask(made.port, { path, method: 'HEAD' });
    expect([head.code, head.text]).toEqual([code, '']);
    expect([...made.gateway.services.values()][0]?.arrived).toBe(0);
  });
});

describe('health of the gateway itself, as on its admin port', () => {
  test.each<[string, Ask]>([
    ['by an address', { host: '10.0.0.1:8080' }],
    ['by a name that names no service', { host: 'models.example.com' }],
    ['by a name in the form of a service that there is not', { host: 'models.internal' }],
    ['without its body', { host: '10.0.0.1', method: 'HEAD' }],
  ])('%s', async (_, given) => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    for (const path of ['/healthz', '/readyz', '/readyz?verbose']) {
      const answer = await ask(made.port, { path, ...given });
      expect([answer.code, answer.text]).toEqual([200, given.method === 'HEAD' ? '' : 'ok']);
      expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    }
    expect(await made.registry.metrics()).not.toContain('limbeck_gateway_requests_total{');
  });

  test.each<[string, Ask]>([
    ['a service is named by its host', { path: '/healthz' }],
    ['a service is named by its path', { path: '/namespaces/a/services/b/healthz', host: '10.0.0.1' }],
    ['something is sent', { path: '/healthz', host: '10.0.0.1', body: 'x' }],
    ['another path is asked', { path: '/', host: '10.0.0.1' }],
  ])('404 where %s', async (_, given) => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    expect((await ask(made.port, given)).code).toBe(404);
  });

  test('is not ready before it knows the services, nor once it is stopping, and lives', async () => {
    const starting = await startGateway({}, false);
    const stopping = await startGateway();
    stopping.gateway.lameDuck();
    const said = async (port: number, path: string) => {
      const { code, text } = await ask(port, { path, host: '10.0.0.1' });
      return [code, text];
    };
    expect(await said(starting.port, '/readyz')).toEqual([503, 'the gateway is starting']);
    expect(await said(stopping.port, '/readyz')).toEqual([503, 'the gateway is stopping']);
    for (const { port } of [starting, stopping]) expect(await said(port, '/healthz')).toEqual([200, 'ok']);
  });
});

test('requests are counted by service and code', async () => {
  const made = await startGateway();
  const { port } = await startBackend((_incoming, response) => response.end());
  made.gateway.routes.putService(service());
  const cold = ask(made.port);
  await until(() => [...made.gateway.services.values()][0]?.waiting === 1);
  made.replicas(port);
  await cold;
  await ask(made.port);
  const text = await made.registry.metrics();
  expect(text).toContain('limbeck_gateway_requests_total{namespace="default",service="digits",code="200"} 2');
  expect(text).toContain('limbeck_gateway_cold_start_seconds_count{namespace="default",service="digits"} 1');
  expect(text).toContain('limbeck_gateway_waiting{namespace="default",service="digits"} 0');
});

test('the access log says how long a request was held and to which trace it belongs, also when its caller left', async () => {
  const said: unknown[] = [];
  const log = { ...quiet, info: (_: string, facts?: object) => void said.push(facts) };
  const made = await startGateway({ accessLogSample: 1 }, true, log);
  made.gateway.routes.putService(service());
  const gone = new AbortController();
  const headers = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' };
  const held = ask(made.port, { signal: gone.signal, headers }).catch(() => undefined);
  await until(() => [...made.gateway.services.values()][0]?.waiting === 1);
  await pause(50);
  gone.abort();
  await held;
  await until(() => said.length > 0);
  const { code, waitedMs, traceId } = said[0] as Readonly<Record<'code' | 'waitedMs' | 'traceId', unknown>>;
  expect(code).toBe(499);
  expect(traceId).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
  expect(waitedMs).toBeGreaterThanOrEqual(49);
});

test('a caller who takes nothing of his answer for a minute is cut off, and leaves his seat', async () => {
  const made = await startGateway();
  const { server } = made.gateway;
  expect(server.timeout).toBe(60_000);
  server.timeout = 300;
  const answers: ServerResponse[] = [];
  const { port } = await startBackend((_, response) => {
    answers.push(response);
    response.end(Buffer.alloc(64 << 20));
  });
  made.gateway.routes.putService(service());
  made.replicas(port);
  const caller = connect(made.port, '127.0.0.1').on('error', () => undefined);
  caller.pause().write('GET /v2/models/digits HTTP/1.1\r\nHost: digits.default.svc\r\n\r\n');
  await until(() => answers.length > 0);
  await once(answers[0]!, 'close');
  expect(answers[0]!.writableFinished).toBe(false);
  caller.destroy();
});
