/** CRD schemas → docs/api.md: one table of fields for each kind, with bounds, defaults and the sentences of the rules. */
import { conditionTypes, reasons } from '../operator/api/vocabulary.ts';
import type { CustomResourceDefinition, Schema } from './schema.ts';

interface Row {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
}

function rowsOf(schema: Schema, path: string): readonly Row[] {
  const inner = schema.type === 'array' ? schema.items : schema;
  const prefix = schema.type === 'array' ? `${path}[]` : path;
  return Object.entries(inner?.properties ?? {}).flatMap(([name, field]) => {
    const at = `${prefix}.${name}`;
    return [{ path: at, schema: field, required: inner?.required?.includes(name) ?? false }, ...rowsOf(field, at)];
  });
}

const typeOf = (schema: Schema): string => {
  if (schema['x-kubernetes-int-or-string'] === true) return 'quantity';
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.type === 'array') return `list of ${schema.items?.type ?? 'values'}s`;
  return schema.minProperties === 1 ? 'one of' : (schema.type ?? '');
};

/** `each`: of every item of a list of plain values. */
const boundsOf = (schema: Schema, each = ''): readonly string[] => [
  ...[bound('≥', schema.minimum, each), bound('≤', schema.maximum, each)],
  ...[bound('≥', schema.minItems, '', ' items'), bound('≤', schema.maxItems, '', ' items')],
  bound('≤', schema['x-kubernetes-int-or-string'] === true ? undefined : schema.maxLength, each, ' characters'),
  ...(schema.items === undefined || schema.items.type === 'object' ? [] : boundsOf(schema.items, 'each ')),
];

const bound = (sign: string, value: number | undefined, each: string, unit = ''): string =>
  value === undefined ? '' : `${each}${sign} ${String(value)}${unit}`;

const boundsCell = (schema: Schema): string =>
  boundsOf(schema)
    .filter((text) => text !== '')
    .join(', ');

const defaultOf = ({ schema, required }: Row): string => {
  if (required) return 'required';
  if (schema.default === undefined) return '';
  const value = JSON.stringify(schema.default);
  return value === '{}' ? '' : `\`${value}\``;
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const tableRow = (row: Row): string =>
  `| \`${row.path}\` | ${typeOf(row.schema)} | ${boundsCell(row.schema)} | ${defaultOf(row)} | ${cell(row.schema.description ?? '')} |`;

function rulesOf(schema: Schema): readonly string[] {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({ message }) => message);
  const inner = [...Object.values(schema.properties ?? {}), ...(schema.items ? [schema.items] : [])];
  return [...new Set([...own, ...inner.flatMap(rulesOf)])];
}

function sectionOf(definition: CustomResourceDefinition): string {
  const { kind, plural, shortNames } = definition.spec.names;
  const schema = definition.spec.versions[0]?.schema.openAPIV3Schema ?? {};
  const table = (name: 'spec' | 'status', head: string): string => {
    const rows = rowsOf(schema.properties?.[name] ?? {}, name);
    return [`### ${kind} ${name}`, '', head, '| --- | --- | --- | --- | --- |', ...rows.map(tableRow)].join('\n');
  };
  const head = '| Field | Type | Bounds | Default | Meaning |';
  const rules = rulesOf(schema).map((rule) => `- ${cell(rule)}`);
  return [
    `## ${kind}`,
    `${schema.description ?? ''} (\`kubectl get ${plural}\`, or ${shortNames.map((name) => `\`${name}\``).join(', ')})`,
    table('spec', head),
    `### ${kind} rules\n\n${rules.join('\n')}`,
    table('status', head),
  ].join('\n\n');
}

const wordsTable = (title: string, head: string, words: Readonly<Record<string, string>>): string => {
  const rows = Object.entries(words).map(([word, meaning]) => `| \`${word}\` | ${cell(meaning)} |`);
  return [`## ${title}`, '', `| ${head} | Meaning |`, '| --- | --- |', ...rows].join('\n');
};

/** The reference of the three kinds, of every condition type and of every reason. */
export function apiDocs(definitions: readonly CustomResourceDefinition[]): string {
  return [
    '<!-- Generated from crds/*.yaml and operator/api/vocabulary.ts by `make generate`; never edited. -->',
    '# API reference, `limbeck.dev/v1alpha1`',
    ...definitions.map(sectionOf),
    wordsTable('Conditions', 'Condition', conditionTypes),
    wordsTable('Reasons', 'Reason', reasons),
    '',
  ].join('\n\n');
}
