import { expect, test } from '@jest/globals';
import { apiDocs } from '../../crds/docs.ts';
import { readDefinitions } from '../../crds/generate.ts';
import type { CustomResourceDefinition, Schema } from '../../crds/schema.ts';
import { conditionTypes, reasons } from '../../operator/api/vocabulary.ts';

const definitionOf = (openAPIV3Schema: Schema): CustomResourceDefinition => ({
  metadata: { name: 'boats.limbeck.dev' },
  spec: {
    group: 'limbeck.dev',
    names: { kind: 'Boat', plural: 'boats', shortNames: ['b'] },
    versions: [{ name: 'v1alpha1', additionalPrinterColumns: [], schema: { openAPIV3Schema } }],
  },
});

const spec = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): string =>
  apiDocs([definitionOf({ description: 'Floats.', properties: { spec: { type: 'object', properties, required } } })]);

test.each<[string, Schema, string]>([
  [
    'a number',
    { type: 'integer', minimum: 1, maximum: 9, default: 2, description: 'X.' },
    'integer | ≥ 1, ≤ 9 | `2` | X.',
  ],
  ['an enum', { type: 'string', enum: ['a', 'b'], description: 'X.' }, '`a`, `b` |  |  | X.'],
  ['a union', { type: 'object', minProperties: 1, description: 'X.' }, 'one of |  |  | X.'],
  ['a quantity', { 'x-kubernetes-int-or-string': true, default: '1Gi', maxLength: 20 }, 'quantity |  | `"1Gi"` | '],
  ['defaults inside', { type: 'object', default: {}, description: 'X.' }, 'object |  |  | X.'],
  ['marks of the format', { type: 'string', description: 'a|b <c>' }, 'string |  |  | a\\|b &lt;c>'],
  [
    'a list',
    { type: 'array', minItems: 1, maxItems: 3, items: { type: 'string', maxLength: 9 }, description: 'X.' },
    'list of strings | ≥ 1 items, ≤ 3 items, each ≤ 9 characters |  | X.',
  ],
])('%s is one row', (_, schema, row) => {
  expect(spec({ sail: schema })).toContain(`| \`spec.sail\` | ${row} |`);
});

test('what must be given is said, and members of lists have their own rows', () => {
  const item: Schema = {
    type: 'object',
    properties: { cloth: { type: 'string', description: 'X.' } },
    required: ['cloth'],
  };
  const text = spec({ sails: { type: 'array', items: item } }, ['sails']);
  expect(text).toContain('| `spec.sails` | list of objects |  | required |  |');
  expect(text).toContain('| `spec.sails[].cloth` | string |  | required | X. |');
});

test('every rule is told once', () => {
  const rule = { rule: 'self > 1', message: 'must have wind' };
  const schema: Schema = { type: 'integer', 'x-kubernetes-validations': [rule] };
  expect(spec({ one: schema, other: schema }).match(/must have wind/g)).toHaveLength(1);
});

test('the reference knows every kind, condition and reason', async () => {
  const text = apiDocs(await readDefinitions());
  const words = [...Object.keys(conditionTypes), ...Object.keys(reasons)];
  for (const word of words) expect(text).toContain(`| \`${word}\` |`);
  for (const kind of ['TrainingJob', 'DistillationJob', 'ModelService']) expect(text).toContain(`\n## ${kind}\n`);
});
