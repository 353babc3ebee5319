/** The CEL rules of a schema, as far as a generator must keep them: unions and texts are read, rules across fields are told again here. */
import type { Schema } from '../../../crds/schema.ts';
import { asJson, gatesOf, hasFormat, isIn, number, type Check, type CrossRule, type Json } from './looks.ts';
import { customRules, languageRules } from './model-rules.ts';

export { asJson, type Json };

export interface Rule {
  readonly rule: string;
  readonly message: string;
}

export const rulesOf = (schema: Schema): readonly Rule[] => schema['x-kubernetes-validations'] ?? [];

/** The object without some of its members. */
export const without = (value: Json, ...names: readonly string[]): Json =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.includes(name)));

/** Names of the members of which exactly one is to be given; undefined where the object is no union. */
export function unionOf(schema: Schema): readonly string[] | undefined {
  const rule = rulesOf(schema).find((each) => each.rule.includes('filter(chosen, chosen)'));
  return rule && [...rule.rule.matchAll(/has\(self\.(\w+)\)/g)].map(([, member = '']) => member);
}

/** Members that a rule of its own asks for, such as the one runtime that there is. */
export const demandedBy = (schema: Schema): readonly string[] =>
  rulesOf(schema).flatMap(({ rule }) => /^has\(self\.(\w+)\)$/.exec(rule)?.[1] ?? []);

/** What CEL says of a text: patterns to match, patterns and parts that must not occur. */
export interface TextRule {
  readonly matches: readonly RegExp[];
  readonly avoids: readonly RegExp[];
}

export function textRuleOf(schema: Schema): TextRule {
  const text = rulesOf(schema)
    .map(({ rule }) => rule)
    .join(' && ');
  const patterns = [...text.matchAll(/(!?)self\.matches\((r?)'([^']*)'\)/g)];
  const pattern = (not: string): readonly RegExp[] =>
    patterns.filter(([, sign]) => sign === not).map(([, , , source = '']) => new RegExp(source, 'u'));
  const parts = [...text.matchAll(/!self\.contains\('([^']*)'\)/g)].map(([, part = '']) => part);
  // A path is also looked at part by part.
  const dots = text.includes("part == '..'") ? [/(^|\/)\.\.?(\/|$)/u] : [];
  const literal = parts.map((part) => new RegExp(part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`), 'u'));
  return { matches: pattern(''), avoids: [...pattern('!'), ...dots, ...literal] };
}

const numbers = (value: unknown): readonly number[] => (Array.isArray(value) ? value.map(Number) : []);
const squares = (self: unknown): number => numbers(self).reduce((sum, each) => sum + each * each, 0);
const factors: Readonly<Record<string, number>> = {
  ...{ '': 1, m: 0.001, k: 1e3, M: 1e6, G: 1e9, T: 1e12 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 },
};

/** A Kubernetes quantity as a number. */
export function quantityOf(value: unknown): number {
  const [, digits = '', unit = ''] = /^([0-9.]+)(\w*)$/.exec(String(value)) ?? [];
  return Number(digits) * (factors[unit] ?? Number.NaN);
}

const fitsLimit =
  (what: string): Check =>
  ({ placement }) => {
    const { requests, limits } = asJson(asJson(placement)['resources']);
    const [least, most] = [asJson(requests)[what], asJson(limits)[what]];
    return least === undefined || most === undefined || quantityOf(least) <= quantityOf(most);
  };

const less = ['logLoss', 'calibrationError', 'mae', 'rmse', 'perplexity'];
const ofRegression = ['mae', 'rmse', 'r2'];
const ofClasses = ['precision', 'recall', 'f1'];
const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
/** Of data: what goes with which source and format. */
const dataRules: readonly CrossRule[] = [
  [
    'a builtin data set',
    (data) =>
      !('builtin' in asJson(data['source'])) ||
      !['format', 'columns', 'labels', 'image', 'stream'].some((name) => name in data),
  ],
  [
    'stream needs a folder',
    ({ stream, source }) => {
      const { pvc, hf, s3 } = asJson(source);
      return stream === undefined || (pvc ?? hf) !== undefined || String(asJson(s3)['uri']).endsWith('/');
    },
  ],
  ['exactly one of uri, a folder', (hf) => 'uri' in hf !== 'mirror' in hf],
  ['columns are what csv', (data) => !('columns' in data) || !hasFormat(data, 'npz', 'images')],
  ['image is for the format', (data) => !('image' in data) || !('format' in data) || hasFormat(data, 'images')],
  [
    'features must not list the target',
    ({ features, target }) => typeof target !== 'string' || !texts(features).includes(target),
  ],
  [
    'categorical must list only',
    ({ features, categorical }) =>
      features === undefined || texts(categorical).every((column) => texts(features).includes(column)),
  ],
];

/** Rules across fields by the beginning of their message; `self` has its defaults. */
const crossRules: readonly CrossRule[] = [
  ...dataRules,
  ...languageRules,
  ...customRules,
  [
    'scaling.minReplicas must',
    ({ scaling: s }) => number(asJson(s)['minReplicas']) <= number(asJson(s)['maxReplicas']),
  ],
  [
    'scaling.target.inFlight must',
    ({ scaling: s }) => number(asJson(asJson(s)['target'])['inFlight']) <= number(asJson(s)['maxInFlightPerReplica']),
  ],
  ['requests.cpu must', fitsLimit('cpu')],
  ['requests.memory must', fitsLimit('memory')],
  ['requests.ephemeral-storage must', fitsLimit('ephemeral-storage')],
  [
    'instances times threads',
    ({ instances, threads }) =>
      instances === undefined || threads === undefined || number(instances) * number(threads) <= 256,
  ],
  [
    'distribution.workers times processesPerWorker',
    ({ distribution, optimization }) => {
      const { workers, processesPerWorker } = asJson(distribution);
      return number(workers) * number(processesPerWorker) <= number(asJson(optimization)['batchSize']);
    },
  ],
  ['digits has classes', ({ task, data }) => task !== 'regression' || !('builtin' in asJson(asJson(data)['source']))],
  ['labels are of classes', ({ task, data }) => task !== 'regression' || !('labels' in asJson(data))],
  ['the folders of images', ({ task, data }) => task !== 'regression' || !hasFormat(asJson(data), 'images')],
  [
    'precision float16 needs a GPU',
    ({ optimization, placement }) =>
      asJson(optimization)['precision'] !== 'float16' ||
      !JSON.stringify(asJson(placement)['gpuProfiles'] ?? []).includes('"cpu"'),
  ],
  [
    'precision float16 does not go',
    ({ optimization, distribution }) =>
      asJson(optimization)['precision'] !== 'float16' || asJson(distribution)['strategy'] !== 'fsdp',
  ],
  [
    'earlyStopping watches',
    ({ optimization, data }) =>
      asJson(optimization)['earlyStopping'] === undefined || number(asJson(asJson(data)['split'])['validation']) > 0,
  ],
  [
    'a gate on gainOverControl',
    ({ control, evaluation }) =>
      control === true || !JSON.stringify(asJson(evaluation)['gates'] ?? []).includes('gainOverControl'),
  ],
  [
    'split.validation and split.test',
    ({ split }) => number(asJson(split)['validation']) + number(asJson(split)['test']) < 1,
  ],
  [
    'atLeast must lie',
    ({ metric, atLeast }) => atLeast === undefined || metric === 'gainOverControl' || number(atLeast) >= 0,
  ],
  [
    'at most one gate may be given',
    (gates) => {
      const names = Object.values(gates).map((gate) => JSON.stringify([asJson(gate)['metric'], asJson(gate)['class']]));
      return new Set(names).size === names.length;
    },
  ],
  ['exactly one of atLeast or atMost', (gate) => 'atLeast' in gate !== 'atMost' in gate],
  ['logLoss, calibrationError', (gate) => !('atLeast' in gate) || !isIn(less, gate)],
  ['logLoss and calibrationError', (gate) => !('atLeast' in gate) || !isIn(less, gate)],
  ['atMost is for', (gate) => !('atMost' in gate) || isIn(less, gate)],
  [
    'calibrationError lies',
    ({ metric, atMost }) => metric !== 'calibrationError' || atMost === undefined || number(atMost) <= 1,
  ],
  ['class is for', (gate) => !('class' in gate) || isIn(ofClasses, gate)],
  [
    'mae, rmse and r2 are measured',
    (spec) =>
      spec['task'] !== 'classification' || !gatesOf(spec).some((gate) => isIn([...ofRegression, 'perplexity'], gate)),
  ],
  [
    'of a regression mae',
    (spec) => spec['task'] !== 'regression' || gatesOf(spec).every((gate) => isIn(ofRegression, gate)),
  ],
  ['these layers are too wide', (self) => squares(self) <= 268435456],
  ['these convolutions are too wide', (self) => squares(self) <= 16777216],
  [
    'the fully connected layer is too large',
    ({ channels, hidden }) => (numbers(channels).at(-1) ?? 0) * number(hidden) <= 16777216,
  ],
];

const checkOf = ({ message }: Rule): Check | undefined =>
  crossRules.find(([beginning]) => message.startsWith(beginning))?.[1];

/** Rules that a generator obeys by construction. */
const isByConstruction = ({ rule }: Rule): boolean =>
  /filter\(chosen|^has\(self\.\w+\)$|self\.matches\(|string\(self\)\.matches|^self == oldSelf$|^self >= [\d.]+$/.test(
    rule,
  );

/** Messages of rules that nothing here knows: the generator would make what is refused. */
export const unknownRules = (schema: Schema): readonly string[] => [
  ...rulesOf(schema)
    .filter((rule) => !isByConstruction(rule) && checkOf(rule) === undefined)
    .map(({ message }) => message),
  ...Object.values(schema.properties ?? {}).flatMap(unknownRules),
  ...(schema.items === undefined ? [] : unknownRules(schema.items)),
];

/** The value without what the schema does not know, which the API server drops. */
export function pruned(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => (schema.items ? pruned(schema.items, item) : item));
  const { properties } = schema;
  if (properties === undefined) return value;
  const known = Object.entries(asJson(value)).flatMap(([name, stated]) => {
    const member = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return member === undefined ? [] : [[name, pruned(member, stated)] as const];
  });
  return Object.fromEntries(known);
}

/** The value with the defaults of the schema, as the API server stores it. */
export function filled(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => (schema.items ? filled(schema.items, item) : item));
  if (schema.properties === undefined) return value;
  const given = asJson(value);
  const members = Object.entries(schema.properties).flatMap(([name, member]) => {
    const stated = name in given ? given[name] : structuredClone(member.default);
    return stated === undefined ? [] : [[name, filled(member, stated)] as const];
  });
  return { ...given, ...Object.fromEntries(members) };
}

/** Messages of the rules of this very schema that a filled value breaks. */
export const brokenHere = (schema: Schema, value: unknown): readonly string[] =>
  rulesOf(schema)
    .filter((rule) => checkOf(rule)?.(value as Json) === false)
    .map(({ message }) => message);

/** Messages of the rules across fields that a filled value breaks. */
export function broken(schema: Schema, value: unknown): readonly string[] {
  const own = brokenHere(schema, value);
  if (Array.isArray(value))
    return [...own, ...value.flatMap((item) => (schema.items ? broken(schema.items, item) : []))];
  const members = Object.entries(schema.properties ?? {}).filter(([name]) => name in asJson(value));
  return [...own, ...members.flatMap(([name, member]) => broken(member, asJson(value)[name]))];
}
