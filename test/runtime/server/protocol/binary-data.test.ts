import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { readBinaryData, readRawString, writeBinaryData } from '../../../../runtime/server/protocol/binary-data.ts';
import { datatypes, type Datatype } from '../../../../runtime/server/tensor.ts';

const numeric = (Object.keys(datatypes) as Datatype[]).filter((name) => name !== 'BYTES' && name !== 'BOOL');

describe('elements as bytes', () => {
  test('numbers of every type survive, from any alignment', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...numeric),
        fc.uint8Array({ maxLength: 64 }),
        fc.integer({ min: 0, max: 7 }),
        (datatype, raw, shift) => {
          const size = datatypes[datatype].bytes;
          const count = Math.floor(raw.length / size);
          const bytes = Buffer.concat([Buffer.alloc(shift), raw.subarray(0, count * size)]).subarray(shift);
          const data = readBinaryData({ name: 'x', datatype }, bytes, [count]);
          expect(data).toHaveLength(count);
          expect(writeBinaryData({ name: 'x', datatype, shape: [count], data }).equals(bytes)).toBe(true);
        },
      ),
    );
  });

  test('strings survive', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(fc.array(text), (data) => {
        const bytes = writeBinaryData({ name: 'x', datatype: 'BYTES', shape: [data.length], data });
        expect(readBinaryData({ name: 'x', datatype: 'BYTES' }, bytes, [data.length])).toEqual(data);
      }),
    );
  });

  test('a byte order mark is a letter of a string', () => {
    const bytes = Buffer.from([6, 0, 0, 0, 0xef, 0xbb, 0xbf, 0x68, 0xc3, 0xa9]);
    expect(readBinaryData({ name: 'x', datatype: 'BYTES' }, bytes, [1])).toEqual(['\u{feff}hé']);
    expect(readRawString('x', bytes.subarray(4))).toEqual(['\u{feff}hé']);
  });

  test('a string has its length before it, little endian', () => {
    const bytes = writeBinaryData({ name: 'x', datatype: 'BYTES', shape: [2], data: ['hé', ''] });
    expect([...bytes]).toEqual([3, 0, 0, 0, 0x68, 0xc3, 0xa9, 0, 0, 0, 0]);
  });

  test.each([
    ['FP32', [0, 0, 0], [1], 'has 3 bytes, its shape [1] of FP32 asks for 4'],
    ['FP32', [], [2 ** 34, 64], 'has 0 bytes'],
    ['BOOL', [0, 2], [2], 'neither 0 nor 1'],
    ['BYTES', [5, 0, 0, 0, 1], [1], 'end in the middle of one'],
    ['BYTES', [5, 0], [1], 'end in the middle of one'],
    ['BYTES', [255, 255, 255, 255], [1], 'end in the middle of one'],
    ['BYTES', [1, 0, 0, 0, 65], [2], 'has 1 strings, its shape [2] asks for 2'],
    ['BYTES', [1, 0, 0, 0, 0xff], [1], 'not UTF-8'],
    ['BYTES', [1, 0, 0, 0, 0], [1], 'NUL'],
  ] as const)('%s refuses %j for %j', (datatype, bytes, shape, sentence) => {
    expect(() => readBinaryData({ name: 'x', datatype }, Buffer.from(bytes), shape)).toThrow(sentence);
  });

  describe('before a string is made', () => {
    const place = { name: 'x', datatype: 'BYTES' } as const;
    const empty = Buffer.alloc(4 * 10_000);

    /** How many were made meanwhile. */
    function madeWhile(done: () => void): number {
      const decode = jest.spyOn(TextDecoder.prototype, 'decode');
      try {
        done();
        return decode.mock.calls.length;
      } finally {
        decode.mockRestore();
      }
    }

    test.each([
      [1, 'has more than 1 strings, its shape [1] asks for 1'],
      [10_001, 'has 10000 strings, its shape [10001] asks for 10001'],
    ])('they are compared with the shape: of 10000 for [%d] none is', (count, sentence) => {
      expect(madeWhile(() => expect(() => readBinaryData(place, empty, [count])).toThrow(sentence))).toBe(0);
    });

    test('whoever counts them may refuse them', () => {
      const counted = jest.fn(() => {
        throw new Error('too many');
      });
      const read = (): unknown => readBinaryData(place, empty, [100, 100], counted);
      expect(madeWhile(() => expect(read).toThrow('too many'))).toBe(0);
      expect(counted.mock.calls).toEqual([['x', 10_000]]);
    });
  });

  test('a raw string has no length before it', () => {
    expect(readRawString('x', Buffer.from('plain'))).toEqual(['plain']);
    expect(() => readRawString('x', Buffer.from([0xff]))).toThrow('not UTF-8');
  });
});
