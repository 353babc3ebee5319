import { expect, test } from '@jest/globals';
import { runProgram, wordsOf } from '../../demo/kubectl.ts';

test('a status in words', () => {
  const accepted = {
    type: 'Accepted',
    status: 'True',
    reason: 'Valid',
    message: 'fine',
    lastTransitionTime: '',
  } as const;
  expect(wordsOf(undefined)).toBe('it has no status');
  expect(wordsOf({ phase: 'Running', conditions: [accepted] })).toBe('phase Running; Accepted=True (Valid: fine)');
});

test('a program that fails rejects with its own words', async () => {
  await expect(runProgram('sh', ['-c', 'echo first >&2; echo last >&2; exit 3'])).rejects.toThrow(/^first\nlast$/);
  await expect(runProgram('no-such-program', [])).rejects.toThrow('no-such-program is not on the PATH');
});

test('a program reads its input', async () => {
  expect(await runProgram('cat', [], 'given')).toBe('given');
});
