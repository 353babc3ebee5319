import { loadSync } from '@grpc/proto-loader';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fieldsOf, footprintOf, type Descriptor } from '../../../../runtime/server/grpc/footprint.ts';

interface Type {
  readonly type: Descriptor;
  readonly serialize: (message: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => object;
}

const types = loadSync('runtime/server/grpc/open-inference.proto', {
  keepCase: true,
  longs: String,
}) as unknown as Readonly<Record<string, Type>>;
const infer = types['inference.ModelInferRequest']!;
const fields = fieldsOf(infer.type, (name) => types[`inference.${name}`]?.type);
const took = (bytes: Buffer, most = Infinity): number => footprintOf(bytes, fields, most);

const input = (contents: object): object => ({ inputs: [{ name: 'x', contents }] });
const many = <T>(value: T): readonly T[] => new Array<T>(1000).fill(value);

describe('what a message takes', () => {
  test.each<[string, object, number]>([
    ['whole numbers of 64 bits', input({ int64_contents: many('1') }), 128_000],
    ['whole numbers of 32 bits', input({ int_contents: many(-1) }), 40_000],
    ['numbers with a point', input({ fp32_contents: many(1), fp64_contents: many(1) }), 80_000],
    ['texts', input({ bytes_contents: many(Buffer.of()) }), 300_000],
    ['a shape', { inputs: [{ shape: many('1') }] }, 128_000],
    ['inputs', { inputs: many({}) }, 400_000],
    ['outputs', { outputs: many({}) }, 400_000],
    ['pieces', { raw_input_contents: many(Buffer.of()) }, 300_000],
    ['parameters', { parameters: Object.fromEntries(many(0).map((_, at) => [String(at), {}])) }, 1_100_000],
  ])('of many %s is what they are as objects', (_what, message, cost) => {
    const found = took(infer.serialize(message));
    expect(found).toBeGreaterThanOrEqual(cost);
    expect(found).toBeLessThan(cost + 2000);
  });

  test('of one large piece is its bytes', () => {
    const bytes = infer.serialize({
      model_name: 'm',
      inputs: [{ name: 'x' }],
      raw_input_contents: [Buffer.alloc(1e6, 1)],
    });
    expect(took(bytes)).toBe(bytes.length);
  });

  test('is looked at no further once it is too much', () => {
    const half = infer.serialize({ inputs: many({}) });
    expect(took(Buffer.concat([half, Buffer.of(0x0f)]), 1000)).toBeGreaterThan(1000);
    expect(took(infer.serialize(input({ int64_contents: many('1') })), 1000)).toBeGreaterThan(1000);
  });
});

test.each([
  ['a message as a number', [0x28, 1]],
  ['a text as a number', [0x08, 1]],
  ['a list in one piece whose elements are messages, cut off', [0x2a, 9, 0]],
  ['one number in one piece', [0x22, 7, 0x12, 5, 0x0a, 3, 1, 1, 1]],
  ['a group', [0x5b, 0x5c]],
  ['a type that there is not', [0x0f]],
  ['a length beyond 32 bits', [0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ['a tag in six bytes', [0xaa, 0x80, 0x80, 0x80, 0x80, 0x00, 0]],
  ['a piece that is longer than its message', [0x2a, 2, 0x0a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
])('%s is no message', (_what, bytes) => {
  expect(() => took(Buffer.from(bytes))).toThrow(RangeError);
});

/** Everything in a decoded message that is more than its bytes. */
function partsOf(value: unknown): number {
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + 1 + partsOf(one), 0);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return 0;
  return Object.values(value).reduce<number>((sum, one) => sum + partsOf(one), 0);
}

test('whatever bytes are decoded have no more parts than were counted', () => {
  const seed = infer.serialize({
    ...{ inputs: [{ shape: ['1', '300'], contents: { int64_contents: ['1', '-1'], bool_contents: [true] } }, {}] },
    ...{ outputs: [{ name: 'y', parameters: { a: { bool_param: true } } }], raw_input_contents: [Buffer.of(1, 2)] },
  });
  const at = fc.nat(seed.length - 1);
  const changes = fc.array(fc.tuple(at, fc.nat(255)), { maxLength: 3 });
  fc.assert(
    fc.property(changes, fc.uint8Array({ maxLength: 20 }), (changed, more) => {
      const bytes = Buffer.concat([seed, more]);
      for (const [place, byte] of changed) bytes[place] = byte;
      let counted: number;
      try {
        counted = took(bytes);
      } catch {
        return;
      }
      let decoded: object = {};
      try {
        decoded = infer.deserialize(bytes);
      } catch {
        // What is wrong in other ways is the decoder's to tell.
      }
      expect(counted).toBeGreaterThanOrEqual(40 * partsOf(decoded));
    }),
    { numRuns: 2000 },
  );
});
