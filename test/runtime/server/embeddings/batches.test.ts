import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { batchesOf } from '../../../../runtime/server/embeddings/batches.ts';
import type { Embedder } from '../../../../runtime/server/embeddings/embedder.ts';
import type { TensorSpec } from '../../../../runtime/server/protocol/request.ts';

const ids: TensorSpec = { name: 'input_ids', datatype: 'INT64', shape: [-1, -1] };
const masked = [
  { ...ids, name: 'attention_mask' },
  ids,
  { ...ids, name: 'token_type_ids', datatype: 'INT32' as const },
];
const embedder: Embedder = {
  ...{ inputs: masked, output: 'y', pooling: 'mean', normalise: false, contextLength: 40, dimensions: [] },
};

const shapes = (
  inputs: readonly TensorSpec[],
  texts: readonly (readonly number[])[],
  changes: Partial<Embedder> = {},
) => [...batchesOf(texts, { ...embedder, inputs, ...changes })].map((batch) => batch.inputs[0]!.shape);

describe('the runs for some texts', () => {
  test('have each text once, whole, with what fills its row masked', () => {
    const text = fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 200 }), (texts) => {
        const found = new Map<number, readonly number[]>();
        for (const { places, counts, inputs } of batchesOf(texts, embedder)) {
          const [mask, tokens, kinds] = inputs.map(({ data }) => Array.from(data, Number));
          const [rows, length] = inputs[0]!.shape as [number, number];
          expect([places.length, rows * length <= 8192, length <= 40]).toEqual([rows, true, true]);
          expect(kinds!.every((kind) => kind === 0)).toBe(true);
          for (const [row, place] of places.entries()) {
            const slice = tokens!.slice(row * length, (row + 1) * length);
            const own = mask!.slice(row * length, (row + 1) * length);
            expect(own).toEqual(Array.from({ length }, (_, index) => Number(index < counts[row]!)));
            found.set(place, slice.slice(0, counts[row]));
          }
        }
        expect(texts.map((_, place) => found.get(place))).toEqual(texts);
      }),
    );
  });

  const three = [[1, 2], [1], Array<number>(20).fill(1)];

  test.each<[string, readonly TensorSpec[], number[][]]>([
    [
      'are as long as sixteen tokens, or as the context',
      masked,
      [
        [2, 16],
        [1, 32],
      ],
    ],
    [
      'have no filling where the model would not know it',
      [ids],
      [
        [1, 2],
        [1, 1],
        [1, 20],
      ],
    ],
    ['are as long as the graph wants', [{ ...ids, shape: [-1, 24] }], [[3, 24]]],
    [
      'are one text each where the graph wants that',
      masked.map((s) => ({ ...s, shape: [1, -1] })),
      [
        [1, 16],
        [1, 16],
        [1, 32],
      ],
    ],
  ])('%s', (_what, inputs, expected) => {
    expect(shapes(inputs, three)).toEqual(expected);
  });

  test('are one text each, without filling, where what lies beside would change it', () => {
    expect(shapes(masked, three, { alone: true })).toEqual([
      [1, 2],
      [1, 1],
      [1, 20],
    ]);
    expect(shapes([{ ...ids, shape: [-1, 24] }], three, { alone: true })).toEqual(Array(3).fill([1, 24]));
  });
});
