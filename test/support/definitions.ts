/** A real API server that knows our kinds, with a namespace of the test file's own. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from '@jest/globals';
import { applyDefinitions, createNamespace, openRawApi, removeNamespace, type RawApi } from './raw-api.ts';

/** Set up before the tests of the file, and taken away after them. */
export function withDefinitions(prefix: string): { readonly api: RawApi; readonly namespace: string } {
  const namespace = `${prefix}-${randomUUID().slice(0, 8)}`;
  const api = openRawApi();

  beforeAll(async () => {
    await applyDefinitions(api);
    await createNamespace(api, namespace);
  });

  afterAll(async () => {
    await removeNamespace(api, namespace);
    await api.close();
  });
  return { api, namespace };
}
