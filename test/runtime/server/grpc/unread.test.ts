import { once } from 'node:events';
import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { dropUnread } from '../../../../runtime/server/grpc/unread.ts';

describe('an answer', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  /** A call with so many bytes that wait to be read, and how it was ended. */
  function answered(bufferSize: number) {
    const ended: unknown[] = [];
    const stream = { bufferSize, close: (code: unknown) => ended.push(code), once: () => undefined };
    dropUnread(stream as unknown as ServerHttp2Stream);
    return { stream, ended };
  }

  test.each([
    ['of which nothing waits', 0, Infinity],
    ['of a byte', 1, 120_000],
    ['of 10 MiB', 10 << 20, 240_000],
  ])('%s has its time to be read', (_what, bytes, timeMs) => {
    const { ended } = answered(bytes);
    jest.advanceTimersByTime(Math.min(timeMs, 3_600_000) - 1);
    expect(ended).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(ended).toHaveLength(timeMs === Infinity ? 0 : 1);
  });

  test('that was read meanwhile has it anew', () => {
    const { stream, ended } = answered(1);
    jest.advanceTimersByTime(60_000);
    stream.bufferSize = 0;
    jest.advanceTimersByTime(60_000);
    stream.bufferSize = 1;
    jest.advanceTimersByTime(119_999);
    expect(ended).toEqual([]);
  });
});

test('a caller who answers pings and takes nothing loses his call', async () => {
  const server = createServer().on('stream', (stream) => {
    dropUnread(stream, 200);
    stream.on('error', () => undefined).respond();
    stream.end(Buffer.alloc(80_000));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = session.request().on('error', () => undefined);
  try {
    await once(stream, 'close');
    expect(stream.rstCode).toBe(8);
    expect(session.destroyed).toBe(false);
  } finally {
    session.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});
