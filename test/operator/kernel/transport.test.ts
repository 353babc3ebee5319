import { afterEach, describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { ApiError, NotLeading } from '../../../operator/kernel/cluster.ts';
import type { Credentials } from '../../../operator/kernel/credentials.ts';
import { usualDeadlines } from '../../../operator/kernel/deadlines.ts';
import { crudSockets } from '../../../operator/kernel/dispatchers.ts';
import { Transport, wireText, type Call } from '../../../operator/kernel/transport.ts';
import { systemClock } from '../../../process/clock.ts';
import { newIdentity } from '../../support/certificates.ts';
import { loopbackApi, sendJson, tokenCredentials, transportTo, uncounted } from '../../support/loopback-api.ts';
import type { LoopbackApi, Script } from '../../support/loopback-api.ts';

const never = new AbortController().signal;
const read: Call = { method: 'GET', path: '/api/v1/pods', resource: 'pods', verb: 'list', query: { limit: '5' } };
const write: Call = { method: 'PATCH', path: '/api/v1/pods/a', resource: 'pods', verb: 'apply', body: { a: 1 } };

let api: LoopbackApi;
let transport: Transport;
afterEach(async () => {
  await transport.close();
  await api.close();
});

async function serve(...scripts: Script[]): Promise<void> {
  const rest = [...scripts];
  api = await loopbackApi((asked, response) => {
    const script = rest.length > 1 ? rest.shift() : rest[0];
    script?.(asked, response);
  });
  transport = transportTo(api.url, { crudMs: 2000, leaseMs: 300, watchSilenceMs: 300 });
}

const ok: Script = (_, response) => sendJson(response, 200, { ok: true });
const status =
  (code: number, headers: object = {}): Script =>
  (_, response) =>
    sendJson(response, code, { kind: 'Status', message: `said ${String(code)}` }, headers);
const broken: Script = (_, response) => response.destroy();
const silent: Script = () => undefined;

async function outcome(call: Call, traffic: 'crud' | 'lease' = 'crud'): Promise<string> {
  try {
    await transport.json(traffic, call, never);
    return 'ok';
  } catch (error) {
    return error instanceof ApiError ? `${error.code}: ${error.message}` : String(error);
  }
}

interface Pair {
  readonly cert: string;
  readonly key: string;
}

async function newPair(name: string): Promise<Pair> {
  const { certificate, key } = await newIdentity(name);
  return { cert: certificate, key };
}

describe('a request', () => {
  test('carries path, query, credentials, name and JSON', async () => {
    await serve(ok);
    await outcome(read);
    await outcome({ ...write, contentType: 'application/apply-patch+yaml' });
    expect(api.asked[0]).toMatchObject({ method: 'GET', path: '/api/v1/pods?limit=5', body: '' });
    expect(api.asked[0]?.headers).toMatchObject({
      authorization: 'Bearer token-0',
      'user-agent': 'limbeck/0.0.0 (test)',
    });
    expect(api.asked[1]).toMatchObject({ method: 'PATCH', body: '{"a":1}' });
    expect(api.asked[1]?.headers['content-type']).toBe('application/apply-patch+yaml');
  });

  test.each<[string, Call, Script[], string, number]>([
    ['a read over a broken connection is repeated', read, [broken, broken, ok], 'ok', 3],
    ['but not for ever', read, [broken], 'unavailable: the API server cannot be reached', 4],
    ['a write is never repeated', write, [broken, ok], 'unavailable: the API server cannot be reached', 1],
    ['a read that was asked to come back comes back', read, [status(429, { 'retry-after': '0' }), ok], 'ok', 2],
    ['as often as it is asked', read, [status(429, { 'retry-after': '0' })], 'throttled: said 429', 10],
    ['one that was not asked does not', read, [status(429), ok], 'throttled: said 429', 1],
    [
      'nor one that is asked to wait for too long',
      read,
      [status(503, { 'retry-after': '900' }), ok],
      'unavailable: said 503',
      1,
    ],
    [
      'a write that was asked to come back leaves it to the queue',
      write,
      [status(429, { 'retry-after': '0' }), ok],
      'throttled: said 429',
      1,
    ],
    ['a refusal is final', read, [status(403, { 'retry-after': '0' }), ok], 'forbidden: said 403', 1],
    ['credentials are read anew on 401, also for writes', write, [status(401), ok], 'ok', 2],
    ['but only once', read, [status(401), status(401), ok], 'unauthorized: said 401', 2],
  ])('%s', async (_, call, scripts, expected, requests) => {
    await serve(...scripts);
    expect(await outcome(call)).toBe(expected);
    expect(api.asked).toHaveLength(requests);
  });

  test('the second try after 401 has the new token', async () => {
    await serve(status(401), ok);
    await outcome(write);
    expect(api.asked.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-0', 'Bearer token-1']);
  });

  test('is counted from its sending to the head of its answer, with the bytes of what came', async () => {
    api = await loopbackApi((asked, response) =>
      asked.method === 'GET' ? sendJson(response, 200, { a: 'ü' }) : response.destroy(),
    );
    const heard: string[] = [];
    transport = new Transport({
      ...{ credentials: tokenCredentials(api.url), userAgent: 'test', clock: systemClock, deadlines: usualDeadlines },
      counts: {
        sent: ({ verb }) => heard.push(`${verb} sent`),
        answered: ({ verb }, code) => heard.push(`${verb} ${code}`),
        received: ({ verb }, bytes) => heard.push(`${verb} ${String(bytes)} bytes`),
        retried: () => undefined,
      },
    });
    await outcome(read);
    await outcome(write);
    expect(heard).toEqual(['list sent', 'list 200', 'list 10 bytes', 'apply sent', 'apply broken']);
  });

  test.each([
    ['a handshake that failed', () => ({})],
    ['the key of another certificate, as while both are exchanged,', (one, other) => ({ ...one, key: other.key })],
    ['half a certificate', (one) => ({ ...one, cert: one.cert.slice(0, 200) })],
  ] satisfies [string, (one: Pair, other: Pair) => Partial<Pair>][])(
    'after %s the credentials are read anew',
    async (_name, tlsOf) => {
      api = await loopbackApi((_, response) => sendJson(response, 200, {}));
      let url = api.url.replace('http:', 'https:');
      let renewals = 0;
      const [one, other] = await Promise.all([newPair('one'), newPair('other')]);
      const tls = tlsOf(one, other);
      const current = () => Promise.resolve({ server: url, headers: {}, tls, fingerprint: url });
      const renew = () => {
        renewals += 1;
        url = api.url;
        return current();
      };
      transport = new Transport({
        ...{ credentials: { current, renew }, userAgent: 'test', clock: systemClock, deadlines: usualDeadlines },
        counts: uncounted,
      });
      expect([await outcome(read), renewals]).toEqual(['ok', 1]);
      expect([await outcome(write), renewals]).toEqual(['ok', 1]);
    },
  );

  test('a lease does not wait for long', async () => {
    await serve(silent);
    expect(await outcome(write, 'lease')).toBe('unavailable: the API server took too long');
  });

  test('tells the time the server named', async () => {
    await serve(status(429, { 'retry-after': '7' }));
    await expect(transport.json('crud', write, never)).rejects.toMatchObject({ retryAfterMs: 7000, status: 429 });
  });
});

describe('credentials that are not told in time', () => {
  const hang = () => new Promise<never>(() => undefined);
  const told = (url = api.url, tls = {}) => Promise.resolve({ server: url, headers: {}, tls, fingerprint: url });
  const late = 'unavailable: the credentials could not be read in time';
  const deadlines = { crudMs: 300, leaseMs: 100, watchSilenceMs: 3_600_000 };

  async function asking(credentials: Credentials, script: Script = ok): Promise<void> {
    api = await loopbackApi(script);
    transport = new Transport({ credentials, userAgent: 'test', clock: systemClock, deadlines, counts: uncounted });
  }

  test.each<[string, Credentials, Script]>([
    ['at first', { current: hang, renew: hang }, ok],
    ['when they are read anew', { current: told, renew: hang }, status(401)],
  ])('end reads, writes, leases and watches %s', async (_, credentials, script) => {
    await asking(credentials, script);
    expect([await outcome(read), await outcome(write), await outcome(write, 'lease')]).toEqual([late, late, late]);
    await expect(transport.stream(read, never).next()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('end a call whose handshake has failed, with what it failed of', async () => {
    const current = () => told(api.url.replace('http:', 'https:'));
    await asking({ current, renew: hang });
    expect(await outcome(write)).toBe('unavailable: the API server cannot be reached');
  });

  test('keep nobody waiting who stops', async () => {
    await asking({ current: hang, renew: hang });
    const stopping = new AbortController();
    const call = transport.stream(read, stopping.signal).next();
    stopping.abort();
    await expect(call).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a fenced write', () => {
  const within = (budgetMs: () => number): Call => ({ ...write, budgetMs });

  test('tells the API server how long it is worth carrying out, less what sending may take', async () => {
    await serve(ok);
    expect(await outcome(within(() => 1234.5))).toBe('ok');
    expect(api.asked[0]?.path).toBe('/api/v1/pods/a?timeout=1111ms');
    await outcome(within(() => Infinity));
    expect(api.asked[1]?.path).toBe('/api/v1/pods/a');
  });

  test('gives up with its budget, not with the deadline of others', async () => {
    api = await loopbackApi(silent);
    transport = transportTo(api.url, { crudMs: 3_600_000 });
    expect(await outcome(within(() => 100))).toBe('unavailable: the API server took too long');
  });

  test.each([
    ['went', 0],
    ['fell below what the API server is told', 53_000],
  ])('is not sent when the budget %s while it waited for a socket', async (_, leftMs) => {
    const waiting: (() => void)[] = [];
    await serve((_, response) => waiting.push(() => sendJson(response, 200, {})));
    const [first, ...others] = Array.from({ length: crudSockets }, () => outcome(write));
    while (waiting.length < crudSockets) await new Promise((resolve) => setImmediate(resolve));
    let budgetMs = 60_000;
    const late = transport.json(
      'crud',
      within(() => budgetMs),
      never,
    );
    const refused = expect(late).rejects.toBeInstanceOf(NotLeading);
    await new Promise((resolve) => setImmediate(resolve));
    budgetMs = leftMs;
    waiting[0]?.();
    await first;
    await refused;
    waiting.slice(1).forEach((answer) => answer());
    expect(await Promise.all(others)).toEqual(Array.from(others, () => 'ok'));
    expect(api.asked).toHaveLength(crudSockets);
    // The socket is as good as before.
    const next = outcome(within(() => 1000));
    while (waiting.length < crudSockets + 1) await new Promise((resolve) => setImmediate(resolve));
    waiting[crudSockets]?.();
    expect(await next).toBe('ok');
  });
});

describe('a stream', () => {
  const collect = async (): Promise<string> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of transport.stream({ ...read, verb: 'watch' }, never)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };

  test('ends when the server ends it', async () => {
    await serve((_, response) => response.writeHead(200).end('one\n'));
    expect(await collect()).toBe('one\n');
  });

  test('ends by name when the server falls silent', async () => {
    await serve((_, response) => response.writeHead(200).write('one\n'));
    await expect(collect()).rejects.toMatchObject({ code: 'silent' });
  });

  test('throws when the connection breaks', async () => {
    await serve((_, response) => {
      response.writeHead(200).write('one\n');
      setTimeout(() => response.destroy(), 20);
    });
    await expect(collect()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('throws what the server answered instead', async () => {
    await serve(status(410));
    await expect(collect()).rejects.toMatchObject({ code: 'gone', message: 'said 410' });
  });
});

describe('what is sent', () => {
  test.each([
    ['a delete character', 'a\u007fb'],
    ['a terminal sequence in one byte', 'a\u009b31mb'],
    ['a next line, which YAML would fold', 'a\u0085b'],
    ['a line separator', 'a\u2028b'],
    ['a byte order mark, and what is no character', '\ufeffa\uffffb'],
    ['a backslash before something like an escape', 'a\\u007fb'],
    ['what needs no care', 'aé😀\tb\u001b[0m'],
  ])('is plain for YAML, and means the same: %s', (_, text) => {
    const body = wireText({ text });
    expect([parse(body), JSON.parse(body)]).toEqual([{ text }, { text }]);
    // eslint-disable-next-line no-control-regex -- these are what the API server's YAML reader refuses
    expect(body).not.toMatch(/[\u0000-\u001f\u007f-\u009f\ufeff\uffff]/);
  });

  test('has no half characters, whose escapes YAML refuses', () => {
    expect(JSON.parse(wireText({ text: '😀'.slice(0, 1) }))).toEqual({ text: '\ufffd' });
  });
});
