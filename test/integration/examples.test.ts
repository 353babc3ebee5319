/** Every example is taken as it is, by the schema and its rules. */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { withDefinitions } from '../support/definitions.ts';
import { parse } from 'yaml';
import { pathOf, type Plural, type RawBody } from '../support/raw-api.ts';

const { api, namespace } = withDefinitions('examples');

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
