import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { writeBinaryData } from '../../../../runtime/server/protocol/binary-data.ts';
import { Refusal } from '../../../../runtime/server/protocol/errors.ts';
import { decodeRequest, encodeResult, jsonLengthOf } from '../../../../runtime/server/protocol/open-inference.ts';
import type { InferenceRequest, Signature } from '../../../../runtime/server/protocol/request.ts';
import { datatypes, elementCount, type Datatype, type Tensor } from '../../../../runtime/server/tensor.ts';

const signature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [
    { name: 'y', datatype: 'FP32', shape: [-1, 2] },
    { name: 'z', datatype: 'INT64', shape: [-1] },
  ],
};

const x = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };

const decode = (message: unknown, known = signature): InferenceRequest =>
  decodeRequest({ bytes: Buffer.from(JSON.stringify(message)), jsonLength: undefined }, known);

/** A body with a binary tail. */
function decodeBinary(message: unknown, tail: readonly number[], known = signature): InferenceRequest {
  const json = Buffer.from(JSON.stringify(message));
  return decodeRequest({ bytes: Buffer.concat([json, Buffer.from(tail)]), jsonLength: json.length }, known);
}

const oneAndTwo = [0, 0, 128, 63, 0, 0, 0, 64];

describe('requests', () => {
  test('JSON: inputs, id, and all outputs unless named', () => {
    const request = decode({ id: 'ü"\n', inputs: [x], unknown: 1, parameters: { priority: 1 } });
    expect(request).toEqual({
      id: 'ü"\n',
      policy: { level: 1, timeoutMs: Infinity },
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) }],
      outputs: [
        { name: 'y', binary: false },
        { name: 'z', binary: false },
      ],
    });
    expect(Object.keys(decode({ inputs: [x], outputs: [] }))).toEqual(['inputs', 'outputs']);
  });

  test.each([
    [
      undefined,
      undefined,
      [
        ['y', false],
        ['z', false],
      ],
    ],
    [
      true,
      undefined,
      [
        ['y', true],
        ['z', true],
      ],
    ],
    [undefined, [{ name: 'z' }], [['z', false]]],
    [
      true,
      [{ name: 'z' }, { name: 'y', parameters: { binary_data: false } }],
      [
        ['z', true],
        ['y', false],
      ],
    ],
    [false, [{ name: 'y', parameters: { binary_data: true } }], [['y', true]]],
  ])('binary_data_output %s with outputs %j', (binary, outputs, expected) => {
    const request = decode({ inputs: [x], outputs, parameters: { binary_data_output: binary } });
    expect(request.outputs.map(({ name, binary: wanted }) => [name, wanted])).toEqual(expected);
  });

  test('an id of null is none', () => {
    expect(decode({ inputs: [x], id: null })).not.toHaveProperty('id');
  });

  test('binary tensors follow in the order of the JSON', () => {
    const two: Signature = {
      ...signature,
      inputs: [...signature.inputs, { name: 'm', datatype: 'UINT8', shape: [-1] }],
    };
    const sized = (name: string, datatype: string, [shape, size]: [number[], number]): object => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: size },
    });
    const message = { inputs: [sized('m', 'UINT8', [[1], 1]), sized('x', 'FP32', [[1, 2], 8])] };
    const request = decodeBinary(message, [9, ...oneAndTwo], two);
    expect(request.inputs.map(({ name, data }) => [name, ...Array.from(data as Float32Array)])).toEqual([
      ['x', 1, 2],
      ['m', 9],
    ]);
  });

  test('strings that follow are counted under the name of their input, also where the JSON is read again', () => {
    const inputs = [
      { name: 't', shape: [2], datatype: 'BYTES', parameters: { binary_data_size: 8 } },
      { name: 'n', shape: [1], datatype: 'UINT64', data: [0] },
    ];
    const known = { ...signature, inputs: [{ ...inputs[0]! }, { ...inputs[1]! }] } as Signature;
    const json = Buffer.from(JSON.stringify({ inputs }).replace('[0]', '[18446744073709551615]'));
    const countStrings = jest.fn();
    const body = { bytes: Buffer.concat([json, Buffer.alloc(8)]), jsonLength: json.length, countStrings };
    expect(decodeRequest(body, known).inputs[0]!.data).toEqual(['', '']);
    expect(new Map(countStrings.mock.calls as [string, number][])).toEqual(new Map([['t', 2]]));
  });

  test('a raw body is the only input, and wants bytes back', () => {
    const request = decodeRequest({ bytes: Buffer.from([...oneAndTwo, ...oneAndTwo]), jsonLength: 0 }, signature);
    expect(request.inputs[0]).toMatchObject({ shape: [2, 2], data: Float32Array.of(1, 2, 1, 2) });
    expect(request.outputs.every(({ binary }) => binary)).toBe(true);
    const text: Signature = { ...signature, inputs: [{ name: 't', datatype: 'BYTES', shape: [-1] }] };
    expect(decodeRequest({ bytes: Buffer.from('hello'), jsonLength: 0 }, text).inputs[0]).toMatchObject({
      shape: [1],
      data: ['hello'],
    });
  });

  test('64-bit integers beyond 2^53 arrive whole, others are not slowed down', () => {
    const known: Signature = { ...signature, inputs: [{ name: 'x', datatype: 'UINT64', shape: [-1] }] };
    const bytes = Buffer.from(
      '{"id":"7","inputs":[{"name":"x","shape":[2],"datatype":"UINT64","data":[18446744073709551615,1]}]}',
    );
    expect(decodeRequest({ bytes, jsonLength: undefined }, known).inputs[0]!.data).toEqual(
      BigUint64Array.of(2n ** 64n - 1n, 1n),
    );
  });

  test.each([
    [[], 'is not an object'],
    [null, 'is not an object'],
    [{}, "'inputs' is not a list"],
    [{ inputs: {} }, "'inputs' is not a list"],
    [{ inputs: [] }, "input 'x' is missing"],
    [{ inputs: [null] }, 'an input is not an object'],
    [{ inputs: [x, x] }, "input 'x' is given twice"],
    [{ inputs: [{ ...x, name: 'nope' }] }, "the model has no input 'nope'; it has 'x'"],
    [{ inputs: [{ ...x, name: undefined }] }, 'an input has no name'],
    [{ inputs: [{ ...x, name: '__proto__' }] }, "no input '__proto__'"],
    [{ inputs: [{ ...x, datatype: 'FP64' }] }, 'has datatype FP64, the model takes FP32'],
    [{ inputs: [{ ...x, datatype: undefined }] }, 'has datatype undefined'],
    [{ inputs: [{ ...x, shape: [1, 3] }] }, 'has shape [1,3], the model takes [-1,2]'],
    [{ inputs: [{ ...x, shape: [-1, 2] }] }, 'is not a list of at most 32 whole numbers'],
    [{ inputs: [{ ...x, shape: [1.5, 2] }] }, 'is not a list of at most'],
    [{ inputs: [{ ...x, shape: ['1', 2] }] }, 'is not a list of at most'],
    [{ inputs: [{ ...x, shape: undefined }] }, 'is not a list of at most'],
    [{ inputs: [{ ...x, shape: new Array(33).fill(1) }] }, 'is not a list of at most'],
    [{ inputs: [{ ...x, shape: [2 ** 34, 2] }] }, 'has 2 elements'],
    [{ inputs: [{ ...x, data: undefined }] }, 'are not a list'],
    [{ inputs: [{ ...x, parameters: [] }] }, "the parameters of input 'x' are not an object"],
    [{ inputs: [{ ...x, data: undefined, parameters: { binary_data_size: 8 } }] }, 'the body has 0 bytes left'],
    [{ inputs: [{ ...x, parameters: { binary_data_size: 0 } }] }, 'both data and binary_data_size'],
    [{ inputs: [{ ...x, parameters: { binary_data_size: -1 } }] }, 'is not a whole number'],
    [{ inputs: [{ ...x, parameters: { shared_memory_region: 'r' } }] }, 'shared memory'],
    [{ inputs: [x], id: 7 }, 'the id is not a string'],
    [{ inputs: [x], parameters: 'none' }, 'the parameters of the request are not an object'],
    [{ inputs: [x], parameters: { binary_data_output: 1 } }, "'binary_data_output' is not true or false"],
    [{ inputs: [x], outputs: {} }, "'outputs' is not a list"],
    [{ inputs: [x], outputs: ['y'] }, 'an output is not an object'],
    [{ inputs: [x], outputs: [{ name: 'w' }] }, "the model has no output 'w'; it has 'y', 'z'"],
    [{ inputs: [x], outputs: [{ name: 'y' }, { name: 'y' }] }, 'requested twice'],
    [{ inputs: [x], outputs: [{ name: 'y', parameters: { classification: 3 } }] }, 'classification is not offered'],
  ])('%j is refused', (message, sentence) => {
    expect(() => decode(message)).toThrow(Refusal);
    expect(() => decode(message)).toThrow(sentence);
  });

  const sizedX = { inputs: [{ name: 'x', shape: [1, 2], datatype: 'FP32', parameters: { binary_data_size: 8 } }] };

  test.each([
    [sizedX, oneAndTwo.slice(1), 'the body has 7 bytes left'],
    [sizedX, [...oneAndTwo, 0], '1 bytes that belong to no input'],
    [{ inputs: [x] }, [0], '1 bytes that belong to no input'],
  ])('a binary body of the wrong length is refused', (message, tail, sentence) => {
    expect(() => decodeBinary(message, tail)).toThrow(sentence);
  });

  test.each([
    ['FP32', [-1, 2], 7, 'does not fit the shape [-1,2]'],
    ['FP32', [-1, -1], 8, 'at most one dynamic dimension'],
    ['FP32', [2], 16, 'asks for 8'],
    ['BYTES', [2], 4, 'does not fit the shape'],
  ] as const)('a raw body for %s %j of %d bytes', (datatype, shape, length, sentence) => {
    const known: Signature = { inputs: [{ name: 'x', datatype, shape }], outputs: signature.outputs };
    expect(() => decodeRequest({ bytes: Buffer.alloc(length, 65), jsonLength: 0 }, known)).toThrow(sentence);
  });

  test('a raw body needs a model with one input', () => {
    const known = { ...signature, inputs: [...signature.inputs, ...signature.inputs] };
    expect(() => decodeRequest({ bytes: Buffer.alloc(8), jsonLength: 0 }, known)).toThrow('a model with one input');
  });

  test.each([
    [undefined, undefined],
    ['0', 0],
    ['10', 10],
  ])('Inference-Header-Content-Length %s', (header, expected) => expect(jsonLengthOf(header, 10)).toBe(expected));

  test.each(['11', '-1', '1e1', '', ' 1', '99999999999'])('Inference-Header-Content-Length %j is refused', (header) => {
    expect(() => jsonLengthOf(header, 10)).toThrow(Refusal);
  });

  test('random bytes and random JSON are refused, never worse', () => {
    const bodies = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bodies, fc.option(fc.nat(20), { nil: undefined }), (bytes, length) => {
        const jsonLength = length === undefined ? undefined : Math.min(length, bytes.length);
        try {
          decodeRequest({ bytes, jsonLength }, signature);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });
});

/** Tensors of every datatype with small elements. */
const tensors = fc
  .record({
    datatype: fc.constantFrom(...(Object.keys(datatypes) as Datatype[])),
    shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }),
  })
  .map(({ datatype, shape }): Tensor => {
    const data = datatypes[datatype].zeros(elementCount(shape));
    for (let i = 0; i < data.length; i += 1)
      data[i] =
        datatype === 'BYTES' ? `"${i}ü` : datatype.endsWith('INT64') ? BigInt(i) : datatype === 'FP16' ? 0x3c00 : i % 2;
    return { name: 'x', datatype, shape, data };
  });

const answerer = { name: 'm', version: '1' };

describe('results', () => {
  test('an answer read as a request gives the same tensor, in JSON and in bytes', () => {
    fc.assert(
      fc.property(tensors, fc.boolean(), fc.option(fc.string(), { nil: undefined }), (tensor, binary, id) => {
        const request: InferenceRequest = {
          ...(id !== undefined && { id }),
          inputs: [],
          outputs: [{ name: 'x', binary }],
        };
        const { body, jsonLength } = encodeResult(answerer, request, { outputs: [tensor] });
        const bytes = Buffer.from(body as string);
        const json = JSON.parse(bytes.subarray(0, jsonLength).toString());
        expect(json).toMatchObject({ model_name: 'm', model_version: '1' });
        expect(json.id).toBe(id);
        // An answer has outputs where a request has inputs.
        const head = Buffer.from(JSON.stringify({ inputs: json.outputs }));
        const tail = bytes.subarray(jsonLength ?? bytes.length);
        const known = { inputs: [tensor], outputs: [] };
        const again = decodeRequest({ bytes: Buffer.concat([head, tail]), jsonLength: head.length }, known).inputs[0]!;
        expect(again.shape).toEqual(tensor.shape);
        expect(Array.from(again.data as ArrayLike<unknown>)).toEqual(Array.from(tensor.data as ArrayLike<unknown>));
      }),
    );
  });

  test('one answer may hold both forms', () => {
    const y: Tensor = { name: 'y', datatype: 'FP32', shape: [1], data: Float32Array.of(1) };
    const z: Tensor = { name: 'z', datatype: 'UINT8', shape: [2], data: Uint8Array.of(7, 8) };
    const request: InferenceRequest = {
      inputs: [],
      outputs: [
        { name: 'y', binary: true },
        { name: 'z', binary: false },
      ],
    };
    const { body, jsonLength } = encodeResult(answerer, request, { outputs: [y, z] });
    expect(JSON.parse((body as Buffer).subarray(0, jsonLength).toString()).outputs).toEqual([
      { name: 'y', datatype: 'FP32', shape: [1], parameters: { binary_data_size: 4 } },
      { name: 'z', datatype: 'UINT8', shape: [2], data: [7, 8] },
    ]);
    expect((body as Buffer).subarray(jsonLength).equals(writeBinaryData(y))).toBe(true);
  });
});
