/**
 * An upgrade brings new definitions of the kinds, with which the API server reads what was stored by the former ones: it
 * drops what they do not know and adds their defaults. The way back brings the former ones again. No pod may have to be
 * another one for that, and no revision: every replica would be replaced, and every attempt that follows would be told what
 * nobody chose. So what is new has no default in a definition; the operator knows what its absence means. Needs no API server.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import type { Schema } from '../../crds/schema.ts';
import { least } from '../support/minimal-specs.ts';
import { madeOf, reconcilersIn, type Made, type Reconcilers } from './making.ts';
import { unpacked } from './released.ts';
import type { Rooted, Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';
import { specSchema } from './specs/arbitrary.ts';
import { filled, pruned } from './specs/rules.ts';

type Schemas = Readonly<Record<string, Schema>>;

interface Release {
  readonly schemas: Schemas;
  readonly reconcilers: Reconcilers;
}

async function releaseIn(folder: string): Promise<Release> {
  const schemaOf = (plural: Parameters<typeof specSchema>[0]): Schema => specSchema(plural, `${folder}/crds`);
  const schemas = {
    ...{ TrainingJob: schemaOf('trainingjobs'), DistillationJob: schemaOf('distillationjobs') },
    ModelService: schemaOf('modelservices'),
  };
  return { schemas, reconcilers: await reconcilersIn(folder) };
}

const former = await releaseIn(await unpacked());
const present = await releaseIn(resolve('.'));

/** As an API server stores what it is given, and reads what it has stored. */
function readBy(schemas: Schemas, object: Rooted): Rooted {
  const schema = schemas[object.kind]!;
  return { ...object, spec: filled(schema, pruned(schema, object.spec)) as object };
}

const filesOf = (folder: string): readonly string[] =>
  readdirSync(folder).flatMap((file) => (file.endsWith('.yaml') ? [`${folder}/${file}`] : []));

/** What the user declares in a life, one after the other. */
function declaredIn({ object, changes, maker }: Scenario): readonly Rooted[] {
  const declared = [object];
  for (const change of changes) declared.push({ ...object, spec: change(declared.at(-1)!.spec) });
  return maker === undefined ? declared : [...declared, { ...maker, status: {} }];
}

type Named = readonly [what: string, object: Rooted];

const declared: readonly Named[] = [
  ...['examples/digits', 'examples/training'].flatMap(filesOf).map((file): Named => {
    return [file, parse(readFileSync(file, 'utf8')) as Rooted];
  }),
  ...Object.entries(least).map(([plural, object]): Named => [`the least of ${plural}`, object as Rooted]),
  ...scenarios.flatMap((life) =>
    declaredIn(life).map((object, index): Named => [`${life.name}, ${String(index + 1)}`, object]),
  ),
];

/** What makes use of something newer was never stored by the former definitions, and cannot go back to them as it is. */
const isKnown = ([, { kind, spec }]: Named): boolean => isDeepStrictEqual(pruned(former.schemas[kind]!, spec), spec);
const known = declared.filter(isKnown);

const revisionsOf = (made: readonly Made[]) => made.map(({ revision }) => revision);

/** By each release, of each of the forms that an object has on its way to these definitions and back. */
function wayOf(object: Rooted, schemas: Schemas) {
  const stored = readBy(former.schemas, object);
  const upgraded = readBy(schemas, stored);
  const back = readBy(former.schemas, upgraded);
  const [before, after] = [stored, upgraded].map((form) => madeOf(form, present.reconcilers));
  const [first, last] = [stored, back].map((form) => madeOf(form, former.reconcilers));
  return { before: before!, after: after!, first: first!, last: last! };
}

const isSuspended = ({ spec }: Rooted): boolean => (spec as { readonly suspend?: boolean }).suspend === true;

describe('the pods stay as they are when the definitions change', () => {
  test.each(known)('of %s', (_, object) => {
    const { before, after, first, last } = wayOf(object, present.schemas);
    expect(before).toHaveLength(isSuspended(object) ? 0 : 1);
    expect(after).toEqual(before);
    expect(last).toEqual(first);
    expect(revisionsOf(after)).toEqual(revisionsOf(first));
  });

  test('and of each kind there are some to compare', () => {
    expect([...new Set(known.map(([, { kind }]) => kind))].sort()).toEqual(Object.keys(present.schemas).sort());
    expect(known.length).toBeGreaterThan(declared.length / 2);
  });
});

/** The schema with another member. */
function withMember(schema: Schema, [name = '', ...rest]: readonly string[], member: Schema): Schema {
  const { properties = {} } = schema;
  const inner = rest.length === 0 ? member : withMember(properties[name]!, rest, member);
  return { ...schema, properties: { ...properties, [name]: inner } };
}

/** Of the least of a kind, with a new field that has a default. */
function wayWith(path: string, plural: keyof typeof least) {
  const object = least[plural] as Rooted;
  const schema = withMember(present.schemas[object.kind]!, path.split('.'), { type: 'integer', default: 7 });
  return wayOf(object, { ...present.schemas, [object.kind]: schema });
}

describe('a new default would be found', () => {
  test.each(['runtime.onnx.invented', 'runtime.invented', 'placement.invented', 'placement.resources.limits.invented'])(
    'of spec.%s, for which services roll forth and back',
    (path) => {
      const { before, after, first, last } = wayWith(path, 'modelservices');
      expect(revisionsOf(after)).not.toEqual(revisionsOf(before));
      expect(revisionsOf(after)).not.toEqual(revisionsOf(last));
      expect(last).toEqual(first);
    },
  );

  test.each([
    ['trainingjobs', 'optimization.invented'],
    ['trainingjobs', 'data.split.invented'],
    ['distillationjobs', 'optimization.invented'],
    ['distillationjobs', 'checkpoint.invented'],
  ] as const)('of %s, of spec.%s, which the next attempt is told', (plural, path) => {
    const { before, after } = wayWith(path, plural);
    expect(after).not.toEqual(before);
  });

  test.each([
    ['modelservices', 'scaling.invented'],
    ['trainingjobs', 'retry.invented'],
  ] as const)('unless no pod is of it: of %s, of spec.%s', (plural, path) => {
    const { before, after } = wayWith(path, plural);
    expect(after).toEqual(before);
  });
});
