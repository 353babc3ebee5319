import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Geometry } from '../../../../runtime/server/decoding/geometry.ts';
import { KeyValueCache, type KeyLayout } from '../../../../runtime/server/decoding/key-value-cache.ts';

const [layers, heads, headDim, contextLength, slots] = [2, 2, 3, 300, 3];
const geometry: Geometry = {
  contract: 'split-v1',
  ...{ layers, heads, headDim, contextLength, vocabulary: 10, endTokens: [] },
};

/** What an element must be: different for every plane, slot's tenant, head, position and place in the vector. */
const element = (plane: number, tenant: number, [head, position, place]: readonly number[]): number =>
  ((((plane * 10 + tenant) * 4 + head!) * contextLength + position!) * 4 + place!) % 16_000_000;

type Place = readonly [head: number, position: number, place: number];

/** Every place of some positions, in the order in which [heads, headDim, positions] or [heads, positions, headDim] has them. */
function places([position, count]: readonly [number, number], transposed: boolean): readonly Place[] {
  const [outer, inner] = transposed ? [headDim, count] : [count, headDim];
  return Array.from({ length: heads * outer * inner }, (_, index) => {
    const [head, far, near] = [Math.floor(index / (outer * inner)), Math.floor(index / inner) % outer, index % inner];
    return transposed ? [head, position + near, far] : [head, position + far, near];
  });
}

const isTransposed = (plane: number, keys: KeyLayout): boolean => plane % 2 === 0 && keys === 'transposed';

/** The rows of a run that adds `count` positions from `position` on. */
function added(plane: number, tenant: number, [position, count, keys]: readonly [number, number, KeyLayout]) {
  const where = places([position, count], isTransposed(plane, keys));
  return Float32Array.from(where, (place) => element(plane, tenant, place));
}

/** Throws when a tenant's elements are not where they were put. */
function check(cache: KeyValueCache, [slot, tenant, length]: readonly [number, number, number], keys: KeyLayout): void {
  for (let plane = 0; plane < 2 * layers; plane += 1) {
    const block = cache.view(plane, slot, 1);
    const transposed = isTransposed(plane, keys);
    for (const [head, position, place] of places([0, length], transposed)) {
      const at = transposed
        ? (head * headDim + place) * cache.capacity + position
        : (head * cache.capacity + position) * headDim + place;
      if (block[at] !== element(plane, tenant, [head, position, place]))
        throw new Error(`plane ${plane}, slot ${slot}, head ${head}, position ${position}, place ${place}`);
    }
  }
}

type Action =
  | { readonly kind: 'write'; readonly slot: number; readonly count: number }
  | { readonly kind: 'swap'; readonly a: number; readonly b: number }
  | { readonly kind: 'copy'; readonly a: number; readonly b: number }
  | { readonly kind: 'fit'; readonly length: number };

const slot = fc.nat({ max: slots - 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), slot, count: fc.integer({ min: 1, max: 70 }) }),
  fc.record({ kind: fc.constant('swap' as const), a: slot, b: slot }),
  fc.record({ kind: fc.constant('copy' as const), a: slot, b: slot }),
  fc.record({ kind: fc.constant('fit' as const), length: fc.integer({ min: 1, max: contextLength }) }),
);

describe.each<KeyLayout>(['transposed', 'rows'])('keys as %s', (keys) => {
  test('every element is where it was put, whatever is written, moved, copied, grown or shrunk', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), (actions) => {
        const cache = new KeyValueCache(geometry, slots, keys);
        const held = Array.from({ length: slots }, (_, tenant) => ({ tenant, length: 0 }));
        for (const step of actions) {
          if (step.kind === 'write') {
            const { tenant, length } = held[step.slot]!;
            const count = Math.min(step.count, contextLength - length);
            if (count === 0) continue;
            cache.fit(Math.max(cache.capacity, length + count));
            for (let plane = 0; plane < 2 * layers; plane += 1) {
              const data = added(plane, tenant, [length, count, keys]);
              cache.write(plane, [step.slot, length], { data, batchIndex: 0, span: count, start: 0, count });
            }
            held[step.slot] = { tenant, length: length + count };
          } else if (step.kind === 'swap') {
            cache.swap(step.a, step.b);
            [held[step.a], held[step.b]] = [held[step.b]!, held[step.a]!];
          } else if (step.kind === 'copy') {
            cache.copy(step.a, step.b, held[step.a]!.length);
            held[step.b] = held[step.a]!;
          } else {
            cache.fit(step.length);
            for (const entry of held) entry.length = Math.min(entry.length, cache.capacity);
          }
          for (const [index, { tenant, length }] of held.entries()) check(cache, [index, tenant, length], keys);
        }
      }),
      { numRuns: 60 },
    );
  });
});

test('blocks grow in steps to the whole context, and shrink only when most of them is empty', () => {
  const cache = new KeyValueCache(geometry, slots, 'transposed');
  const capacities = [1, 65, 40, 299, 300, 76, 75].map((length) => {
    cache.fit(length);
    return cache.capacity;
  });
  expect(capacities).toEqual([64, 128, 128, 300, 300, 300, 300]);
  cache.fit(10);
  expect(cache.capacity).toBe(64);
});

test('a cleared slot is all zeros', () => {
  const cache = new KeyValueCache(geometry, slots, 'rows');
  cache.fit(1);
  cache.view(0, 1, 1).fill(Number.NaN);
  cache.clear(1);
  expect(cache.view(0, 0, slots).every((value) => value === 0)).toBe(true);
});
