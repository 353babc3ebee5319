/** A model whose weights lie in a file of their own, in a real store. That they are kept meanwhile, store.test.ts proves. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { createSession } from '../../runtime/server/onnx.ts';
import { storeSource } from '../../runtime/server/store.ts';
import { folderWith } from '../support/model-server.ts';
import { externalModel } from '../support/onnx-model.ts';
import { accessKey, startS3Store, type S3Store } from '../support/s3-store.ts';

const secret = 'a secret of this test';
const before = { ...process.env };
let store: S3Store | undefined;

afterAll(() => {
  store?.child.kill('SIGKILL');
  process.env = before;
});

/** A float as a file has it. */
const fileOf = (value: number): Buffer => Buffer.from(Float32Array.of(value).buffer);

test('weights beside a model in a store are its weights, also when they have changed', async () => {
  const weights = 'limbeck/models/x/model.onnx.data';
  store = await startS3Store(secret, {
    'limbeck/models/x/model.onnx': externalModel('model.onnx.data'),
    [weights]: fileOf(1),
  });
  Object.assign(process.env, {
    ...{ AWS_ENDPOINT_URL: store.url, AWS_REGION: 'us-east-1' },
    ...{ AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secret },
  });
  const source = storeSource({ name: 'x', uri: 's3://limbeck/models/x', cacheDir: await folderWith({}) });
  const sum = async (): Promise<unknown> => {
    const fetched = await source.fetch(new AbortController().signal);
    if (!fetched.ok) throw new Error(fetched.failure.message);
    const session = await createSession({ path: fetched.artefact.path, intraOpThreads: 1, providers: ['cpu'] });
    const [y] = await session.run([{ name: 'x', datatype: 'FP32', shape: [1], data: new Float32Array(1) }], ['y']);
    await session.release();
    return y?.data[0];
  };
  expect(await sum()).toBe(1);
  expect(await sum()).toBe(1);
  await writeFile(join(store.folder, weights), fileOf(3));
  expect(await sum()).toBe(3);
});
