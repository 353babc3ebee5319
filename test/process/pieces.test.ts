import { describe, expect, test } from '@jest/globals';
import { keep, whole } from '../../process/pieces.ts';

/** Pieces of chunks of such lengths, all of whose bytes differ from their neighbours. */
function kept(lengths: Iterable<number>): { readonly pieces: Buffer[]; readonly bytes: Buffer } {
  const pieces: Buffer[] = [];
  const chunks: Buffer[] = [];
  let next = 0;
  for (const length of lengths) {
    const chunk = Buffer.from(Array.from({ length }, () => (next = (next + 1) % 251)));
    chunks.push(chunk);
    keep(pieces, chunk);
  }
  return { pieces, bytes: Buffer.concat(chunks) };
}

function* falling(from: number): Generator<number> {
  for (let length = from; length > 0; length -= 1) yield length;
}

describe('chunks are kept as they came, in few pieces', () => {
  test.each<[string, Iterable<number>, number]>([
    ['a byte each', Array<number>(100_000).fill(1), 20],
    ['two bytes and one in turn', Array.from({ length: 50_000 }, (_, index) => 1 + (index % 2)), 20],
    ['each a byte shorter', falling(500), 20],
    ['a large one after each of a byte', Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 1 : 16_384)), 20],
    ['of the size of packets', Array<number>(500).fill(1448), 60],
    ['nothing among them', [1, 0, 0, 1, 0], 3],
  ])('%s', (_what, lengths, most) => {
    const { pieces, bytes } = kept(lengths);
    expect(whole(pieces).equals(bytes)).toBe(true);
    expect(pieces.length).toBeLessThanOrEqual(most);
  });
});

test('large ones are not copied', () => {
  const [large, pieces] = [Buffer.alloc(16_384), [] as Buffer[]];
  for (let come = 0; come < 3; come += 1) keep(pieces, large);
  expect(pieces.every((piece) => piece === large)).toBe(true);
});

test('a piece takes no more memory than it has bytes', () => {
  const { pieces } = kept([1, 1, 1]);
  expect(pieces.map(({ buffer }) => buffer.byteLength)).toEqual(pieces.map(({ length }) => length));
});
