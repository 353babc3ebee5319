import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Spellings } from '../../../../../runtime/server/decoding/grammar/spellings.ts';

const texts = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '"', '€'), maxLength: 4 }), {
  maxLength: 12,
});

test('a place knows which texts begin like that, which ends there, and how they go on', () => {
  fc.assert(
    fc.property(texts, fc.string({ unit: fc.constantFrom('a', 'b', 'é', '"'), maxLength: 4 }), (all, begun) => {
      const spellings = new Spellings(all);
      const bytes = [...Buffer.from(begun)];
      const place = bytes.reduce((at, byte) => (at < 0 ? -1 : spellings.step(at, byte)), 0);
      const below = [...all.keys()].filter((index) => all[index]!.startsWith(begun));
      expect(spellings.below(place)).toEqual(below);
      expect(spellings.end(place)).toBe(all.indexOf(begun));
      expect(spellings.goesOn(place)).toBe(below.some((index) => all[index] !== begun));
      const next = below.flatMap((index) => [...Buffer.from(all[index]!)].slice(bytes.length, bytes.length + 1));
      expect(spellings.bytesAfter(place)).toEqual([...new Set(next)].sort((a, b) => a - b));
      if (place < 0) expect(below).toEqual([]);
    }),
  );
});

test('very many texts take memory only where one of them is read', () => {
  const all = Array.from({ length: 4000 }, (_, index) => `${index}:${'x'.repeat(24)}`);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const many = Array.from({ length: 20 }, () => new Spellings(all));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 << 20);
  expect(many[19]!.end(Array.from(Buffer.from(all[7]!)).reduce((at, byte) => many[19]!.step(at, byte), 0))).toBe(7);
});
