/** Every datatype, through JSON and through bytes, in both directions: what goes in comes out, to the last bit. */
import type { Case } from './case.ts';
import { datatypes } from './models.ts';

type Datatype = (typeof datatypes)[number];

const strings = (texts: readonly string[]): Buffer =>
  Buffer.concat(
    texts.flatMap((text) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(Buffer.byteLength(text));
      return [length, Buffer.from(text)];
    }),
  );

const bytesOf = (array: { readonly buffer: ArrayBufferLike }): Buffer => Buffer.from(array.buffer as ArrayBuffer);

/** Two elements each, at the ends of their range: as JSON text, and as little-endian bytes. */
const examples: Readonly<Record<Datatype, { readonly json: string; readonly bytes: Buffer }>> = {
  BOOL: { json: '[true,false]', bytes: Buffer.of(1, 0) },
  INT8: { json: '[-128,127]', bytes: bytesOf(Int8Array.of(-128, 127)) },
  INT16: { json: '[-32768,32767]', bytes: bytesOf(Int16Array.of(-32768, 32767)) },
  INT32: { json: '[-2147483648,2147483647]', bytes: bytesOf(Int32Array.of(-2147483648, 2147483647)) },
  INT64: {
    json: '[-9223372036854775808,9007199254740993]',
    bytes: bytesOf(BigInt64Array.of(-9223372036854775808n, 9007199254740993n)),
  },
  UINT8: { json: '[0,255]', bytes: Buffer.of(0, 255) },
  UINT16: { json: '[0,65535]', bytes: bytesOf(Uint16Array.of(0, 65535)) },
  UINT32: { json: '[0,4294967295]', bytes: bytesOf(Uint32Array.of(0, 4294967295)) },
  UINT64: { json: '[0,18446744073709551615]', bytes: bytesOf(BigUint64Array.of(0n, 18446744073709551615n)) },
  FP16: { json: '[0.5,-2]', bytes: bytesOf(Uint16Array.of(0x3800, 0xc000)) },
  FP32: { json: '[0.5,-2]', bytes: bytesOf(Float32Array.of(0.5, -2)) },
  FP64: { json: '[0.1,-2]', bytes: bytesOf(Float64Array.of(0.1, -2)) },
  // A byte order mark is a letter like any other.
  BYTES: { json: '["\u{feff}ü\\n\\"",""]', bytes: strings(['\u{feff}ü\n"', '']) },
};

const path = (datatype: Datatype): string => `/v2/models/id_${datatype}/infer`;
const head = (datatype: Datatype): string => `"name":"x","shape":[1,2],"datatype":"${datatype}"`;
const inHead = (datatype: Datatype, size: number): object => ({
  inputs: [{ name: 'x', shape: [1, 2], datatype, parameters: { binary_data_size: size } }],
});

function casesOf(datatype: Datatype): readonly Case[] {
  const { json, bytes } = examples[datatype];
  const nested = `[${json}]`;
  const output = { name: 'y', shape: [1, 2], datatype };
  const extension = 'binary_tensor_data';
  return [
    {
      name: `tensors: ${datatype}, flat JSON in, JSON out`,
      request: {
        path: path(datatype),
        body: { kind: 'text', text: `{"inputs":[{${head(datatype)},"data":${json}}]}` },
      },
      expected: { status: 200, json: { outputs: [output] }, text: `"data":${json}` },
    },
    {
      name: `tensors: ${datatype}, nested JSON in`,
      request: {
        path: path(datatype),
        body: { kind: 'text', text: `{"inputs":[{${head(datatype)},"data":${nested}}]}` },
      },
      expected: { status: 200, json: { outputs: [output] } },
    },
    {
      name: `tensors: ${datatype}, JSON in, bytes out`,
      extension,
      request: {
        path: path(datatype),
        body: {
          kind: 'text',
          text: `{"parameters":{"binary_data_output":true},"inputs":[{${head(datatype)},"data":${json}}]}`,
        },
      },
      expected: {
        status: 200,
        json: { outputs: [{ ...output, parameters: { binary_data_size: bytes.length } }] },
        tail: bytes,
      },
    },
    {
      name: `tensors: ${datatype}, bytes in, bytes out`,
      extension,
      request: {
        path: path(datatype),
        body: {
          kind: 'binary',
          head: { ...inHead(datatype, bytes.length), outputs: [{ name: 'y', parameters: { binary_data: true } }] },
          tail: bytes,
        },
      },
      expected: { status: 200, json: { outputs: [output] }, tail: bytes },
    },
    {
      name: `tensors: ${datatype}, a byte too few is a mistake`,
      extension,
      request: {
        path: path(datatype),
        body: { kind: 'binary', head: inHead(datatype, bytes.length), tail: bytes.subarray(1) },
      },
      expected: { status: 'mistake' },
    },
    {
      name: `tensors: ${datatype}, a byte too many is a mistake`,
      extension,
      request: {
        path: path(datatype),
        body: { kind: 'binary', head: inHead(datatype, bytes.length), tail: Buffer.concat([bytes, Buffer.of(0)]) },
      },
      expected: { status: 'mistake' },
    },
  ];
}

/** Values that do not fit their datatype. */
const misfits: readonly (readonly [Datatype, string])[] = [
  ['INT8', '[128,0]'],
  ['UINT8', '[-1,0]'],
  ['UINT16', '[65536,0]'],
  ['INT32', '[1.5,0]'],
  ['INT64', '[9223372036854775808,0]'],
  ['UINT64', '[18446744073709551616,0]'],
  ['FP32', '["1",2]'],
  ['FP32', '[1e39,0]'],
  ['FP64', '[null,0]'],
  ['BOOL', '["true",false]'],
  ['BYTES', '[1,"a"]'],
];

export const tensorCases: readonly Case[] = [
  ...datatypes.flatMap(casesOf),
  ...misfits.map(([datatype, json]) => ({
    name: `tensors: ${json} is not ${datatype}`,
    request: {
      path: path(datatype),
      body: { kind: 'text', text: `{"inputs":[{${head(datatype)},"data":${json}}]}` } as const,
    },
    expected: { status: 'mistake' as const },
  })),
];
