import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { depthLimit } from '../../../../../runtime/server/decoding/grammar/grammar.ts';
import { ObjectNames } from '../../../../../runtime/server/decoding/grammar/object-names.ts';

const property = fc.record({ height: fc.constantFrom(0, 1, 2, Number.POSITIVE_INFINITY), required: fc.boolean() });

test('of some properties one may come exactly when it does by itself', () => {
  fc.assert(
    fc.property(fc.array(property, { maxLength: 8 }), fc.nat(8), fc.nat(2), (all, next, room) => {
      const properties = all.map(({ required }, node) => ({ name: `p${node}`, node, required }));
      const heights = all.map(({ height }) => height);
      const names = new ObjectNames({ kind: 'object', properties, rest: null }, heights);
      const written = { next: Math.min(next, all.length), depth: depthLimit - room };
      const offered = properties.filter(({ node }) => names.offers(node, written)).map(({ node }) => node);
      expect(names.offersAny(written)).toBe(offered.length > 0);
      for (const some of [[...all.keys()], [...all.keys()].filter((index) => index % 2 === 0)])
        expect(names.offersOneOf(some, written)).toBe(some.some((index) => offered.includes(index)));
    }),
  );
});
