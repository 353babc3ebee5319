/** Schemas of the part of JSON Schema that answers can be kept to, some of which nothing fits. */
import fc from 'fast-check';

const names = ['a', 'ab', 'é', 'q"\\', ''];
const reference = fc.constantFrom('#', '#/$defs/one', '#/$defs/two').map(($ref) => ({ $ref }));
// The validator that the answers are checked by takes such members for methods.
// Whole numbers of 16 digits and more are refused.
const value = fc
  .jsonValue({ maxDepth: 1 })
  .filter((each) => !/toString|valueOf|e\+|(?<![.\d])\d{16}/.test(JSON.stringify(each)));
const few = fc.option(fc.nat(2), { nil: undefined });

const { schema } = fc.letrec<{ schema: object }>((tie) => {
  const type = fc.constantFrom('string', 'number', 'integer', 'boolean', 'null', 'array', 'object');
  const list = fc
    .record({ items: fc.option(tie('schema'), { nil: undefined }), minItems: few, maxItems: few })
    .map((rest) => ({ type: 'array', ...rest }));
  const object = fc
    .record({
      properties: fc.dictionary(fc.constantFrom(...names), tie('schema'), { maxKeys: 3 }),
      required: fc.subarray(names, { maxLength: 2 }),
      additionalProperties: fc.oneof(fc.constant(undefined), fc.constant(false), tie('schema')),
    })
    .map((rest) => ({ type: 'object', title: 'an object', ...rest }));
  const leaf = fc.oneof(
    type.map((only) => ({ type: only })),
    fc.array(value, { minLength: 1, maxLength: 3 }).map((values) => ({ enum: values })),
    value.map((only) => ({ const: only })),
  );
  const several = fc.oneof(
    fc.uniqueArray(type, { minLength: 1, maxLength: 3 }).map((types) => ({ type: types })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
  );
  return { schema: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, list, object, several, reference) };
});

/** A schema with definitions that it may refer to, as it comes over the wire. */
export const schemas: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc
  .tuple(
    schema.filter((root) => !('$ref' in root)),
    schema,
    schema,
  )
  .map(([root, one, two]) => JSON.parse(JSON.stringify({ ...root, $defs: { one, two } })) as Record<string, unknown>);
