import { expect, test } from '@jest/globals';
import { sentenceOf } from '../../../operator/workloads/sentence.ts';

test.each([
  [{ message: 'why', pod: 'p-0', exitCode: 1 }, 'p-0 (exit code 1): why'],
  [{ message: 'why', pod: 'p-0' }, 'p-0: why'],
  [{ message: 'why' }, 'why'],
  [{}, ''],
])('%j reads %j', (attempt, sentence) => {
  expect(sentenceOf(attempt)).toBe(sentence);
});
