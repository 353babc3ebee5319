import { describe, expect, test } from '@jest/globals';
import { anyObject, grammarOfSchema } from '../../../../../runtime/server/decoding/grammar/schema.ts';
import { Parameters } from '../../../../../runtime/server/protocol/openai/parameters.ts';
import { grammarOfFormat, requireText } from '../../../../../runtime/server/protocol/openai/response-format.ts';

const of = (format: unknown) => new Parameters({ response_format: format });
const schema = { type: 'object', properties: { a: { type: 'integer' } } };

describe('a response format', () => {
  test.each([[undefined], [null], [{}], [{ type: 'text' }]])('%j is text', (format) => {
    expect(grammarOfFormat(of(format))).toBeUndefined();
    expect(() => requireText(of(format))).not.toThrow();
  });

  test('of any object, or of a schema, is a grammar', () => {
    expect(grammarOfFormat(of({ type: 'json_object' }))).toBe(anyObject);
    const named = (more: object) => grammarOfFormat(of({ type: 'json_schema', json_schema: { name: 'x', ...more } }));
    expect(named({ schema })).toEqual(grammarOfSchema(schema, false));
    expect(named({ schema, strict: null, description: 'd' })).toEqual(grammarOfSchema(schema, false));
    expect(named({})).toBe(anyObject);
  });

  test.each<[unknown, string]>([
    ['json_object', "'response_format' is not an object"],
    [{ type: 'xml' }, 'the response format "xml" is none of text, json_object and json_schema'],
    [{ type: {} }, "'type' is not a string"],
    [{ type: 'json_object', schema }, "'schema' is not offered: the type 'json_schema'"],
    [{ type: 'json_schema' }, "'json_schema' has no 'name'"],
    [{ type: 'json_schema', json_schema: { schema } }, "'json_schema' has no 'name'"],
    [{ type: 'json_schema', json_schema: { name: 'a b', schema } }, "'json_schema' has no 'name'"],
    [{ type: 'json_schema', json_schema: { name: 'x', schema, strict: 1 } }, "'strict' is neither true nor false"],
    [{ type: 'json_schema', json_schema: { name: 'x', strict: true } }, "'strict' asks for another schema"],
    [{ type: 'json_schema', json_schema: { name: 'x', schema, strict: true } }, '#/additionalProperties'],
    [{ type: 'json_schema', json_schema: { name: 'x', schema: { allOf: [] } } }, "the keyword 'allOf' at #/allOf"],
  ])('%j is refused', (format, sentence) => {
    expect(() => grammarOfFormat(of(format))).toThrow(sentence);
  });

  test('is text where the answer is no chat', () => {
    expect(() => requireText(of({ type: 'json_object' }))).toThrow("'response_format' is for chat completions");
  });
});
