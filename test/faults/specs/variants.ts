/** Jobs of a kind of model each: what goes together is found at once, instead of drawing until chance brings it together. */
import type { Schema } from '../../../crds/schema.ts';

/** The variants of a spec that have the member at `forced`; a spec without models is its own only one. */
export function variantsOf(schema: Schema, forced: readonly string[]): readonly Schema[] {
  if (at(schema, ['model', 'custom']) === undefined) return [schema];
  const all = [plain(schema), language(schema), custom(schema)];
  const fitting = all.filter((variant) => at(variant, forced) !== undefined);
  return fitting.length > 0 ? fitting : [schema];
}

const ours = ['linear', 'mlp', 'cnn'];
const metric = ['evaluation', 'gates', '0', 'metric'];

const plain = (schema: Schema): Schema =>
  narrow(schema, {
    drop: ['model.transformer', 'model.pretrained', 'model.custom', 'data.source.none', 'data.columns.text'],
    choose: [
      [['task'], (name) => name !== 'causalLM'],
      [['data', 'format'], (name) => name !== 'text'],
      [metric, (name) => name !== 'perplexity'],
    ],
  });

const language = (schema: Schema): Schema =>
  narrow(schema, {
    drop: [
      ...[...ours, 'custom'].map((name) => `model.${name}`),
      ...['labels', 'image', 'stream', 'source.builtin', 'source.none'].map((name) => `data.${name}`),
      ...['target', 'features', 'categorical'].map((name) => `data.columns.${name}`),
      // The perplexity is of no class, and the less the better.
      ...['class', 'atLeast'].map((name) => `evaluation.gates.0.${name}`),
    ],
    choose: [
      [['task'], (name) => name === 'causalLM'],
      [['data', 'format'], (name) => name !== 'npz' && name !== 'images'],
      [metric, (name) => name === 'perplexity'],
    ],
  });

/** Members with a default stay: a rule that reads one finds it only where the schema has it. */
const custom = (schema: Schema): Schema => change(chosenForCustom(schema), ['distribution', 'processesPerWorker'], one);
const one = (leaf: Schema): Schema => ({ ...leaf, maximum: 1 });

const chosenForCustom = (schema: Schema): Schema =>
  narrow(schema, {
    drop: [
      ...[...ours, 'transformer', 'pretrained'].map((name) => `model.${name}`),
      ...['format', 'columns', 'labels', 'image', 'stream', 'source.builtin'].map((name) => `data.${name}`),
    ],
    choose: [
      [['task'], (name) => name !== 'causalLM'],
      [['distribution', 'strategy'], (name) => name === 'auto'],
      [metric, (name) => name !== 'perplexity'],
    ],
  });

interface Narrowing {
  readonly drop: readonly string[];
  readonly choose: readonly (readonly [path: readonly string[], keep: (name: unknown) => boolean])[];
}

function narrow(schema: Schema, { drop, choose }: Narrowing): Schema {
  const chosen = choose.reduce(
    (sum, [path, keep]) => change(sum, path, (leaf) => ({ ...leaf, enum: (leaf.enum ?? []).filter(keep) })),
    schema,
  );
  return drop.reduce((sum, path) => change(sum, path.split('.'), () => undefined), chosen);
}

/** The schema with another one at the path, or with none; a path that is not there changes nothing. */
function change(schema: Schema, path: readonly string[], by: (leaf: Schema) => Schema | undefined): Schema {
  const [name = '', ...rest] = path;
  const member = at(schema, [name]);
  if (member === undefined) return schema;
  const changed = rest.length === 0 ? by(member) : change(member, rest, by);
  if (name === '0' && schema.items !== undefined) return { ...schema, items: changed ?? {} };
  const others = Object.entries(schema.properties ?? {}).filter(([each]) => each !== name);
  return { ...schema, properties: Object.fromEntries([...others, ...(changed ? [[name, changed] as const] : [])]) };
}

function at(schema: Schema, path: readonly string[]): Schema | undefined {
  return path.reduce<Schema | undefined>(
    (inner, name) => (name === '0' && inner?.items !== undefined ? inner.items : inner?.properties?.[name]),
    schema,
  );
}
