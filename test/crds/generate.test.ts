import '../support/patience.ts';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { outputs, readDefinitions, readOnly, staleAmong, typeSchema } from '../../crds/generate.ts';

test('what is checked in is what is generated', async () => {
  const generated = await outputs();
  expect([...generated.keys()]).toEqual(['operator/api/generated.ts', 'docs/api.md']);
  for (const [file, text] of generated) expect(await readFile(file, 'utf8')).toBe(text);
}, 60_000);

test('a file that was edited or that is not there is stale', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'generated-'));
  await writeFile(join(folder, 'same.ts'), 'text');
  await writeFile(join(folder, 'edited.ts'), 'other text');
  const texts = new Map(['same.ts', 'edited.ts', 'gone.md'].map((file) => [file, 'text']));
  expect(await staleAmong(texts, pathToFileURL(`${folder}/`))).toEqual(['edited.ts', 'gone.md']);
  await rm(folder, { recursive: true });
});

test('the definitions come in the order of a life of a model', async () => {
  const kinds = (await readDefinitions()).map(({ spec }) => spec.names.kind);
  expect(kinds).toEqual(['TrainingJob', 'DistillationJob', 'ModelService']);
});

describe('a schema as TypeScript sees it', () => {
  test('what has a default is always there, other fields only when required', () => {
    const properties = {
      sail: { type: 'string', default: 'lug' },
      crew: { type: 'integer' },
      hull: { type: 'string' },
    } as const;
    expect(typeSchema({ type: 'object', properties, required: ['hull'] }, 'Boat')).toMatchObject({
      ...{ additionalProperties: false, required: ['sail', 'hull'] },
      properties: { crew: { type: 'integer' } },
    });
  });

  test('a union is exactly one of its members', () => {
    const properties = { oar: { type: 'object' }, sail: { type: 'object' } } as const;
    const { oneOf } = typeSchema({ type: 'object', minProperties: 1, properties }, 'Boat');
    expect(oneOf).toMatchObject([{ required: ['oar'] }, { required: ['sail'] }]);
  });

  test('a quantity is a number or a text, and bounds are the business of the API server', () => {
    expect(typeSchema({ 'x-kubernetes-int-or-string': true, description: 'Load.' }, 'Boat')).toEqual({
      ...{ description: 'Load.', type: ['integer', 'string'] },
    });
    expect(typeSchema({ type: 'string', enum: ['a'], maxLength: 1 }, 'Boat')).toEqual({ type: 'string', enum: ['a'] });
  });

  test('objects in a list have a name of their own', () => {
    const items = { type: 'object', properties: {} } as const;
    expect(typeSchema({ type: 'array', items }, 'BoatSails')).toMatchObject({ items: { title: 'BoatSail' } });
  });
});

test('nobody may write into what a cache holds', () => {
  const before =
    'export interface Boat {\n  /** Its name: text. */\n  name: string;\n  crew?: Sailor[];\n  kinds: (1 | 2)[];\n}';
  expect(readOnly(before)).toBe(
    'export interface Boat {\n  /** Its name: text. */\n  readonly name: string;\n  readonly crew?: readonly Sailor[];\n  readonly kinds: readonly (1 | 2)[];\n}',
  );
});
