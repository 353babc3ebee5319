import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSession } from '../../../runtime/server/onnx.ts';
import type { Fetched } from '../../../runtime/server/repository.ts';
import { locationOf, storeSource } from '../../../runtime/server/store.ts';
import { folderWith, until } from '../../support/model-server.ts';
import { externalModel } from '../../support/onnx-model.ts';
import { spawnServer } from '../../support/server-process.ts';
import { onSmallDisk } from '../../support/small-disk.ts';

const digest = createHash('sha256').update('weights').digest('hex');
const { signal } = new AbortController();

describe('locations', () => {
  test.each([
    ['s3://b/models/x', 'models/x/model.onnx', 'models/x/tokenizer.json'],
    ['s3://b/models/x/', 'models/x/model.onnx', 'models/x/tokenizer.json'],
    ['s3://b/models/x.onnx', 'models/x.onnx', undefined],
  ])('%s', (uri, model, beside) => {
    const location = locationOf(uri);
    expect(location).toMatchObject({ bucket: 'b', model });
    expect(location.keyOf('tokenizer.json')).toBe(beside);
  });

  test('what is no location', () => expect(() => locationOf('s3://b')).toThrow("'s3://b' is not"));
});

describe('a store that misbehaves', () => {
  const before = { ...process.env };
  let server: Server;
  let answer: RequestListener;
  let cacheDir: string;
  const asked: string[] = [];

  beforeEach(async () => {
    asked.length = 0;
    cacheDir = await folderWith({});
    server = createServer((request, response) => {
      asked.push(request.url?.split('?')[0] ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
  });

  afterEach(async () => {
    process.env = { ...before };
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const fetchModel = (sha256?: string): Promise<Fetched> =>
    storeSource({ name: 'm', uri: 's3://b/models/x', cacheDir, ...(sha256 !== undefined && { sha256 }) }).fetch(signal);
  const reasonOf = (fetched: Fetched): string => (fetched.ok ? 'ok' : fetched.failure.reason);

  /** Serves model.onnx and nothing else. */
  const weightsOnly: RequestListener = (request, response) => {
    if (request.url?.startsWith('/b/models/x/model.onnx') === true) response.end('weights');
    else response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
  };

  test('a file with the right digest is kept under it, and not fetched again', async () => {
    answer = weightsOnly;
    const first = await fetchModel(digest);
    if (!first.ok) throw new Error(first.failure.message);
    expect(first.artefact.sha256).toBe(digest);
    expect(first.artefact.path.startsWith(`${cacheDir}/${digest}-`)).toBe(true);
    expect(await readFile(first.artefact.path, 'utf8')).toBe('weights');
    expect(reasonOf(await fetchModel(digest))).toBe('ok');
    expect(asked.filter((path) => path.endsWith('model.onnx'))).toHaveLength(1);
  });

  test('a full disk fails the load, leaves nothing of it, and the server goes on', async () => {
    answer = (request, response) => {
      if (request.url?.startsWith('/b/models/x/model.onnx') === true) response.end(Buffer.alloc(1 << 20));
      else response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
    };
    const names = ['AWS_ENDPOINT_URL', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] as const;
    const aws = Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']));
    const model = { LIMBECK_MODEL_URI: 's3://b/models/x', LIMBECK_MODEL_NAME: 'm', LIMBECK_CACHE_DIR: cacheDir };
    const full = spawnServer({ ...aws, ...model }, { by: onSmallDisk(cacheDir) });
    try {
      await until(() => full.said('model not loaded') !== undefined || full.child.exitCode !== null);
      const error = expect.stringContaining('the cache cannot be written: ENOSPC');
      expect(full.said('model not loaded')).toMatchObject({ reason: 'LoadFailed', error });
      await until(() => full.said('listening') !== undefined);
      expect((await fetch(`${full.url()}/healthz`)).status).toBe(200);
      const ready = await fetch(`${full.url()}/v2/health/ready`);
      expect([ready.status, await ready.json()]).toMatchObject([503, { error: expect.stringContaining('ENOSPC') }]);
      // As the server sees it.
      expect(await readdir(`/proc/${String(full.child.pid)}/root${cacheDir}`)).toEqual([]);
    } finally {
      full.child.kill('SIGKILL');
      await full.exited;
    }
  });

  test('what a killed process has left of a download goes, and not what another is writing', async () => {
    answer = weightsOnly;
    const names = ['left', 'fresh'].map(() => `${randomUUID()}.part`) as [string, string];
    for (const name of [...names, 'others.part']) await writeFile(join(cacheDir, name), 'wei');
    const longAgo = new Date(Date.now() - 600_000);
    for (const name of [names[0], 'others.part']) await utimes(join(cacheDir, name), longAgo, longAgo);
    expect(reasonOf(await fetchModel(digest))).toBe('ok');
    const parts = (await readdir(cacheDir)).filter((name) => name.endsWith('.part'));
    expect(parts.sort()).toEqual([names[1], 'others.part'].sort());
  });

  test('a wrong digest leaves nothing behind', async () => {
    answer = weightsOnly;
    expect(reasonOf(await fetchModel('b'.repeat(64)))).toBe('DigestMismatch');
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('a manifest for another model is a mismatch before anything is downloaded', async () => {
    const specs = {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1] }],
    };
    answer = (_request, response) => {
      response.end(JSON.stringify({ manifestVersion: 'v1', sha256: digest, ...specs }));
    };
    expect(reasonOf(await fetchModel('b'.repeat(64)))).toBe('DigestMismatch');
    expect(asked).toEqual(['/b/models/x/manifest.json']);
  });

  test.each([
    ['nothing there', 404, 'ArtefactMissing'],
    ['forbidden', 403, 'StoreUnavailable'],
    ['broken', 500, 'StoreUnavailable'],
  ])('%s', async (_what, status, reason) => {
    answer = (_request, response) => {
      response.writeHead(status).end();
    };
    expect(reasonOf(await fetchModel())).toBe(reason);
  });

  test('what lies beside the model is read when it is asked for', async () => {
    answer = (request, response) => {
      if (request.url?.includes('model.onnx') === true) response.end('weights');
      else if (request.url?.includes('tokenizer.json') === true) response.end('{}');
      else response.writeHead(404).end();
    };
    const fetched = await fetchModel();
    if (!fetched.ok) throw new Error(fetched.failure.message);
    expect(await fetched.artefact.companion('tokenizer.json', signal)).toBe('{}');
    expect(await fetched.artefact.companion('config.json', signal)).toBeUndefined();
  });

  test('a download that is cut short', async () => {
    answer = (request, response) => {
      if (request.url?.includes('manifest') === true) response.writeHead(404).end();
      else {
        response.writeHead(200, { 'Content-Length': 100 }).write('weig');
        setTimeout(() => response.destroy(), 20);
      }
    };
    expect(reasonOf(await fetchModel(digest))).toBe('StoreUnavailable');
    expect(await readdir(cacheDir)).toEqual([]);
  });

  describe('weights in a file of their own', () => {
    const weights = Float32Array.of(3);
    /** Serves these objects, with tags. */
    const serve = (objects: Readonly<Record<string, Buffer>>): void => {
      answer = (request, response) => {
        const bytes = objects[decodeURIComponent(request.url?.split('?')[0] ?? '').replace('/b/models/x/', '')];
        const etag = bytes && `"${createHash('md5').update(bytes).digest('hex')}"`;
        if (bytes === undefined || etag === undefined)
          response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
        else if (request.headers['if-none-match'] === etag) response.writeHead(304).end();
        else response.writeHead(200, { etag }).end(bytes);
      };
    };
    const bytesOf = (data: Float32Array): Buffer => Buffer.from(data.buffer);

    async function folderOf(fetching: Promise<Fetched>): Promise<string> {
      const fetched = await fetching;
      if (!fetched.ok) throw new Error(fetched.failure.message);
      return dirname(fetched.artefact.path);
    }

    async function sum(fetched: Fetched): Promise<unknown> {
      if (!fetched.ok) throw new Error(fetched.failure.message);
      const session = await createSession({ path: fetched.artefact.path, intraOpThreads: 1, providers: ['cpu'] });
      const x = { name: 'x', datatype: 'FP32', shape: [1], data: Float32Array.of(1) } as const;
      const [y] = await session.run([x], ['y']);
      await session.release();
      return y?.data[0];
    }

    test.each(['model.onnx.data', 'parts/w 1.bin'])('come with the model: %s', async (name) => {
      const model = externalModel(name);
      serve({ 'model.onnx': model, [name]: bytesOf(weights) });
      const fetched = await fetchModel();
      expect(await sum(fetched)).toBe(4);
      expect(fetched).toMatchObject({ artefact: { bytes: model.length + 4 } });
    });

    test('are fetched again only when they are others', async () => {
      const [name, model] = ['model.onnx.data', externalModel('model.onnx.data')];
      serve({ 'model.onnx': model, [name]: bytesOf(weights) });
      const kept = join(await folderOf(fetchModel()), name);
      const writtenAt = async (): Promise<bigint> => (await stat(kept, { bigint: true })).mtimeNs;
      const before = await writtenAt();
      expect(await sum(await fetchModel())).toBe(4);
      expect(await writtenAt()).toBe(before);
      serve({ 'model.onnx': model, [name]: bytesOf(Float32Array.of(5)) });
      expect(await sum(await fetchModel())).toBe(6);
    });

    test('are fetched again when a file ends early, and gone when the store has them no longer', async () => {
      const [name, model] = ['model.onnx.data', externalModel('model.onnx.data')];
      serve({ 'model.onnx': model, [name]: bytesOf(weights) });
      const kept = join(await folderOf(fetchModel()), name);
      await truncate(kept, 2);
      expect(await sum(await fetchModel())).toBe(4);
      serve({ 'model.onnx': model });
      expect(await fetchModel()).toMatchObject({ artefact: { bytes: model.length } });
      await expect(stat(kept)).rejects.toThrow('ENOENT');
    });

    test('are those of their own place, though the graphs are equal', async () => {
      const [name, model] = ['model.onnx.data', externalModel('model.onnx.data')];
      serve({
        'model.onnx': model,
        [name]: bytesOf(weights),
        [`/b/models/y/model.onnx`]: model,
        [`/b/models/y/${name}`]: bytesOf(Float32Array.of(8)),
      });
      const [x, y] = ['x', 'y'].map((place) => storeSource({ name: 'm', uri: `s3://b/models/${place}`, cacheDir }));
      const [first, second] = [await x!.fetch(signal), await y!.fetch(signal)];
      expect([await sum(first), await sum(second)]).toEqual([4, 9]);
    });

    test('that lie elsewhere are neither fetched nor read', async () => {
      serve({ 'model.onnx': externalModel('../secrets') });
      await expect(fetchModel().then(sum)).rejects.toThrow('External data path escapes');
      expect(asked.every((path) => !path.includes('secrets'))).toBe(true);
    });

    test('may have a long path', async () => {
      const name = `${'deep/'.repeat(40)}w.bin`;
      serve({ 'model.onnx': externalModel(name), [name]: bytesOf(weights) });
      expect(await sum(await fetchModel())).toBe(4);
    });

    test('that the store has not are missed by the one who needs them, and told by name', async () => {
      serve({ 'model.onnx': externalModel('model.onnx.data') });
      await expect(fetchModel().then(sum)).rejects.toThrow(/model\.onnx\.data/);
    });
  });

  test('a store that is not there', async () => {
    process.env['AWS_ENDPOINT_URL'] = 'http://127.0.0.1:1';
    expect(reasonOf(await fetchModel())).toBe('StoreUnavailable');
  });
});
