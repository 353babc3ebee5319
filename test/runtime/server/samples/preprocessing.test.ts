import { describe, expect, test } from '@jest/globals';
import {
  preprocessingFault,
  preprocessingOf,
  sampleShape,
  type Preprocessing,
} from '../../../../runtime/server/samples/preprocessing.ts';

const image = { kind: 'image', channels: 3, height: 4, width: 5, mode: 'RGB' };
const table = { kind: 'table', columns: [{ name: 'a', kind: 'number' }] };
const text = { kind: 'text', tokenizer: 'tokenizer.json', contextLength: 8, padding: 0 };

const parsed = (value: object): Preprocessing => {
  const found = preprocessingOf(value);
  if (typeof found === 'string') throw new Error(found);
  return found;
};

test('what the manifest leaves out has its usual value', () => {
  expect(parsed(image)).toEqual({
    ...{ kind: 'image', channels: 3, height: 4, width: 5, layout: 'channelsFirst', range: [0, 255] },
    ...{ mean: [0, 0, 0], deviation: [1, 1, 1] },
  });
});

test.each<[unknown, string]>([
  [1, 'preprocessing is not an object'],
  [{ kind: 'sound' }, "preprocessing.kind is none of 'table', 'image', 'text'"],
  [{ kind: 'toString' }, 'preprocessing.kind is none of'],
  [{ ...image, channels: 4 }, 'channels is neither 1 nor 3'],
  [{ ...image, mode: 'grey' }, 'mode is not'],
  [{ ...image, height: 0 }, 'height or width'],
  [{ ...image, resize: 'cubic' }, "resize is not 'bilinear'"],
  [{ ...image, range: [1, 1] }, 'range is not two numbers'],
  [{ ...image, mean: [0] }, 'mean or deviation'],
  [{ ...image, deviation: [1, 0, 1] }, 'mean or deviation'],
  [{ ...image, layout: 'NCHW' }, 'layout is none of'],
  [{ ...table, columns: [] }, 'columns is not a list'],
  [{ ...table, columns: [{ kind: 'number' }] }, 'a column has no name'],
  [{ ...table, columns: [{ name: 'a', kind: 'date' }] }, "kind of the column 'a'"],
  [{ ...table, columns: [{ name: 'a', kind: 'category' }] }, "the column 'a' has no list of categories"],
  [{ ...table, columns: [{ name: 'a', kind: 'number', missing: 0 }] }, "missing of the column 'a'"],
  [{ ...table, columns: [...table.columns, ...table.columns] }, 'two columns have one name'],
  [{ ...text, tokenizer: '../secret' }, 'tokenizer is not'],
  [{ ...text, contextLength: 0 }, 'contextLength'],
  [{ ...text, padding: -1 }, 'padding is not a token'],
])('%j is refused', (value, sentence) => {
  expect(preprocessingOf(value)).toContain(sentence);
});

describe('samples and the model', () => {
  const input = (datatype: 'FP32' | 'UINT8' | 'INT64', shape: readonly number[]) => ({ name: 'x', datatype, shape });

  test.each([
    [parsed(image), input('FP32', [-1, 3, 4, 5])],
    [parsed(image), input('UINT8', [1, 3, -1, -1])],
    [parsed({ ...image, layout: 'channelsLast' }), input('FP32', [-1, 4, 5, 3])],
    [parsed(table), input('FP32', [-1, 1])],
    [parsed(text), input('INT64', [-1, -1])],
  ])('%j fits %j', (preprocessing, spec) => {
    expect(preprocessingFault(preprocessing, [spec])).toBeUndefined();
  });

  test.each([
    [parsed(image), [input('FP32', [-1, 4, 5, 3])], 'makes [3,4,5] of a sample, '],
    [parsed(table), [input('INT64', [-1, 1])], "is for FP32 or FP64, 'x' is INT64"],
    [parsed(text), [input('INT64', [-1, 9])], 'makes [8] of a sample'],
    [parsed(table), [], 'the model has 0'],
    [parsed(table), [input('FP32', [-1, 1]), input('FP32', [-1, 1])], 'the model has 2'],
  ])('%j does not fit %j', (preprocessing, specs, sentence) => {
    expect(preprocessingFault(preprocessing, specs)).toContain(sentence);
  });

  test('have one shape', () => {
    expect(sampleShape(parsed(image))).toEqual([3, 4, 5]);
    expect(sampleShape(parsed({ ...image, layout: 'channelsLast' }))).toEqual([4, 5, 3]);
    expect(sampleShape(parsed(table))).toEqual([1]);
    expect(sampleShape(parsed(text))).toEqual([8]);
  });
});
