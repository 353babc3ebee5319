import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { adminApp, serve, type AdminFace } from '../../process/http-server.ts';
import { createRegistry } from '../../process/metrics.ts';

let stop: AbortController;
beforeEach(() => {
  stop = new AbortController();
});
afterEach(() => stop.abort());

async function served(face: Partial<AdminFace>): Promise<(path: string) => Promise<string>> {
  const registry = createRegistry('test');
  const port = await serve(adminApp({ registry, notReady: () => undefined, ...face }), 0, stop.signal);
  return async (path) => {
    const response = await fetch(`http://127.0.0.1:${String(port)}${path}`, { headers: { connection: 'close' } });
    return `${String(response.status)} ${await response.text()}`;
  };
}

describe('the administrative face', () => {
  test('is well when nothing is missing', async () => {
    const get = await served({});
    expect(await get('/readyz')).toBe('200 ok');
    expect(await get('/healthz')).toBe('200 ok');
  });

  test('says what is missing, each time anew', async () => {
    let missing: string | undefined = 'not listed yet: pods';
    const get = await served({ notReady: () => missing, notAlive: () => 'hangs' });
    expect(await get('/readyz')).toBe('503 not listed yet: pods');
    expect(await get('/healthz')).toBe('503 hangs');
    missing = undefined;
    expect(await get('/readyz')).toBe('200 ok');
  });

  test('may have to ask others first', async () => {
    const get = await served({ notReady: () => Promise.resolve('asleep'), notAlive: () => Promise.resolve(undefined) });
    expect(await get('/readyz')).toBe('503 asleep');
    expect(await get('/healthz')).toBe('200 ok');
  });

  test('shows the metrics of its registry', async () => {
    const get = await served({});
    expect(await get('/metrics')).toContain('nodejs_eventloop_lag_seconds{component="test"}');
  });

  test('rejects when the port is taken', async () => {
    const registry = createRegistry('test');
    const first = await serve(adminApp({ registry, notReady: () => undefined }), 0, stop.signal);
    await expect(serve(adminApp({ registry, notReady: () => undefined }), first, stop.signal)).rejects.toThrow(
      'EADDRINUSE',
    );
  });
});
