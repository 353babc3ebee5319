import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { readDefinitions } from '../../crds/generate.ts';
import type { CustomResourceDefinition, Schema } from '../../crds/schema.ts';

const definitions = await readDefinitions();
const rootOf = (definition: CustomResourceDefinition): Schema =>
  definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
const kinds = definitions.map((definition) => [definition.spec.names.kind, definition] as const);

interface Field {
  readonly path: string;
  readonly schema: Schema;
}

function fieldsOf(schema: Schema, path: string): readonly Field[] {
  const members = Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
    fieldsOf(member, `${path}.${name}`),
  );
  const items = schema.items === undefined ? [] : fieldsOf(schema.items, `${path}[]`);
  return [{ path, schema }, ...members, ...items];
}

const fields = definitions.flatMap((definition) => fieldsOf(rootOf(definition), definition.spec.names.kind));
const wrong = (isWrong: (field: Field) => boolean): readonly string[] => fields.filter(isWrong).map(({ path }) => path);
const isQuantity = (schema: Schema): boolean => schema['x-kubernetes-int-or-string'] === true;
const rulesOf = (schema: Schema): readonly { readonly rule: string; readonly message: string }[] =>
  schema['x-kubernetes-validations'] ?? [];

test('every field says in one sentence what it is', () => {
  expect(
    wrong(({ path, schema }) => !path.endsWith('.metadata') && !/^[A-Z0-9].*\.$/.test(schema.description ?? '')),
  ).toEqual([]);
});

describe('nothing is without bounds', () => {
  const own = ['.metadata.name', '.apiVersion', '.kind'];

  test('texts', () => {
    const free = ({ path, schema }: Field): boolean =>
      schema.type === 'string' &&
      schema.enum === undefined &&
      !own.some((end) => path.endsWith(end)) &&
      !isDate(schema);
    expect(wrong((field) => free(field) && field.schema.maxLength === undefined)).toEqual([]);
  });

  test('lists', () => {
    expect(wrong(({ schema }) => schema.type === 'array' && schema.maxItems === undefined)).toEqual([]);
  });

  test('numbers of the spec', () => {
    const isNumber = ({ path, schema }: Field): boolean =>
      path.includes('.spec') && (schema.type === 'integer' || schema.type === 'number');
    const unbounded = ({ minimum, maximum }: Schema): boolean => minimum === undefined || maximum === undefined;
    // A bound that is a fraction is said by a rule, because the API server rounds it in its own sentence.
    expect(wrong((field) => isNumber(field) && unbounded(field.schema) && rulesOf(field.schema).length === 0)).toEqual(
      [],
    );
  });

  test('quantities', () => {
    expect(wrong(({ schema }) => isQuantity(schema) && rulesOf(schema).length === 0)).toEqual([]);
    expect(wrong(({ schema }) => isQuantity(schema) && schema.maxLength === undefined)).toEqual([]);
  });
});

const isDate = (schema: Schema): boolean => 'format' in schema && schema.format === 'date-time';

test('no pattern is without a sentence: the API server would answer with the pattern alone', () => {
  expect(wrong(({ schema }) => schema.pattern !== undefined)).toEqual([]);
  expect(wrong(({ schema }) => rulesOf(schema).some(({ message }) => message.length < 20))).toEqual([]);
});

test('a union says which members it has', () => {
  const unions = fields.filter(({ schema }) => schema.minProperties === 1);
  expect(unions.length).toBeGreaterThan(5);
  for (const { schema } of unions) {
    const sentences = rulesOf(schema)
      .map(({ message }) => message)
      .join('\n');
    for (const member of Object.keys(schema.properties ?? {})) expect(sentences).toContain(member);
  }
});

// A server-side apply that takes away every member of a granular object leaves null of it, which is no object. But what
// goes as one conflicts between two managers who state the same without its defaults.
test('an object that may be stated empty, and has no default, goes as one', () => {
  const mayBeEmpty = ({ path, schema }: Field): boolean =>
    path.includes('.spec.') &&
    schema.type === 'object' &&
    Object.keys(schema.properties ?? {}).length > 0 &&
    (schema.required ?? []).length === 0 &&
    schema.minProperties === undefined &&
    schema.default === undefined &&
    !rulesOf(schema).some(({ message }) => message.startsWith('exactly one'));
  const whole = fields.filter(({ schema }) => schema['x-kubernetes-map-type'] === 'atomic').map(({ path }) => path);
  const isWithin = (path: string): boolean => whole.some((outer) => `${path}.`.startsWith(`${outer}.`));
  const found = fields.filter(mayBeEmpty).map(({ path }) => path);
  expect(found).toContain('TrainingJob.spec.data.stream');
  expect(found.filter((path) => !isWithin(path))).toEqual([]);
});

test.each(['TrainingJob', 'DistillationJob'])('every field of a %s but those that may change is frozen', (kind) => {
  const frozen = fields.filter(({ schema }) => rulesOf(schema).some(({ rule }) => rule === 'self == oldSelf'));
  const isFrozen = (path: string): boolean => frozen.some((field) => `${path}.`.startsWith(`${field.path}.`));
  const leaves = fields.filter(
    ({ path, schema }) => path.startsWith(`${kind}.spec.`) && schema.properties === undefined,
  );
  const free = leaves.filter(({ path }) => !isFrozen(path.replaceAll('[]', '')));
  expect(free.map(({ path }) => path)).toEqual(
    ['retry.stallSeconds', 'retry.deadlineSeconds', 'ttlSecondsAfterFinished', 'suspend'].map(
      (field) => `${kind}.spec.${field}`,
    ),
  );
});

test.each(kinds)('the columns of %s show fields that there are', (kind, definition) => {
  const paths = new Set(fields.map(({ path }) => path));
  for (const { jsonPath, description } of definition.spec.versions[0]?.additionalPrinterColumns ?? []) {
    const path = jsonPath.replace(/\[\?.*\]/, '[]');
    expect(path === '.metadata.creationTimestamp' || paths.has(`${kind}${path}`)).toBe(true);
    expect(description).not.toBe('');
  }
});

/** As `kubectl apply` has it: fields that the schema does not know are refused. */
const closed = (schema: Schema): object => ({
  ...schema,
  ...(schema.items === undefined ? {} : { items: closed(schema.items) }),
  ...(schema.properties === undefined ? {} : { additionalProperties: false, properties: closedMembers(schema) }),
});
const closedMembers = (schema: Schema): object =>
  Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, member]) => [name, closed(member)]));

test.each([
  ['teacher', 'TrainingJob'],
  ['student', 'DistillationJob'],
  ['service', 'ModelService'],
])('the example %s keeps the schema of a %s', async (file, kind) => {
  const example = parse(await readFile(`examples/digits/${file}.yaml`, 'utf8')) as { kind: string; spec: unknown };
  expect(example.kind).toBe(kind);
  const definition = definitions.find(({ spec }) => spec.names.kind === kind);
  const spec = definition === undefined ? undefined : rootOf(definition).properties?.['spec'];
  const check = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(closed(spec ?? {}));
  check(example.spec);
  expect(check.errors).toBeNull();
});
