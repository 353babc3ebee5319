/** The model server among many, and with much: idle connections, large bodies, long prompts. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, jest, test } from '@jest/globals';
import { echoArtefact } from '../support/echo-artefact.ts';
import { folderWith } from '../support/model-server.ts';
import { identityModel } from '../support/onnx-model.ts';
import { residentMiB, startLimitMs, startServerProcess, type ServerProcess } from '../support/server-process.ts';

jest.setTimeout(240_000);
const mebi = 1 << 20;

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess({
    LIMBECK_MODELS_DIR: await folderWith({ 'same/model.onnx': identityModel('FP32', ['batch', 4]), ...echoArtefact() }),
    LIMBECK_MAX_BODY_BYTES: String(65 * mebi),
  });
}, startLimitMs);
afterAll(() => server.stop());
afterEach(async () => {
  expect(server.child.exitCode).toBeNull();
  expect((await fetch(`${server.url}/v2/health/ready`)).status).toBe(200);
});

/** Raw bytes of one input, which come back. */
const same = (body: Buffer): Promise<Response> =>
  fetch(`${server.url}/v2/models/same/infer`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/octet-stream', 'Inference-Header-Content-Length': '0' },
    body: new Uint8Array(body.buffer, body.byteOffset, body.length),
  });

test('ten thousand idle connections cost little and keep nobody waiting', async () => {
  const before = residentMiB(server);
  const port = Number(new URL(server.url).port);
  const opened = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(socket)).once('error', reject);
    });
  const sockets: Socket[] = [];
  for (let hundred = 0; hundred < 100; hundred += 1)
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, opened))));
  expect(sockets.filter(({ readyState }) => readyState === 'open').length).toBeGreaterThan(9_000);
  expect((await same(Buffer.alloc(16))).status).toBe(200);
  expect((residentMiB(server) - before) / sockets.length).toBeLessThan(0.02);
  for (const socket of sockets) socket.destroy();
});

test('callers who never finish a head are refused and closed, and keep nobody waiting', async () => {
  const port = Number(new URL(server.url).port);
  const slow = Array.from({ length: 500 }, () => {
    const socket = connect(port, '127.0.0.1', () => socket.write('POST /v2/models/same/infer HTTP/1.1\r\nHost: a\r\n'));
    const chunks: Buffer[] = [];
    const closed = once(
      socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined),
      'close',
    );
    return { socket, heard: closed.then(() => Buffer.concat(chunks).toString('latin1')) };
  });
  // A line each second, for as long as that is taken: none of them is ever idle.
  let lines = 0;
  const dripping = setInterval(() => {
    lines += 1;
    for (const { socket } of slow) if (socket.writable) socket.write(`X-Line-${String(lines)}: a\r\n`);
  }, 1000);
  expect((await same(Buffer.alloc(16))).status).toBe(200);
  const answers = await Promise.all(slow.map(({ heard }) => heard)).finally(() => clearInterval(dripping));
  // Whoever writes just as he is closed hears nothing of it.
  const heard = answers.filter((answer) => answer !== '');
  expect(new Set(heard.map((answer) => answer.split('\r\n')[0]))).toEqual(new Set(['HTTP/1.1 408 Request Timeout']));
  expect(heard.length).toBeGreaterThan(slow.length / 2);
  expect(lines).toBeGreaterThan(0);
});

test('a body of 64 MiB is read, and what it says comes back', async () => {
  const body = Buffer.from(Float32Array.from({ length: 16 * mebi }, (_, index) => index % 1009).buffer);
  const answer = await same(body);
  expect(answer.status).toBe(200);
  const length = Number(answer.headers.get('inference-header-content-length'));
  expect(
    Buffer.from(await answer.arrayBuffer())
      .subarray(length)
      .equals(body),
  ).toBe(true);
});

test('a prompt of 100,000 tokens is refused with the numbers', async () => {
  const body = JSON.stringify({ model: 'echo', prompt: Array(100_000).fill(1) });
  const answer = await fetch(`${server.url}/v1/completions`, { method: 'POST', body });
  const { error } = (await answer.json()) as { readonly error: { readonly message: string } };
  expect([answer.status, error.message]).toEqual([400, expect.stringMatching(/context is 256 tokens.* has 100000/)]);
});

test.each([
  ['numbers', '1,'],
  ['lists', '[],'],
  ['members', '"abcd":1,'],
])('a small body of many %s, which would fill the heap of a small container, is refused', async (what, unit) => {
  const small = await startServerProcess({
    LIMBECK_MODELS_DIR: await folderWith({ 'same/model.onnx': identityModel('FP32', ['batch', 4]) }),
    LIMBECK_MEMORY_BYTES: String(512 * mebi),
    NODE_OPTIONS: '--max-old-space-size=256',
  });
  try {
    const parts = unit.repeat(Math.floor((31 * mebi) / unit.length));
    const body = gzipSync(what === 'members' ? `{${parts}"z":1}` : `[${parts}1]`);
    const headers = { 'Content-Encoding': 'gzip' };
    for (const path of ['/v1/completions', '/v2/repository/index', '/v2/models/same/infer']) {
      const answer = await fetch(small.url + path, { method: 'POST', headers, body });
      expect([path, answer.status, await answer.text()]).toEqual([
        path,
        413,
        expect.stringContaining('once it is parsed'),
      ]);
    }
    expect(small.child.exitCode).toBeNull();
  } finally {
    await small.stop();
  }
});
