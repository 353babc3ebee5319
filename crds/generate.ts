/**
 * CRD YAML → operator/api/generated.ts and docs/api.md. `--check` writes nothing and fails when either is stale.
 * A schema object with `minProperties: 1` is a one-of union by the house's convention; fields with defaults are required in the types,
 * because the API server fills them in before anyone reads.
 */
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { format, resolveConfig } from 'prettier';
import { parse } from 'yaml';
import { apiDocs } from './docs.ts';
import type { CustomResourceDefinition, Schema } from './schema.ts';

const root = new URL('../', import.meta.url);
const banner = '/** Generated from crds/*.yaml by `make generate`; never edited. */';

/** The three definitions, in the order of a model's life. */
export async function readDefinitions(): Promise<readonly CustomResourceDefinition[]> {
  const folder = new URL('crds/', root);
  const files = (await readdir(folder)).filter((file) => file.endsWith('.yaml')).sort();
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, folder), 'utf8')));
  const order = ['TrainingJob', 'DistillationJob', 'ModelService'];
  return texts
    .map((text) => parse(text) as CustomResourceDefinition)
    .sort((one, other) => order.indexOf(one.spec.names.kind) - order.indexOf(other.spec.names.kind));
}

/** An OpenAPI v3 schema as the API server means it → JSON Schema as TypeScript should see it. `name`: for members of lists. */
export function typeSchema(schema: Schema, name: string): JSONSchema {
  const description = schema.description === undefined ? {} : { description: schema.description };
  if (schema['x-kubernetes-int-or-string'] === true) return { ...description, type: ['integer', 'string'] };
  if (schema.type === 'array') return { ...description, type: 'array', items: itemSchema(schema.items ?? {}, name) };
  if (schema.type !== 'object')
    return { ...description, type: schema.type ?? 'object', ...(schema.enum && { enum: [...schema.enum] }) };
  if (schema.minProperties === 1) return { ...description, oneOf: unionMembers(schema, name) };
  return { ...description, ...objectSchema(schema, name) };
}

/** Objects in lists get a name of their own, such as TrainingJobGate. */
const itemSchema = (schema: Schema, name: string): JSONSchema => {
  const items = typeSchema(schema, name);
  return schema.type === 'object' ? { ...items, title: name.replace(/s$/, '') } : items;
};

const kindOf = (name: string): string => name.replace(/(Job|Service).*$/, '$1');
const nameWithin = (name: string, field: string): string =>
  `${kindOf(name)}${field.charAt(0).toUpperCase()}${field.slice(1)}`;

function objectSchema(schema: Schema, name: string): JSONSchema {
  const entries = Object.entries(schema.properties ?? {});
  const always = entries.filter(([key, field]) => schema.required?.includes(key) === true || 'default' in field);
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(entries.map(([key, field]) => [key, typeSchema(field, nameWithin(name, key))])),
    required: always.map(([key]) => key),
  };
}

const unionMembers = (schema: Schema, name: string): JSONSchema[] =>
  Object.entries(schema.properties ?? {}).map(([key, field]) => ({
    type: 'object',
    additionalProperties: false,
    properties: { [key]: typeSchema(field, nameWithin(name, key)) },
    required: [key],
  }));

async function typesOf(definition: CustomResourceDefinition): Promise<string> {
  const { kind } = definition.spec.names;
  const schema = definition.spec.versions[0]?.schema.openAPIV3Schema.properties;
  const part = async (name: 'Spec' | 'Status', of: Schema | undefined): Promise<string> =>
    compile({ ...typeSchema(of ?? {}, kind), title: `${kind}${name}` }, `${kind}${name}`, {
      bannerComment: '',
      format: false,
      ignoreMinAndMaxItems: true,
    });
  return `${await part('Spec', schema?.spec)}\n${await part('Status', schema?.status)}`;
}

/** Every property becomes read-only and every array a read-only array: nobody writes into what a cache holds. */
export const readOnly = (types: string): string =>
  types
    .replaceAll(/^(\s*)(?!\*|\/|export|readonly)("?[A-Za-z0-9]+"?\??:)/gm, '$1readonly $2')
    .replaceAll(/(\([^()]*\)|\b[A-Za-z]+)\[\]/g, 'readonly $1[]');

/** File name → text, formatted as the repository is. */
export async function outputs(): Promise<ReadonlyMap<string, string>> {
  const definitions = await readDefinitions();
  const types = [banner, ...(await Promise.all(definitions.map(typesOf)))].join('\n\n');
  const options = (await resolveConfig(new URL('package.json', root))) ?? {};
  const pretty = (text: string, parser: 'typescript' | 'markdown'): Promise<string> =>
    format(text, { ...options, parser });
  return new Map([
    ['operator/api/generated.ts', await pretty(readOnly(types), 'typescript')],
    ['docs/api.md', await pretty(apiDocs(definitions), 'markdown')],
  ]);
}

/** Which of these files do not hold these texts. */
export async function staleAmong(texts: ReadonlyMap<string, string>, folder: URL): Promise<readonly string[]> {
  const held = await Promise.all(
    [...texts.keys()].map((file) => readFile(new URL(file, folder), 'utf8').catch(() => '')),
  );
  return [...texts].filter(([, text], index) => held[index] !== text).map(([file]) => file);
}

async function main(check: boolean): Promise<void> {
  const texts = await outputs();
  const stale = await staleAmong(texts, root);
  if (!check) await Promise.all(stale.map((file) => writeFile(new URL(file, root), texts.get(file) ?? '')));
  else if (stale.length > 0) {
    process.stderr.write(`${stale.join(' and ')} stale: run make generate\n`);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(process.argv.includes('--check'));
