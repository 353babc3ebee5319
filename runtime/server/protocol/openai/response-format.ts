/** `response_format` → the grammar that an answer is kept to. */
import type { Grammar } from '../../decoding/grammar/grammar.ts';
import { anyObject, grammarOfSchema } from '../../decoding/grammar/schema.ts';
import { invalidParameter } from '../errors.ts';
import type { Parameters } from './parameters.ts';

const parameter = 'response_format';

function grammarOfNamedSchema(format: Parameters): Grammar {
  const named = format.object('json_schema');
  const name = named?.text('name');
  if (named === undefined || name === undefined || !/^[\w-]{1,64}$/.test(name))
    throw invalidParameter(parameter, "'json_schema' has no 'name' of 1 to 64 letters, digits, underscores and dashes");
  const schema = named.any('schema');
  const strict = named.flag('strict');
  return schema === undefined && !strict ? anyObject : grammarOfSchema(schema, strict);
}

/** The grammar of a request for a chat completion; undefined where it asks for text. Refuses what cannot be guaranteed. */
export function grammarOfFormat(parameters: Parameters): Grammar | undefined {
  const format = parameters.object(parameter);
  const type = format?.text('type') ?? 'text';
  if (format === undefined || type === 'text') return undefined;
  if (type === 'json_object') {
    // Some servers keep to it.
    format.refuse({ schema: "the type 'json_schema' says what an answer must be" });
    return anyObject;
  }
  if (type === 'json_schema') return grammarOfNamedSchema(format);
  const message = `the response format ${JSON.stringify(type.slice(0, 100))} is none of text, json_object and json_schema`;
  throw invalidParameter(parameter, message);
}

/** Refuses whatever is no text. */
export function requireText(parameters: Parameters): void {
  const type = parameters.object(parameter)?.text('type') ?? 'text';
  if (type === 'text') return;
  const message = "'response_format' is for chat completions; ask /v1/chat/completions";
  throw invalidParameter(parameter, message, 'unsupported_parameter');
}
