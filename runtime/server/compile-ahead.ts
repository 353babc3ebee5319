/**
 * Run when the image is built: `node compile-ahead.mjs FOLDER`. The server beside it starts as in a pod, on a model from a store,
 * answers and stops; what V8 has compiled for that is left in FOLDER, for every later start. Fails where the server does.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

/** y = x, FP32 of [batch, width], as ONNX. */
const model = Buffer.from(
  'CAg6UwoQCgF4EgF5IghJZGVudGl0eRIBZ1odCgF4EhgKFggBEhIKBxIFYmF0Y2gKBxIFd2lkdGhiHQoBeRIYChYIARISCgcSBWJhdGNoCgcSBXdpZHRoQgQKABAR',
  'base64',
);
const row = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [1] }] });

/** Longest wait for anything, in milliseconds: a builder may be slow. */
const limitMs = 120_000;

/** A store that has the model, and nothing else. */
async function startStore(): Promise<Server> {
  const store = createServer(({ url }, response) => {
    if (url?.startsWith('/models/first/model.onnx') === true) response.end(model);
    else response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
  });
  store.listen(0, '127.0.0.1');
  await once(store, 'listening');
  return store;
}

const portOf = (store: Server): number => (store.address() as AddressInfo).port;

type ServerProcess = ChildProcessByStdio<null, Readable, null>;

function startServer(store: Server, folder: string): ServerProcess {
  const server = fileURLToPath(new URL('server.mjs', import.meta.url));
  return spawn(process.execPath, [server], {
    env: {
      NODE_COMPILE_CACHE: join(folder, 'cache'),
      ...{ LIMBECK_PORT: '0', LIMBECK_GRPC_PORT: '0', LIMBECK_DRAIN_SECONDS: '1', LIMBECK_PROVIDER: 'cpu' },
      ...{
        LIMBECK_MODEL_URI: 's3://models/first',
        LIMBECK_MODEL_NAME: 'first',
        LIMBECK_CACHE_DIR: join(folder, 'models'),
      },
      ...{ AWS_ENDPOINT_URL: `http://127.0.0.1:${portOf(store)}`, AWS_REGION: 'none' },
      ...{ AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** The port of HTTP, once gRPC is served as well. */
async function listening({ stdout }: ServerProcess): Promise<number> {
  let port: number | undefined;
  for await (const line of createInterface(stdout)) {
    console.log(line);
    const said = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (said['message'] === 'listening') port = Number(said['port']);
    if (said['message'] === 'listening for gRPC' && port !== undefined) return port;
  }
  throw new Error('the server ended before it listened');
}

/** Asks until the model answers. */
async function answered(port: number, signal: AbortSignal): Promise<void> {
  const url = `http://127.0.0.1:${port}/v2/models/first/infer`;
  while ((await fetch(url, { method: 'POST', body: row, signal })).status !== 200)
    await new Promise((later) => setTimeout(later, 20));
}

/** One life of the server. */
async function rehearse(folder: string): Promise<void> {
  const store = await startStore();
  const server = startServer(store, folder);
  const exited = once(server, 'exit') as Promise<[number | null, string | null]>;
  const late = setTimeout(() => server.kill('SIGKILL'), limitMs);
  try {
    await answered(await listening(server), AbortSignal.timeout(limitMs));
    server.kill('SIGTERM');
    const [code] = await exited;
    if (code !== 0) throw new Error(`the server ended with ${String(code)}`);
  } finally {
    clearTimeout(late);
    server.kill('SIGKILL');
    store.close();
  }
}

/** Whoever runs the server may read them, which Node lets the owner alone. */
async function gather(cache: string, destination: string): Promise<void> {
  await mkdir(destination, { recursive: true });
  for (const entry of await readdir(cache, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const to = join(destination, entry.name);
    await copyFile(join(entry.parentPath, entry.name), to);
    await chmod(to, 0o444);
  }
}

const folder = await mkdtemp(join(tmpdir(), 'compile-ahead-'));
try {
  await rehearse(folder);
  await gather(join(folder, 'cache'), resolve(process.argv[2] ?? 'compiled'));
} finally {
  await rm(folder, { recursive: true, force: true });
}
