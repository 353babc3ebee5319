import { expect, test } from '@jest/globals';
import { commitOf } from './kept.ts';

const [whole, sample] = [true, false].map((isWhole) => ({ isWhole, commit: 'abc' })) as [
  { isWhole: true; commit: string },
  { isWhole: false; commit: string },
];

test('a document has the tables of one whole run of one commit', () => {
  expect(commitOf([whole, whole])).toBe('abc');
  for (const mixed of [[], [whole, sample], [whole, { ...whole, commit: 'abd' }]])
    expect(() => commitOf(mixed)).toThrow('one whole run');
});
