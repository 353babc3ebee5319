/** The keywords of JSON Schema that are known here, and how a schema is refused that has others. */
import { invalidParameter, type Refusal } from '../../protocol/errors.ts';
import { isRecord } from '../../protocol/json.ts';

export type Schema = Readonly<Record<string, unknown>>;

export const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const;
export type Type = (typeof types)[number];

/** Those that say something about a value. */
const assertions = [
  ...['$ref', 'anyOf', 'enum', 'const'],
  ...['type', 'properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems'],
];
/** Those that say something about a schema. */
const annotations = ['title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', '$comment'];
const rootKeywords = ['$schema', '$defs', 'definitions'];

/** Most letters of a place that are told: names may be as long as the request. */
const placeLetters = 1000;

/** A schema is refused with the place of what is wrong, as a JSON pointer. */
export function fault(at: string, message: string): Refusal {
  const place = at.slice(0, placeLetters);
  return invalidParameter('response_format', `the schema cannot be guaranteed: ${message} at ${place}`);
}

/** A place one step further. */
export function pointer(at: string, name: string | number): string {
  return `${at}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Whether a value is what a type says. */
export function isOfType(value: unknown, type: Type): boolean {
  switch (type) {
    case 'object':
      return isRecord(value);
    case 'array':
      return Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'null':
      return value === null;
    default:
      return typeof value === type;
  }
}

/** Refuses keywords that are not known, or known but not beside the one that is read. */
export function checkKeywords(schema: Schema, at: string): void {
  const names = Object.keys(schema).filter((name) => !annotations.includes(name));
  const found = names.filter((name) => at !== '#' || !rootKeywords.includes(name));
  const stranger = found.find((name) => !assertions.includes(name));
  if (stranger !== undefined) throw fault(pointer(at, stranger), `the keyword '${stranger.slice(0, 100)}'`);
  const sole = ['$ref', 'anyOf', 'enum', 'const'].find((name) => name in schema);
  const beside = sole === 'enum' || sole === 'const' ? ['enum', 'const', 'type'] : [sole];
  const other = sole === undefined ? undefined : found.find((name) => !beside.includes(name));
  if (other !== undefined) throw fault(pointer(at, other), `the keyword '${other}' beside '${sole ?? ''}'`);
}

/** The types that a schema allows, each once: all unless it says so. */
export function typesOf(schema: Schema, at: string): readonly Type[] {
  const value = schema['type'] ?? types;
  const listed: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isType = (type: unknown): type is Type => types.some((known) => known === type);
  if (listed.length > 0 && listed.every(isType)) return [...new Set(listed)];
  throw fault(pointer(at, 'type'), `something else than ${types.join(', ')}`);
}

/** What OpenAI asks of a schema under `strict`, besides the keywords. */
export function checkStrict(schema: unknown, at: string): void {
  const has = (name: string): boolean => isRecord(schema) && name in schema;
  if (!['$ref', 'anyOf', 'enum', 'const', 'type'].some(has)) throw strictFault(at, "no 'type'");
  if (!isRecord(schema)) return;
  if (at === '#' && schema['type'] !== 'object') throw strictFault(at, "a root that is no 'object'");
  if (has('type') && !has('enum') && !has('const') && typesOf(schema, at).includes('object'))
    checkStrictObject(schema, at);
}

function checkStrictObject({ properties, required, additionalProperties }: Schema, at: string): void {
  if (additionalProperties !== false)
    throw strictFault(pointer(at, 'additionalProperties'), 'something else than false');
  const names: readonly unknown[] = Array.isArray(required) ? required : [];
  const listed = new Set(names);
  const optional = Object.keys(isRecord(properties) ? properties : {}).find((name) => !listed.has(name));
  if (optional !== undefined)
    throw strictFault(pointer(at, 'required'), `no '${optional.slice(0, 100)}', which is a property,`);
}

function strictFault(at: string, message: string): Refusal {
  const place = at.slice(0, placeLetters);
  return invalidParameter('response_format', `'strict' asks for another schema: there is ${message} at ${place}`);
}
