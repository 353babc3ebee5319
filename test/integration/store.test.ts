/** The store's process around the real S3 server, a versitygw: what it says, counts and answers, and how it ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { childEnvironment } from '../support/child-environment.ts';
import { freePort } from '../support/free-port.ts';
import { folderWith, until } from '../support/model-server.ts';
import { standStill } from '../support/stand-still.ts';

/** With characters that other spellings change. */
const canary = { accessKeyId: `KEY${randomUUID()}`, secretAccessKey: `canary/${randomUUID()}+` };
const spellings = Object.values(canary).flatMap((key) => [key, encodeURIComponent(key)]);
const Bucket = 'limbeck';

type Line = Readonly<Record<string, unknown>>;

interface Store {
  readonly child: ChildProcess;
  readonly lines: readonly Line[];
  readonly ended: Promise<unknown[]>;
  readonly s3Url: string;
  /** Path of its own port → status and text. */
  readonly get: (path: string) => Promise<string>;
}

const stores: Store[] = [];
// Not killed: their S3 servers would outlive them.
afterAll(async () => {
  for (const { child, ended } of stores) if (child.kill('SIGTERM')) await ended;
});

async function startStore(folder: string): Promise<Store> {
  const port = await freePort();
  const child = spawn(process.execPath, ['runtime/store/main.ts', 'versitygw', 'posix', folder], {
    env: {
      ...{ ...childEnvironment, ROOT_ACCESS_KEY: canary.accessKeyId, ROOT_SECRET_KEY: canary.secretAccessKey },
      ...{ VGW_PORT: `127.0.0.1:${port}`, VGW_KEEP_ALIVE: 'true', LIMBECK_ADMIN_PORT: '0', LIMBECK_LOG_LEVEL: 'debug' },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  createInterface(child.stdout).on('line', (text) => lines.push(JSON.parse(text) as Line));
  const get = async (path: string): Promise<string> => {
    const own = lines.find(({ message }) => message === 'listening')?.['adminPort'];
    const answer = await fetch(`http://127.0.0.1:${String(own)}${path}`);
    return `${answer.status} ${await answer.text()}`;
  };
  const store = { child, lines, ended: once(child, 'close'), s3Url: `http://127.0.0.1:${port}`, get };
  stores.push(store);
  return store;
}

const isWell = async ({ get }: Store): Promise<boolean> => (await get('/healthz').catch(() => '')).startsWith('200');

const client = (endpoint: string, credentials: typeof canary): S3Client =>
  new S3Client({ endpoint, credentials, region: 'us-east-1', forcePathStyle: true, maxAttempts: 1 });

/** Its status, as a browser asks: a path that S3's client would not send. */
async function statusOf(url: string, path: string): Promise<number | undefined> {
  const asked = request(url, { path }).end();
  const [answer] = (await once(asked, 'response')) as [{ statusCode?: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}

const codeOf = (error: { readonly $metadata?: { readonly httpStatusCode?: number } }) =>
  error.$metadata?.httpStatusCode;

/** The child of a process that is called so. */
function childOf({ child: { pid } }: Store): number {
  return Number(readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8'));
}

describe("the store's process", () => {
  let store: Store;
  beforeAll(async () => {
    store = await startStore(await folderWith({ 'limbeck/kept': 'before' }));
    await until(() => isWell(store));
  });

  test('keeps objects, and counts requests by operation and code, and their seconds', async () => {
    const s3 = client(store.s3Url, canary);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'runs/a b.pt', Body: Buffer.alloc(1 << 20) }));
    const kept = await s3.send(new GetObjectCommand({ Bucket, Key: 'kept' }));
    expect(await kept.Body?.transformToString()).toBe('before');
    expect(await s3.send(new GetObjectCommand({ Bucket, Key: 'none' })).catch(codeOf)).toBe(404);
    await s3.send(new ListObjectsV2Command({ Bucket }));
    const stranger = client(store.s3Url, { ...canary, secretAccessKey: 'wrong' });
    expect(await stranger.send(new ListObjectsV2Command({ Bucket })).catch(codeOf)).toBe(403);
    const wanted = ['PutObject 200', 'GetObject 200', 'GetObject 404', 'ListObjectsV2 200', 'ListObjectsV2 403'];
    const counted = async (): Promise<readonly string[]> =>
      [
        ...(await store.get('/metrics')).matchAll(
          /_requests_total\{operation="(\w+)",code="(\d+)",component="store"\} 1$/gm,
        ),
      ].map(([, operation = '', code = '']) => `${operation} ${code}`);
    await until(async () => (await counted()).length >= wanted.length);
    expect(new Set(await counted())).toEqual(new Set(wanted));
    expect(await store.get('/metrics')).toContain(
      'limbeck_store_request_seconds_count{component="store",operation="GetObject"} 2',
    );
  });

  test('says everything in lines of our log, and the keys of the store in none', async () => {
    const s3 = client(store.s3Url, canary);
    await s3.send(new PutObjectCommand({ Bucket, Key: `runs/two\nlines\n${canary.accessKeyId}`, Body: 'x' }));
    const credential = `X-Amz-Credential=${canary.accessKeyId}%2F20261128%2Fus-east-1%2Fs3%2Faws4_request`;
    for (const path of [`/limbeck/a%0Ab?${credential}&X-Amz-Signature=5ec2e7`, '/%zz', `/${canary.accessKeyId}%0Ax`])
      expect(await statusOf(store.s3Url, path)).toBeGreaterThanOrEqual(400);
    const text = (): string => JSON.stringify(store.lines);
    await until(() => /invalid URL escape/.test(text()) && /runs\/two/.test(text()) && /X-Amz-Signature/.test(text()));
    for (const line of store.lines)
      expect(line).toMatchObject({ component: 'store', level: expect.any(String), timestamp: expect.any(String) });
    expect([...spellings, '5ec2e7'].filter((spelling) => text().includes(spelling))).toEqual([]);
    const errors = store.lines.filter(({ level }) => level === 'error').map(({ line }) => line);
    expect(new Set(errors)).toEqual(new Set(['[INTERNAL ERROR]: invalid URL escape "%zz"']));
  });

  test('lives, and says that the S3 server does not answer, while that one stands still', async () => {
    const server = childOf(store);
    await standStill(server);
    try {
      expect(await store.get('/healthz')).toMatch(/^503 the S3 server does not answer/);
      expect(await store.get('/metrics')).toContain('limbeck_store_up{component="store"} 0');
    } finally {
      process.kill(server, 'SIGCONT');
    }
    await until(() => isWell(store));
    expect(await store.get('/metrics')).toContain('limbeck_store_up{component="store"} 1');
  });

  test('ends well when it is told to, and has taken the S3 server with it', async () => {
    const server = childOf(store);
    store.child.kill('SIGTERM');
    expect(await store.ended).toEqual([0, null]);
    expect(store.lines.at(-1)).toMatchObject({ level: 'info', message: 'the S3 server has ended', exitCode: 0 });
    expect(() => process.kill(server, 0)).toThrow('ESRCH');
  });
});

test('a volume that is not there ends it at once, with the reason as the last word', async () => {
  const store = await startStore('/nowhere/at/all');
  expect(await store.ended).toEqual([1, null]);
  const error = expect.stringMatching(/chdir \/nowhere\/at\/all: no such file or directory$/);
  expect(store.lines.at(-1)).toMatchObject({ message: 'the S3 server has ended', exitCode: 1, error });
});

test('a port that is taken ends it, without a server left behind', async () => {
  const store = await startStore(await folderWith({ 'limbeck/kept': 'before' }));
  await until(() => isWell(store));
  const [, port = ''] = /:(\d+)$/.exec(store.s3Url) ?? [];
  const env = { ...childEnvironment, LIMBECK_ADMIN_PORT: port };
  const child = spawn(process.execPath, ['runtime/store/main.ts', 'versitygw', 'posix', '/'], { env, stdio: 'pipe' });
  let said = '';
  child.stdout.on('data', (part) => (said += String(part)));
  expect((await once(child, 'close'))[0]).toBe(1);
  expect(JSON.parse(said)).toMatchObject({ level: 'error', message: 'the store cannot run' });
});
