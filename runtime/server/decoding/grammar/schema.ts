/**
 * JSON Schema → grammar, for the part of it that can be guaranteed while a text is written. What is not in this part is
 * refused by keyword and place, never ignored: an answer that only nearly fits is what callers ask this for to avoid.
 */
import { isRecord } from '../../protocol/json.ts';
import { depthLimit, heightsOf, type Grammar, type Property } from './grammar.ts';
import {
  checkKeywords,
  checkStrict,
  fault,
  isOfType,
  pointer,
  types,
  typesOf,
  type Schema,
  type Type,
} from './keywords.ts';
import { Nodes } from './nodes.ts';
import { spelledName } from './object-names.ts';

/** Most schemas, one within the other, and all together; letters of all names and values; items that there must be. */
const limits = { depth: 64, schemas: 10_000, letters: 120_000, items: 100_000 } as const;

/** A schema that is read, where it lies, and how many are around it. */
type Read = readonly [schema: Schema, at: string, depth: number];

/** One compilation. */
class Compiler {
  readonly #nodes = new Nodes();
  readonly #root: unknown;
  readonly #strict: boolean;
  /** By what is referred to, whose name may be written in many ways: everything is read once. */
  readonly #references = new Map<unknown, number>();
  #any: number | undefined;
  #schemas = 0;
  #letters = 0;

  constructor(root: unknown, strict: boolean) {
    this.#root = root;
    this.#strict = strict;
  }

  compile(): Grammar {
    const root = this.#nodes.reserve();
    this.#references.set(this.#root, root);
    this.#nodes.resolve(root, this.#schema(this.#root, '#', 0));
    if (this.#nodes.circular) throw fault('#', 'a reference that comes back to itself before any letter');
    const grammar = this.#nodes.grammar(root);
    if (heightsOf(grammar.nodes)[root] === Number.POSITIVE_INFINITY)
      throw fault('#', `it has no instance of at most ${depthLimit} levels`);
    return grammar;
  }

  #schema(schema: unknown, at: string, depth: number): number {
    this.#schemas += 1;
    if (depth > limits.depth) throw fault(at, `more than ${limits.depth} schemas, one within the other,`);
    if (this.#schemas > limits.schemas) throw fault(at, `more than ${limits.schemas} schemas`);
    if (this.#strict) checkStrict(schema, at);
    if (schema === true) return this.#anything();
    if (schema === false) throw fault(at, 'a schema that nothing fits');
    if (!isRecord(schema)) throw fault(at, 'something that is no schema');
    checkKeywords(schema, at);
    if ('$ref' in schema) return this.#reference(schema['$ref'], at, depth);
    if ('anyOf' in schema) return this.#choice(schema['anyOf'], at, depth);
    if ('enum' in schema || 'const' in schema) return this.#values(schema, at);
    return this.#nodes.choice(typesOf(schema, at).map((type) => this.#ofType(type, [schema, at, depth])));
  }

  #reference(target: unknown, at: string, depth: number): number {
    const place = pointer(at, '$ref');
    if (typeof target !== 'string') throw fault(place, 'a reference that is no string');
    const definition = target === '#' ? this.#root : this.#definition(target);
    if (definition === undefined)
      throw fault(place, `a reference to '${target.slice(0, 100)}', which is neither '#' nor one of '#/$defs/...',`);
    const known = this.#references.get(definition);
    if (known !== undefined) return known;
    const reserved = this.#nodes.reserve();
    this.#references.set(definition, reserved);
    this.#nodes.resolve(reserved, this.#schema(definition, target, depth + 1));
    return reserved;
  }

  #definition(target: string): unknown {
    const [, group, escaped] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec(target) ?? [];
    const definitions = isRecord(this.#root) && group !== undefined ? this.#root[group] : undefined;
    const name = (escaped ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
    return isRecord(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  }

  #choice(schemas: unknown, at: string, depth: number): number {
    const place = pointer(at, 'anyOf');
    if (!Array.isArray(schemas) || schemas.length === 0) throw fault(place, 'no list of schemas');
    return this.#nodes.choice(schemas.map((each, index) => this.#schema(each, pointer(place, index), depth + 1)));
  }

  /** The values that `enum` lists and `const` and `type` allow, each as it is written without white space. */
  #values(schema: Schema, at: string): number {
    const listed: unknown = 'enum' in schema ? schema['enum'] : [schema['const']];
    if (!Array.isArray(listed)) throw fault(pointer(at, 'enum'), 'no list of values');
    const allowed = typesOf(schema, at);
    checkValue([listed, schema['const']], at, -2);
    const constant = 'const' in schema ? JSON.stringify(schema['const']) : undefined;
    const texts = new Set<string>();
    for (const value of listed) {
      if (!allowed.some((type) => isOfType(value, type))) continue;
      const text = JSON.stringify(value);
      if (constant !== undefined && text !== constant) continue;
      this.#count(text, at);
      texts.add(text);
    }
    if (texts.size === 0) throw fault(at, 'a schema that nothing fits');
    return this.#nodes.add({ kind: 'literal', texts: [...texts] });
  }

  /** Counted as they are read: of more than there may be none is kept. */
  #count({ length }: string, at: string): void {
    this.#letters += length;
    if (this.#letters > limits.letters) throw fault(at, `more than ${limits.letters} letters of names and values`);
  }

  #ofType(type: Type, read: Read): number {
    switch (type) {
      case 'object':
        return this.#object(read);
      case 'array':
        return this.#list(read);
      case 'string':
        return this.#nodes.add({ kind: 'string' });
      case 'number':
      case 'integer':
        return this.#nodes.add({ kind: 'number', whole: type === 'integer' });
      case 'boolean':
        return this.#nodes.add({ kind: 'literal', texts: ['true', 'false'] });
      case 'null':
        return this.#nodes.add({ kind: 'literal', texts: ['null'] });
    }
  }

  /** Of any type. It is the same wherever it is asked for, and its own items and properties. */
  #anything(): number {
    if (this.#any !== undefined) return this.#any;
    const any = this.#nodes.reserve();
    this.#any = any;
    this.#nodes.resolve(any, this.#nodes.choice(types.map((type) => this.#ofType(type, [{}, '#', 0]))));
    return any;
  }

  #list([schema, at, depth]: Read): number {
    const bound = (name: string): number | undefined => {
      const value = schema[name];
      if (value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0)) return value;
      throw fault(pointer(at, name), 'no whole number');
    };
    const [min, max] = [bound('minItems') ?? 0, bound('maxItems') ?? null];
    if (min > limits.items) throw fault(pointer(at, 'minItems'), `more than ${limits.items} items`);
    if (max !== null && min > max) throw fault(pointer(at, 'minItems'), 'more than the most');
    const items = this.#schema(schema['items'] ?? true, pointer(at, 'items'), depth + 1);
    return this.#nodes.add({ kind: 'list', items, min, max });
  }

  #object([schema, at, depth]: Read): number {
    const { properties = {}, required = [], additionalProperties = true } = schema;
    if (!isRecord(properties)) throw fault(pointer(at, 'properties'), 'no object of schemas');
    const isNames = Array.isArray(required) && required.every((name) => typeof name === 'string');
    if (!isNames) throw fault(pointer(at, 'required'), 'no list of names');
    const names = new Set<string>(required);
    const rest =
      additionalProperties === false
        ? null
        : this.#schema(additionalProperties, pointer(at, 'additionalProperties'), depth + 1);
    const listed = Object.entries(properties).map(([name, each]): Property => {
      const node = this.#schema(each, pointer(pointer(at, 'properties'), name), depth + 1);
      return { name, node, required: names.has(name) };
    });
    const unlisted = [...names].filter((name) => !Object.hasOwn(properties, name));
    if (rest === null && unlisted[0] !== undefined)
      throw fault(pointer(at, 'required'), `a property '${unlisted[0].slice(0, 100)}' that there must not be`);
    const all = [...listed, ...unlisted.map((name): Property => ({ name, node: rest ?? 0, required: true }))];
    // Each name as it is written.
    for (const { name } of all) this.#count(spelledName(name), at);
    return this.#nodes.add({ kind: 'object', properties: all, rest });
  }
}

/** Refuses a value that would be written otherwise than the schema has it, or lies too deep. */
function checkValue(value: unknown, at: string, depth: number): void {
  if (depth > limits.depth) throw fault(at, `a value of more than ${limits.depth} levels`);
  if (typeof value === 'number' && !isExact(value))
    throw fault(at, `the number ${value}, as numbers beyond 2^53 have lost their last digits,`);
  if (typeof value !== 'object' || value === null) return;
  for (const each of Object.values(value)) checkValue(each, at, depth + 1);
}

/** Whether a number is surely the one that was sent: a parser rounds large ones. */
function isExact(value: number): boolean {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

/** The grammar of a schema's instances. Refuses what cannot be guaranteed, and under `strict` what OpenAI refuses. */
export function grammarOfSchema(schema: unknown, strict: boolean): Grammar {
  return new Compiler(schema, strict).compile();
}

/** Any object. */
export const anyObject: Grammar = grammarOfSchema({ type: 'object' }, false);
