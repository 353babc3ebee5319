/** A model whose weights lie in a file of their own, in a real store: fetched, kept, and fetched again when they are others. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { createSession } from '../../runtime/server/onnx.ts';
import { storeSource } from '../../runtime/server/store.ts';
import { folderWith } from '../support/model-server.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { accessKey, startS3Store, type S3Store } from '../support/s3-store.ts';

const secret = 'a secret of this test';
const before = { ...process.env };
let store: S3Store | undefined;

afterAll(() => {
  store?.child.kill('SIGKILL');
  process.env = before;
});

/** Floats as a file has them. */
const fileOf = (...values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

const value = (name: string) => ({ name, type: 'FP32', shape: [2] }) as const;
const model = onnxModel({
  inputs: [value('x')],
  outputs: [value('y')],
  nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
  weights: [{ name: 'w', shape: [2], data: new Float32Array(2), file: 'model.onnx.data' }],
});

test('weights beside a model in a store are its weights, also when they have changed', async () => {
  const weights = 'limbeck/models/x/model.onnx.data';
  store = await startS3Store(secret, { 'limbeck/models/x/model.onnx': model, [weights]: fileOf(1, 2) });
  Object.assign(process.env, {
    ...{ AWS_ENDPOINT_URL: store.url, AWS_REGION: 'us-east-1' },
    ...{ AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secret },
  });
  const source = storeSource({ name: 'x', uri: 's3://limbeck/models/x', cacheDir: await folderWith({}) });
  const sum = async (): Promise<readonly unknown[]> => {
    const fetched = await source.fetch(new AbortController().signal);
    if (!fetched.ok) throw new Error(fetched.failure.message);
    const session = await createSession({ path: fetched.artefact.path, intraOpThreads: 1, providers: ['cpu'] });
    const [y] = await session.run([{ name: 'x', datatype: 'FP32', shape: [2], data: new Float32Array(2) }], ['y']);
    await session.release();
    return [...(y?.data ?? [])];
  };
  expect(await sum()).toEqual([1, 2]);
  expect(await sum()).toEqual([1, 2]);
  await writeFile(join(store.folder, weights), fileOf(3, 4));
  expect(await sum()).toEqual([3, 4]);
});
