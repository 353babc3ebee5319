import { describe, expect, test } from '@jest/globals';
import { slotBytes, slotsThatFit, weightsFault, type Geometry } from '../../../../runtime/server/decoding/geometry.ts';

const MiB = 2 ** 20;

const geometry: Geometry = {
  contract: 'split-v1',
  ...{ layers: 4, heads: 8, headDim: 64, vocabulary: 1000, contextLength: 1024, endTokens: [] },
};

describe('memory', () => {
  test('a slot is keys and values of every layer and head at full length', () => {
    expect(slotBytes(geometry)).toBe(2 * 4 * 8 * 64 * 1024 * 4);
    expect(slotBytes(geometry)).toBe(16 * MiB);
  });

  test.each([
    [1024, 16, 16],
    [352, 16, 16],
    [351, 16, 15],
    [112, 16, 1],
  ])('of %i MiB, %i slots wanted, %i fit', (limit, wanted, slots) => {
    const fitting = slotsThatFit(geometry, { limitBytes: limit * MiB, fileBytes: 0 }, wanted);
    expect(fitting).toEqual({ ok: true, slots, bytes: slots * 16 * MiB });
  });

  test('not even one slot is refused with the numbers', () => {
    const fitting = slotsThatFit(geometry, { limitBytes: 111 * MiB, fileBytes: 0 }, 16);
    expect(fitting).toEqual({
      ok: false,
      message:
        'one sequence of 1024 tokens needs 16 MiB for its keys and values; of the memory limit of 111 MiB the weights and the server leave 15 MiB',
    });
  });

  test('weights that do not fit are refused with the numbers', () => {
    expect(weightsFault({ limitBytes: 296 * MiB, fileBytes: 100 * MiB })).toBeUndefined();
    expect(weightsFault({ limitBytes: 295 * MiB, fileBytes: 100 * MiB })).toBe(
      'the model needs 296 MiB (200 MiB to load its weights, 96 MiB for the server), the memory limit is 295 MiB',
    );
    expect(slotsThatFit(geometry, { limitBytes: 295 * MiB, fileBytes: 100 * MiB }, 1)).toMatchObject({ ok: false });
  });
});
