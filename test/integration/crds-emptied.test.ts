/** A declaration that takes away every member that it once stated of an object, and still states it: back to the defaults. */
import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { withDefinitions } from '../support/definitions.ts';
import { least } from '../support/minimal-specs.ts';
import { changed, pathOf, type Plural, type RawAnswer } from '../support/raw-api.ts';

const { api, namespace } = withDefinitions('emptied');

/** As `kubectl apply --server-side`. */
const apply = (plural: Plural, changes: Readonly<Record<string, unknown>>, name = 'emptied'): Promise<RawAnswer> =>
  api.call(`${pathOf(namespace, plural)}/${name}`, {
    ...{ method: 'PATCH', contentType: 'application/apply-patch+yaml' },
    query: { fieldManager: 'kubectl', fieldValidation: 'Strict' },
    body: JSON.stringify(changed(least[plural], { 'metadata.name': name, ...changes })),
  });

test.each<[Plural, string, object, object]>([
  ['modelservices', 'runtime', { onnx: { instances: 2, threads: 3 } }, { onnx: {} }],
  ['modelservices', 'runtime', { onnx: { maxBatch: 7 } }, { onnx: {} }],
  ['trainingjobs', 'retry', { stallSeconds: 60, deadlineSeconds: 600 }, {}],
  ['distillationjobs', 'retry', { deadlineSeconds: 600 }, {}],
])('%s: %s of %j becomes that of %j', async (plural, member, stated, emptied) => {
  const path = `spec.${member}`;
  const fresh = await apply(plural, { [path]: emptied });
  expect(fresh.status).toBeLessThan(300);
  expect((await apply(plural, { [path]: stated })).body['spec']).toMatchObject({ [member]: stated });
  const back = await apply(plural, { [path]: emptied });
  expect([back.status, back.body['spec']]).toEqual([200, fresh.body['spec']]);
});

test.each<[Plural, string, object, object]>([
  ['distillationjobs', 'method', { response: { temperature: 2 } }, { response: {} }],
  ['trainingjobs', 'data', { stream: { window: 7 } }, { stream: {} }],
  ['trainingjobs', 'data', { columns: { missing: 'impute' } }, { columns: {} }],
])('%s: %s of %j, which cannot be changed, to that of %j is refused for that, and not for a null', async (...one) => {
  const [plural, member, stated, emptied] = one;
  const name = `frozen-${randomUUID().slice(0, 8)}`;
  const data = { source: { s3: { uri: 's3://limbeck/tables/' } }, format: 'csv' };
  const declare = (value: object): Promise<RawAnswer> =>
    apply(plural, { [`spec.${member}`]: member === 'data' ? { ...data, ...value } : value }, name);
  expect((await declare(stated)).status).toBe(201);
  const { status, body } = await declare(emptied);
  expect([status, body['message']]).toEqual([422, expect.stringContaining('cannot be changed')]);
  expect(body['message']).not.toContain('null');
});
