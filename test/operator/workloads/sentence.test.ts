import { expect, test } from '@jest/globals';
import { clipped, sentenceOf } from '../../../operator/workloads/sentence.ts';

test.each([
  [{ message: 'why', pod: 'p-0', exitCode: 1 }, 'p-0 (exit code 1): why'],
  [{ message: 'why', pod: 'p-0' }, 'p-0: why'],
  [{ message: 'why' }, 'why'],
  [{}, ''],
])('%j reads %j', (attempt, sentence) => {
  expect(sentenceOf(attempt)).toBe(sentence);
});

test.each([
  ['short', 5, 'short'],
  ['much longer', 5, 'much…'],
  ['smile 😀', 8, 'smile 😀'],
  ['smile 😀!', 8, 'smile \uFFFD…'],
])('%j within %i is %j', (text, longest, expected) => {
  expect(clipped(text, longest)).toBe(expected);
});
