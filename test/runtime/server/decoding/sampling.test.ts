import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  adjusted,
  argmax,
  choose,
  largest,
  logProbabilities,
  randomFrom,
  restricted,
  seedOf,
  type Sampling,
} from '../../../../runtime/server/decoding/sampling.ts';

const plain: Sampling = {
  ...{ temperature: 1, topP: 1, topK: 0, presencePenalty: 0, frequencyPenalty: 0, repetitionPenalty: 1 },
  ...{ bias: [], seed: 0 },
};

const logitsOf = fc
  .array(fc.float({ min: -30, max: 30, noNaN: true }), { minLength: 1, maxLength: 200 })
  .map((values) => Float32Array.from(values));

const probabilities = (logits: Float32Array, temperature: number): readonly number[] => {
  const most = Math.max(...logits);
  const weights = Array.from(logits, (logit) => Math.exp((logit - most) / temperature));
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / mass);
};

/** Possible tokens from the likeliest down, the first of equals first. */
const ranked = (logits: Float32Array): readonly number[] =>
  Array.from(logits.keys())
    .filter((token) => logits[token]! > -Infinity)
    .sort((a, b) => logits[b]! - logits[a]! || a - b);

/** The tokens that may be chosen and how likely, by definition; undefined where rounding decides how many they are. */
function defined(logits: Float32Array, { temperature, topP, topK }: Sampling): ReadonlyMap<number, number> | undefined {
  const kept = ranked(logits).slice(0, topK > 0 ? topK : undefined);
  const weights = kept.map((token) => Math.exp((logits[token]! - logits[kept[0]!]!) / temperature));
  const mass = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  const reached = weights.map((weight) => (sum += weight) / mass);
  if (topP < 1 && reached.some((share) => Math.abs(share - topP) < 1e-9)) return undefined;
  const count = topP < 1 ? reached.findIndex((share) => share >= topP) + 1 : kept.length;
  const whole = reached[count - 1]! * mass;
  return new Map(kept.slice(0, count).map((token, index) => [token, weights[index]! / whole]));
}

const steps = 400;

/** How often each token is chosen where chance goes through [0, 1) in equal steps. */
function timesOf(logits: Float32Array, sampling: Sampling): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  for (let step = 0; step < steps; step += 1) {
    const token = choose(logits, sampling, () => (step + 0.5) / steps);
    times.set(token, (times.get(token) ?? 0) + 1);
  }
  return times;
}

describe('what is ruled out', () => {
  const allowed = Uint32Array.of(0b101 << 29, 0xffffffff);
  const left = [29, 31, ...Array.from({ length: 32 }, (_, index) => 32 + index)];

  test('is impossible, and everything else is as it was', () => {
    const logits = Float32Array.from({ length: 70 }, (_, token) => token - 35);
    const rest = restricted(logits, allowed);
    expect([...rest.entries()].filter(([, logit]) => logit > -Infinity).map(([token]) => token)).toEqual(left);
    for (const token of left) expect(rest[token]).toBe(token - 35);
  });

  test.each([
    ['among all', {}],
    ['among the likeliest few', { topK: 50 }],
    ['among very many', { topK: 69 }],
    ['among those that reach a probability', { topP: 0.999 }],
  ])('is never chosen %s', (_what, changes) => {
    const rest = restricted(new Float32Array(70), allowed);
    expect([...largest(rest, 50)].sort((a, b) => a - b)).toEqual(left);
    const tokens = [...timesOf(rest, { ...plain, ...changes }).keys()];
    expect(tokens.every((token) => left.includes(token))).toBe(true);
    expect(tokens.length).toBeGreaterThan(30);
  });
});

describe('a choice', () => {
  test('the largest are those that sorting finds', () => {
    fc.assert(
      fc.property(logitsOf, fc.integer({ min: 1, max: 100 }), (logits, count) => {
        expect(largest(logits, count)).toEqual(ranked(logits).slice(0, count));
        expect(argmax(logits)).toBe(ranked(logits)[0]);
      }),
    );
  });

  test('is among the top-k, of those the fewest that reach top-p, and as likely as its weight says', () => {
    const some = fc.array(fc.constantFrom(-Infinity, NaN, -2, 0, 0.5, 3), { minLength: 1, maxLength: 100 });
    const flat = fc.array(fc.float({ min: 0, max: Math.fround(0.01), noNaN: true }), {
      minLength: 100,
      maxLength: 300,
    });
    const settings = fc.record({
      temperature: fc.constantFrom(0.2, 1, 2),
      topP: fc.oneof(fc.constant(1), fc.double({ min: 0.01, max: 0.99, noNaN: true })),
      topK: fc.constantFrom(0, 1, 5, 90),
    });
    fc.assert(
      fc.property(fc.oneof(logitsOf, some, flat), settings, (values, changes) => {
        const [logits, sampling] = [Float32Array.from(values), { ...plain, ...changes }];
        const expected = defined(logits, sampling);
        fc.pre(expected !== undefined && expected.size > 0);
        const times = timesOf(logits, sampling);
        for (const token of times.keys()) expect(expected.has(token)).toBe(true);
        for (const [token, share] of expected)
          expect(Math.abs((times.get(token) ?? 0) - share * steps)).toBeLessThanOrEqual(1.001);
      }),
    );
  });

  test.each<[string, (token: number, count: number) => number]>([
    ['at the beginning', (token) => -token],
    ['at the end', (token) => token],
    ['in the middle', (token, count) => -Math.abs(token - count / 2)],
  ])('among a hundred thousand, the likeliest of which stand %s, takes no longer than a few looks at each', (_, of) => {
    const count = 100_000;
    const logits = Float32Array.from({ length: count }, (_unused, token) => of(token, count) / count);
    expect(largest(logits, count / 2)[0]).toBe(argmax(logits));
    expect(choose(logits, { ...plain, topP: 0.5 }, () => 0.5)).toBeGreaterThanOrEqual(0);
  });

  test('temperature 0 is the likeliest, whatever chance says', () => {
    fc.assert(
      fc.property(logitsOf, fc.double({ min: 0, max: 0.999, noNaN: true }), (logits, random) => {
        expect(choose(logits, { ...plain, temperature: 0 }, () => random)).toBe(argmax(logits));
      }),
    );
  });

  test('one that is infinite has no rival', () => {
    expect(choose(Float32Array.of(1, Infinity, 1), plain, () => 0.9)).toBe(1);
  });

  test('logits that are no numbers choose nothing', () => {
    expect(choose(Float32Array.of(Number.NaN, Number.NaN), plain, () => 0)).toBe(-1);
    expect(choose(Float32Array.of(Number.NaN, 1), { ...plain, topK: 1 }, () => 0)).toBe(1);
  });
});

test('tokens are drawn as often as their probability says', () => {
  const logits = Float32Array.of(1, 2, 0, 1.5);
  const random = randomFrom(42);
  const counts = [0, 0, 0, 0];
  const draws = 40_000;
  for (let draw = 0; draw < draws; draw += 1) counts[choose(logits, { ...plain, temperature: 0.7 }, random)]! += 1;
  for (const [token, probability] of probabilities(logits, 0.7).entries()) {
    // Five standard deviations, and the seed is fixed.
    const slack = 5 * Math.sqrt((probability * (1 - probability)) / draws);
    expect(Math.abs(counts[token]! / draws - probability)).toBeLessThan(slack);
  }
});

test('equal seeds draw alike, others do not', () => {
  const draws = (seed: number): readonly number[] => Array.from({ length: 20 }, randomFrom(seed));
  expect(draws(1)).toEqual(draws(1));
  expect(draws(1)).not.toEqual(draws(2));
  expect(draws(-1).every((value) => value >= 0 && value < 1)).toBe(true);
});

test('large seeds count whole, and so does the choice', () => {
  const first = (seed: number): number => randomFrom(seed)();
  const large = 0x1122334455667700;
  const seeds = [large, large + 256, -large, 2 ** 32, 2 ** 33, 2 ** 53];
  const all = seeds.flatMap((seed) => [0, 1, 2].map((choice) => first(seedOf(seed, choice))));
  expect(new Set(all).size).toBe(all.length);
  expect([seedOf(7, 2), seedOf(-1, 0), seedOf(2 ** 32, 1)]).toEqual([9, -1, 2 ** 32 + 1]);
});

describe('penalties', () => {
  const logits = Float32Array.of(2, -2, 1, 0);
  const history = { counts: new Map([[0, 3]]), seen: new Set([0, 1]) };

  test.each([
    [{ presencePenalty: 0.5 }, [1.5, -2, 1, 0]],
    [{ frequencyPenalty: 0.5 }, [0.5, -2, 1, 0]],
    [{ repetitionPenalty: 2 }, [1, -4, 1, 0]],
    [{ bias: [[3, 5] as const, [99, 1] as const] }, [2, -2, 1, 5]],
  ])('%j', (changes, expected) => {
    expect(Array.from(adjusted(logits, { ...plain, ...changes }, history))).toEqual(expected);
    expect(Array.from(logits)).toEqual([2, -2, 1, 0]);
  });
});

test('log probabilities are those of the model, and sum to one', () => {
  fc.assert(
    fc.property(logitsOf, (logits) => {
      const { logprob, top } = logProbabilities(logits, argmax(logits), logits.length);
      expect(logprob).toBe(top[0]?.logprob);
      expect(top.reduce((sum, entry) => sum + Math.exp(entry.logprob), 0)).toBeCloseTo(1, 6);
    }),
  );
});
