/** One mistake in an otherwise valid spec: every one that a schema can tell, each with the field that a refusal must name. */
import fc from 'fast-check';
import type { Schema } from '../../../crds/schema.ts';
import { keysOf, specWith, type Narrowed } from './arbitrary.ts';
import { asJson, demandedBy, textRuleOf, unionOf, type Json } from './rules.ts';

export interface Mistake {
  /** Outermost first, as the mistake is put there. */
  readonly path: readonly string[];
  readonly what: string;
  /** What stands there instead; undefined: nothing. */
  readonly value: unknown;
  /** The member that a refusal names, such as `spec.model.mlp.hidden[0]`. */
  readonly field: string;
}

export interface MistakenSpec {
  readonly spec: Json;
  readonly mistake: Mistake;
}

const fieldOf = (path: readonly string[]): string => ['spec', ...path].join('.').replaceAll(/\.(\d+)(?=\.|$)/g, '[$1]');

/** Every mistake that this part of the schema can tell. */
export function mistakesOf(schema: Schema, path: readonly string[] = []): readonly Mistake[] {
  const here = (what: string, value: unknown, at = path): Mistake => ({ path: at, what, value, field: fieldOf(at) });
  const own = path.length === 0 ? [] : ownMistakes(schema).map(([what, value]) => here(what, value));
  const needed = [...(schema.required ?? []), ...demandedBy(schema)];
  const missing = needed.map((name) => ({
    ...here('a required member is missing', undefined, [...path, name]),
    // A rule speaks of the object, a list of required members of the member.
    ...(schema.required?.includes(name) === true ? {} : { field: fieldOf(path) }),
  }));
  const unknown = schema.properties === undefined ? [] : [here('an unknown member', 1, [...path, 'misspelt'])];
  const members = Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
    mistakesOf(member, [...path, name]),
  );
  return [...own, ...missing, ...unknown, ...members, ...itemMistakes(schema, path)];
}

/** An apply speaks of an item with a key by the key: the list alone is sure to be named. */
function itemMistakes(schema: Schema, path: readonly string[]): readonly Mistake[] {
  const found = schema.items === undefined ? [] : mistakesOf(schema.items, [...path, '0']);
  return keysOf(schema) === undefined ? found : found.map((mistake) => ({ ...mistake, field: fieldOf(path) }));
}

type Wrong = readonly [what: string, value: unknown];

function ownMistakes(schema: Schema): readonly Wrong[] {
  if (schema['x-kubernetes-int-or-string'] === true)
    return [
      ['no quantity', 'lots'],
      ['wrong type', true],
      ['too little', '0'],
      ['too much', '100Pi'],
    ];
  switch (schema.type) {
    case 'integer':
      return [...bounds(schema), ['no whole number', (schema.minimum ?? 0) + 0.5], ['wrong type', 'one']];
    case 'number':
      return [...bounds(schema), ['wrong type', 'one']];
    case 'boolean':
      return [['wrong type', 'yes']];
    case 'array':
      return [['wrong type', 'one'], ...(schema.minItems === undefined ? [] : [['too few', []] as const])];
    case 'string':
      return texts(schema);
    default:
      return [['wrong type', 'one'], ...unions(schema)];
  }
}

const bounds = ({ minimum, maximum }: Schema): readonly Wrong[] => [
  ...(minimum === undefined ? [] : [['below its minimum', minimum - 1] as const]),
  ...(maximum === undefined ? [] : [['above its maximum', maximum + 1] as const]),
];

function texts(schema: Schema): readonly Wrong[] {
  const wrong: Wrong[] = [['wrong type', 7]];
  if (schema.enum !== undefined) wrong.push(['unknown word', 'Unheard-of']);
  const { matches } = textRuleOf(schema);
  const other = ['No Such Form!', '/no/such/form/'].find((value) => !matches.every((pattern) => pattern.test(value)));
  if (other !== undefined) wrong.push(['another form', other], ['nothing', '']);
  if (schema.maxLength !== undefined) wrong.push(['too long', 'a'.repeat(schema.maxLength + 1)]);
  return wrong;
}

/** No member, or two: what stands in the second does not matter, the refusal speaks of the number. */
function unions(schema: Schema): readonly Wrong[] {
  const members = unionOf(schema);
  if (members === undefined) return [];
  return [
    ['no member', {}],
    [
      'two members',
      Object.fromEntries(members.slice(0, 2).map((name) => [name, least(schema.properties?.[name] ?? {})])),
    ],
  ];
}

/** The least that a schema takes. */
function least(schema: Schema): unknown {
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'integer' || schema.type === 'number') return schema.minimum ?? 0;
  if (schema.type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => least(schema.items ?? {}));
  if (schema.type === 'string') return fc.sample(textArbitrary(schema), { numRuns: 1, seed: 1 })[0];
  return Object.fromEntries((schema.required ?? []).map((name) => [name, least(schema.properties?.[name] ?? {})]));
}

const textArbitrary = (schema: Schema): fc.Arbitrary<string> =>
  fc.stringMatching(textRuleOf(schema).matches[0] ?? /^a$/).filter((value) => value.length <= (schema.maxLength ?? 64));

/** A spec that is valid but for one mistake. */
export function mistakenSpec(schema: Schema, narrowed: Narrowed = {}): fc.Arbitrary<MistakenSpec> {
  return fc.constantFrom(...mistakesOf(schema)).chain((mistake) => specWithMistake(schema, mistake, narrowed));
}

export const specWithMistake = (schema: Schema, mistake: Mistake, narrowed: Narrowed): fc.Arbitrary<MistakenSpec> => {
  const at =
    mistake.path.at(-1) === 'misspelt' || mistake.value === undefined ? mistake.path.slice(0, -1) : mistake.path;
  return specWith(schema, at, narrowed).map((valid) => {
    const spec = replaced(valid, mistake.path, mistake.value) as Json;
    return { spec, mistake: isEmpty(spec, at) ? { ...mistake, field: fieldOf(at) } : mistake };
  });
};

/** Where an apply leaves nothing of an object, the API server makes null of it, and names the object and not what it lacks. */
const isEmpty = (spec: Json, path: readonly string[]): boolean => {
  const found = path.reduce<unknown>((value, name) => asJson(value)[name], spec);
  return path.length > 0 && typeof found === 'object' && Object.keys(asJson(found)).length === 0;
};

/** The value with something else at a path; undefined takes the member away. */
export function replaced(value: unknown, [name, ...rest]: readonly string[], other: unknown): unknown {
  if (name === undefined) return other;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (index === Number(name) ? replaced(item, rest, other) : item));
  const { [name]: member, ...others } = asJson(value);
  const next = replaced(member, rest, other);
  return next === undefined ? others : { ...others, [name]: next };
}
