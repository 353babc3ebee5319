import { expect, test } from '@jest/globals';
import { predictionsOf } from '../../../../runtime/server/samples/predictions.ts';

const output = (shape: readonly number[], ...data: readonly number[]) =>
  ({ name: 'y', datatype: 'FP64', shape, data: Float64Array.from(data) }) as const;
const labels = ['cat', 'dog', 'owl'];

test('logits become probabilities, the likeliest class first', () => {
  const [first] = predictionsOf(output([1, 3], Math.log(2), Math.log(5), Math.log(3)), { labels }, 2);
  expect(first).toEqual({
    label: 'dog',
    probability: expect.closeTo(0.5, 12),
    classes: [
      { label: 'dog', probability: expect.closeTo(0.5, 12) },
      { label: 'owl', probability: expect.closeTo(0.3, 12) },
    ],
  });
});

test('large logits do not overflow', () => {
  expect(predictionsOf(output([1, 3], 1000, 999, -1000), { labels }, 3)[0]).toMatchObject({
    probability: expect.closeTo(1 / (1 + Math.exp(-1)), 12),
  });
});

test('probabilities stay what they are', () => {
  const found = predictionsOf(output([2, 3], 0.1, 0.2, 0.7, 1, 0, 0), { labels, outputsAre: 'probabilities' }, 1);
  expect(found).toEqual([
    { label: 'owl', probability: 0.7, classes: [{ label: 'owl', probability: 0.7 }] },
    { label: 'cat', probability: 1, classes: [{ label: 'cat', probability: 1 }] },
  ]);
});

test('a model without labels answers with its values', () => {
  expect(predictionsOf(output([2, 1], 3, 4), {}, 5)).toEqual([{ value: 3 }, { value: 4 }]);
  expect(predictionsOf(output([2], 3, 4), {}, 5)).toEqual([{ value: 3 }, { value: 4 }]);
  expect(predictionsOf(output([1, 2], 3, 4), {}, 5)).toEqual([{ values: [3, 4] }]);
});

test('a class that is ruled out by -Infinity has a probability of 0', () => {
  const [found] = predictionsOf(output([1, 3], 0, -Infinity, 0), { labels }, 3);
  const classes = ['cat', 'owl', 'dog'].map((label) => ({ label, probability: label === 'dog' ? 0 : 0.5 }));
  expect(found).toMatchObject({ classes });
});

test.each([
  ['NaN beside labels', output([1, 3], 1, NaN, 2), { labels }],
  ['an infinity beside labels', output([1, 3], 1, Infinity, 2), { labels }],
  ['no class at all', output([1, 3], -Infinity, -Infinity, -Infinity), { labels }],
  ['a probability that is NaN', output([1, 3], 0, 1, NaN), { labels, outputsAre: 'probabilities' as const }],
  ['a value that is none', output([2, 1], 1, NaN), {}],
  ['values of which one is infinite', output([1, 2], 1, -Infinity), {}],
])('%s is no answer', (_what, given, known) => {
  expect(() => predictionsOf(given, known, 1)).toThrow("output 'y' holds NaN or an infinity, which JSON cannot carry");
});

test.each([
  [output([1, 2], 1, 2), { labels }, 'which is not 3 classes for each row'],
  [output([1, 1, 2], 1, 2), {}, 'which is not a number or a list of numbers for each row'],
])('%j is no prediction', (given, known, sentence) => {
  expect(() => predictionsOf(given, known, 5)).toThrow(sentence);
});
