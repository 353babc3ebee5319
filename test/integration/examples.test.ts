/** Every example is taken as it is, by the schema and its rules. */
import { globSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import {
  applyDefinitions,
  createNamespace,
  openRawApi,
  pathOf,
  removeNamespace,
  type Plural,
  type RawBody,
} from '../support/raw-api.ts';

const namespace = `examples-${randomUUID().slice(0, 8)}`;
const api = openRawApi();

beforeAll(async () => {
  await applyDefinitions(api);
  await createNamespace(api, namespace);
});

afterAll(async () => {
  await removeNamespace(api, namespace);
  await api.close();
});

const files = globSync('examples/{digits,training}/*.yaml').toSorted();

test('there are some of each kind', () => {
  expect(files.length).toBeGreaterThan(10);
});

test.each(files)('%s', async (file) => {
  const object = parse(readFileSync(file, 'utf8')) as RawBody & { readonly kind: string };
  const plural = `${object.kind.toLowerCase()}s` as Plural;
  const query = { fieldValidation: 'Strict', dryRun: 'All' };
  const { status, body } = await api.call(pathOf(namespace, plural), { method: 'POST', query, body: object });
  expect([status, body.message]).toEqual([201, undefined]);
});
