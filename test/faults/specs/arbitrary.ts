/** Specs at random, from the schemas of the CRDs: valid ones, and ones with a single known mistake. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { parse } from 'yaml';
import type { CustomResourceDefinition, Schema } from '../../../crds/schema.ts';
import { variantsOf } from './variants.ts';
import { broken, brokenHere, demandedBy, filled, rulesOf, textRuleOf, unionOf, type Json } from './rules.ts';

export type Plural = 'trainingjobs' | 'distillationjobs' | 'modelservices';

/** Narrower generators by dotted path, such as `scaling.maxReplicas`. */
export type Narrowed = Readonly<Record<string, fc.Arbitrary<unknown>>>;

/** The schema of `spec`, by the definitions of this folder. */
export function specSchema(plural: Plural, folder = 'crds'): Schema {
  const definition = parse(readFileSync(`${folder}/${plural}.yaml`, 'utf8')) as CustomResourceDefinition;
  const spec = definition.spec.versions[0]?.schema.openAPIV3Schema.properties?.['spec'];
  if (spec === undefined) throw new Error(`${folder}/${plural}.yaml has no spec`);
  return spec;
}

interface Context {
  readonly path: readonly string[];
  /** Members that must be there, outermost first: a mistake is put at their end. */
  readonly forced: readonly string[];
  readonly narrowed: Narrowed;
  /** Rules across fields are kept where they stand: were the whole spec tried again, few would ever be found. */
  readonly lawful: boolean;
}

const into = ({ path, forced, ...rest }: Context, name: string): Context => ({
  ...rest,
  path: [...path, name],
  forced: forced[0] === name ? forced.slice(1) : [],
});

/** A valid spec. */
export const validSpec = (schema: Schema, narrowed: Narrowed = {}): fc.Arbitrary<Json> =>
  specWith(schema, [], narrowed);

/** A spec whose every field is valid by itself, while a rule across fields is broken. */
export const contradictorySpec = (schema: Schema, narrowed: Narrowed = {}): fc.Arbitrary<Json> =>
  (arbitraryOf(schema, { path: [], forced: [], narrowed, lawful: false }) as fc.Arbitrary<Json>).filter(
    (spec) => broken(schema, filled(schema, spec)).length > 0,
  );

/** A valid spec in which a field is present, whatever else it holds. */
export const specWith = (schema: Schema, forced: readonly string[], narrowed: Narrowed): fc.Arbitrary<Json> =>
  fc.oneof(
    ...variantsOf(schema, forced).map((each) => arbitraryOf(each, { path: [], forced, narrowed, lawful: true })),
  ) as fc.Arbitrary<Json>;

function arbitraryOf(schema: Schema, context: Context): fc.Arbitrary<unknown> {
  const any = freely(schema, context);
  const isLawful = (value: unknown): boolean => brokenHere(schema, filled(schema, value)).length === 0;
  return context.lawful && rulesOf(schema).length > 0 ? any.filter(isLawful) : any;
}

function freely(schema: Schema, context: Context): fc.Arbitrary<unknown> {
  const { path, narrowed, forced } = context;
  const special = narrowed[path.join('.')];
  // What is forced must be there, so that the generator of a whole union does not count.
  if (special !== undefined && forced.length === 0) return special;
  if (schema['x-kubernetes-int-or-string'] === true) return quantity(path.at(-1) ?? '');
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch (schema.type) {
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 2 ** 31 - 1 });
    case 'number':
      return fc.double({ min: schema.minimum ?? 0, max: schema.maximum ?? 1e6, noNaN: true });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return list(schema, context);
    case 'string':
      return text(schema);
    default:
      return object(schema, context);
  }
}

/** By the rules of cpu and memory, whose patterns and bounds CEL checks together. */
function quantity(resource: string): fc.Arbitrary<string | number> {
  if (resource === 'cpu')
    return fc.oneof(
      fc.integer({ min: 1, max: 1024 }),
      fc.integer({ min: 1, max: 1024 }).map(String),
      fc.integer({ min: 1, max: 1_024_000 }).map((milli) => `${String(milli)}m`),
      fc.integer({ min: 1, max: 9999 }).map((milli) => (milli / 1000).toFixed(3)),
    );
  const whole = fc.integer({ min: 16, max: 60_000 });
  return fc
    .oneof(
      fc.integer({ min: 2 ** 24, max: 2 ** 31 - 1 }),
      fc.tuple(whole, fc.constantFrom('Mi', 'Gi')).map(([count, unit]) => `${String(count)}${unit}`),
      fc.tuple(whole, fc.constantFrom('G')).map(([count, unit]) => `${String(count)}${unit}`),
      fc.integer({ min: 1, max: 60 }).map((count) => `${String(count)}Ti`),
      fc.tuple(whole, fc.integer({ min: 0, max: 999 })).map(([count, part]) => `${String(count)}.${String(part)}Gi`),
      fc
        .tuple(whole, fc.integer({ min: 0, max: 999 }))
        .map(([count, part]) => `${String(count * 1e6)}.${String(part)}`),
    )
    .filter((value) => typeof value === 'number' || !value.startsWith('16000000.'));
}

/** To read a pattern takes long, and each schema is looked at for every mistake. */
const texts = new WeakMap<Schema, fc.Arbitrary<string>>();

function text(schema: Schema): fc.Arbitrary<string> {
  const known = texts.get(schema) ?? newText(schema);
  texts.set(schema, known);
  return known;
}

function newText(schema: Schema): fc.Arbitrary<string> {
  const { matches, avoids } = textRuleOf(schema);
  const [first] = matches;
  const plain = first === undefined ? fc.string({ minLength: 1 }) : fc.stringMatching(first, { size: 'small' });
  // The generator of fast-check knows ASCII alone; what takes more is found by trying.
  const wide = fc
    .tuple(plain, fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }))
    .map(([head, tail]) => head + tail);
  const takesMore = first?.test('s3://abc/\u00e9') === true;
  return (takesMore ? fc.oneof(plain, wide) : plain).filter(
    (value) =>
      value.length <= (schema.maxLength ?? Infinity) &&
      value.isWellFormed() &&
      matches.every((pattern) => pattern.test(value)) &&
      !avoids.some((pattern) => pattern.test(value)),
  );
}

/** What tells the items of a list apart: some of their members, or, of a set, all that they are; undefined: their place. */
export function keysOf(schema: Schema): readonly string[] | undefined {
  const { 'x-kubernetes-list-map-keys': keys, 'x-kubernetes-list-type': type } = schema as {
    readonly 'x-kubernetes-list-map-keys'?: readonly string[];
    readonly 'x-kubernetes-list-type'?: string;
  };
  return keys ?? (type === 'set' ? [] : undefined);
}

function list(schema: Schema, context: Context): fc.Arbitrary<unknown> {
  const { items = {} } = schema;
  const isForced = context.forced.length > 0;
  const bounds = {
    minLength: Math.max(schema.minItems ?? 0, isForced ? 1 : 0),
    maxLength: Math.min(schema.maxItems ?? 3, 3),
  };
  const item = arbitraryOf(items, into(context, '0'));
  const keys = keysOf(schema);
  if (keys === undefined) return fc.array(item, bounds);
  const selector = (value: unknown): string =>
    keys.length === 0 ? JSON.stringify(value) : keys.map((key) => String((value as Json)[key])).join();
  return fc.uniqueArray(item, { ...bounds, selector });
}

function object(schema: Schema, context: Context): fc.Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema;
  const members = Object.entries(properties).map(
    ([name, member]) => [name, arbitraryOf(member, into(context, name))] as const,
  );
  const [wanted] = context.forced;
  const union = unionOf(schema);
  if (union !== undefined) {
    const chosen = members.filter(([name]) => union.includes(name) && (wanted === undefined || wanted === name));
    return fc.oneof(...chosen.map(([name, member]) => member.map((value) => ({ [name]: value }))));
  }
  const requiredKeys = [...required, ...demandedBy(schema), ...(wanted === undefined ? [] : [wanted])];
  return fc.record(Object.fromEntries(members), { requiredKeys, noNullPrototype: true });
}
