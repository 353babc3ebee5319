import { channel } from 'node:diagnostics_channel';
import { connect } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { FakeClock } from '../../support/fake-clock.ts';
import { quiet } from '../../support/quiet-log.ts';
import { ask, pause, service, startBackend, startGateway, until, type Answer, type Ask } from './support.ts';

describe('the time that a caller waits', () => {
  test('of grpc-timeout what is left goes on; what is none goes on as it is', async () => {
    const made = await startGateway();
    const heard: unknown[] = [];
    const { port } = await startBackend(({ headers }, response) => {
      heard.push(headers['grpc-timeout']);
      response.end();
    });
    made.gateway.routes.putService(service());
    const held = ask(made.port, { headers: { 'grpc-timeout': '99S' } });
    await until(() => [...made.gateway.services.values()].some(({ waiting }) => waiting === 1));
    await pause(20);
    made.replicas(port);
    await held;
    await ask(made.port, { headers: { 'grpc-timeout': 'soon' } });
    await ask(made.port);
    const [left, ...others] = heard;
    expect(left).toMatch(/^[1-9]\d{7}u$/);
    expect(Number.parseInt(String(left))).toBeLessThanOrEqual(98_980_000);
    expect(others).toEqual(['soon', undefined]);
  });

  test.each([
    ['/v2/models/digits/infer', 'the request waited for as long as it was allowed to, and was not begun'],
    ['/v1/completions', expect.objectContaining({ type: 'server_error', code: 'deadline_exceeded' })],
  ])('504: the caller of %s no longer waits, and no replica hears of it', async (path, error) => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    const answer = await ask(made.port, { path, body: 'x', headers: { 'grpc-timeout': '50m' } });
    expect([answer.code, JSON.parse(answer.text)]).toEqual([504, { error }]);
    const [known] = [...made.gateway.services.values()];
    expect(known?.waiting).toBe(0);
  });

  test('504: a caller whose body came after his deadline, and his seat is free for the next', async () => {
    const made = await startGateway();
    const paths: (string | undefined)[] = [];
    const { port } = await startBackend((incoming, response) => {
      paths.push(incoming.url);
      response.end();
    });
    made.gateway.routes.putService(service({ maxInFlightPerReplica: 1 }));
    made.replicas(port);
    const late = { 'grpc-timeout': '1n' };
    expect((await ask(made.port, { path: '/v2/late', body: 'x', headers: late })).code).toBe(504);
    expect((await ask(made.port, { path: '/v2/next' })).code).toBe(200);
    expect(paths).toEqual(['/v2/next']);
  });
});

test('a request wakes its service before its body is there, unless it is refused for its size', async () => {
  const made = await startGateway({ maxBodyBytes: 100 });
  made.gateway.routes.putService(service());
  const told: unknown[] = [];
  const stop = made.gateway.board.follow({
    full: false,
    write: (line) => {
      const { 'default/digits': counts } = JSON.parse(line).services;
      return counts === undefined || told.push(counts) > 0;
    },
  });
  expect((await ask(made.port, { body: Buffer.alloc(101) })).code).toBe(413);
  const slow = connect(made.port, '127.0.0.1');
  slow.write('POST /v2/models/digits/infer HTTP/1.1\r\nHost: digits.default\r\nContent-Length: 2\r\n\r\nh');
  await until(() => told.length > 0);
  expect(told).toEqual([{ inFlight: 0, waiting: 0, arrived: 1 }]);
  slow.write('i');
  await until(() => told.length > 1);
  expect(told[1]).toEqual({ inFlight: 0, waiting: 1, arrived: 1 });
  stop();
  slow.destroy();
});

test('the time in which a connection fails is a wait like any other', async () => {
  const clock = new FakeClock();
  const made = await startGateway({}, true, quiet, clock);
  const { port, kill } = await startBackend(() => undefined);
  kill();
  const failed = channel('undici:client:connectError');
  const takesLong = (): void => clock.pause(121_000);
  failed.subscribe(takesLong);
  made.gateway.routes.putService(service({ maxColdStartSeconds: 120 }));
  made.replicas(port);
  const asked = ask(made.port, { body: 'x' });
  await until(() => [...made.gateway.services.values()][0]?.waiting === 1);
  failed.unsubscribe(takesLong);
  await clock.advance(0);
  const answer = await asked;
  expect([answer.code, JSON.parse(answer.text)]).toEqual([503, { error: 'no replica had a free seat within 120 s' }]);
});

describe('a large body that is held', () => {
  test('413: it has no length, and turns out to be too large', async () => {
    const made = await startGateway({ maxBodyBytes: 2_000_000 });
    made.gateway.routes.putService(service());
    const answer = await ask(made.port, {
      body: Buffer.alloc(3_000_000),
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect([answer.code, JSON.parse(answer.text)]).toEqual([413, { error: 'the body is larger than 2000000 bytes' }]);
    await until(() => [...made.gateway.services.values()][0]?.waiting === 0);
  });

  test('whoever leaves in the middle of it is missed at once', async () => {
    const made = await startGateway();
    made.gateway.routes.putService(service());
    const [known] = [...made.gateway.services.values()];
    const guest = connect(made.port, '127.0.0.1').on('error', () => undefined);
    guest.write('POST /v2/models/digits/infer HTTP/1.1\r\nHost: digits.default\r\nContent-Length: 20000000\r\n\r\n');
    guest.write(Buffer.alloc(3_000_000));
    await until(() => known?.waiting === 1);
    guest.destroy();
    await until(() => known?.waiting === 0);
  });
});

describe('where the memory for requests is spent', () => {
  const crowded = { error: 'too many requests are held at once for the memory of the gateway' };
  const other = (): ReturnType<typeof service> => {
    const { metadata, ...rest } = service();
    return { ...rest, metadata: { ...metadata, namespace: 'team-b', name: 'other', uid: 'u2' } };
  };
  const long = 'x'.repeat(20_000);
  /** Sends so many requests that none answers; says what those that were refused were told. */
  const crowd = (port: number, count: number, given: Ask): Answer[] => {
    const refused: Answer[] = [];
    for (let n = 0; n < count; n++)
      ask(port, given).then(
        (answer) => refused.push(answer),
        () => undefined,
      );
    return refused;
  };

  test('503: by one service, and requests of another are held all the same', async () => {
    const made = await startGateway({ bodyMemoryBytes: 4 * 2 ** 20 });
    for (const put of [service(), other()]) made.gateway.routes.putService(put);
    const [known, another] = [...made.gateway.services.values()];
    const body = Buffer.alloc(100_000);
    const refused = crowd(made.port, 80, { body });
    await until(() => (known?.waiting ?? 0) + refused.length === 80);
    for (const { code, headers, text } of refused)
      expect([code, headers['retry-after'], JSON.parse(text)]).toEqual([503, '1', crowded]);
    expect(refused.length).toBeGreaterThan(20);
    const others = crowd(made.port, 5, { body, host: 'other.team-b.svc' });
    await until(() => (another?.waiting ?? 0) + others.length === 5);
    expect(others).toEqual([]);
  });

  test('503: by heads, until they are given up', async () => {
    const made = await startGateway({ bodyMemoryBytes: 2 ** 20 });
    made.gateway.routes.putService(service());
    const waiting = (): number => [...made.gateway.services.values()][0]?.waiting ?? 0;
    for (const turn of [1, 2]) {
      const refused = crowd(made.port, 60, { headers: { 'x-long': long } });
      await until(() => waiting() + refused.length === 60);
      expect([turn, JSON.parse(refused[0]?.text ?? 'null')]).toEqual([turn, crowded]);
      const held = waiting();
      expect(held).toBeGreaterThan(20);
      made.gateway.routes.removeService(service());
      await until(() => refused.length === 60);
      made.gateway.routes.putService(service());
    }
  });

  test.each([
    ['it holds', 'digits.default'],
    ['it refuses at once', 'nobody.default'],
  ])('by requests in a row of which the first waits, their connection is closed: such as %s', async (_, host) => {
    const made = await startGateway({ bodyMemoryBytes: 2 ** 20 });
    made.gateway.routes.putService(service());
    const caller = connect(made.port, '127.0.0.1').on('error', () => undefined);
    caller.resume();
    caller.write('GET /v2/models/digits HTTP/1.1\r\nHost: digits.default\r\n\r\n');
    for (let n = 0; n < 60; n++) caller.write(`GET /v2/x HTTP/1.1\r\nHost: ${host}\r\nX-Long: ${long}\r\n\r\n`);
    await until(() => caller.closed);
    await until(() => [...made.gateway.services.values()][0]?.waiting === 0);
  });
});
